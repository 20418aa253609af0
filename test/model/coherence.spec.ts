/**
 * Coherence of decoded code (engine/machine/code-coherence.ts) in every interleaving of a vCPU that decodes and executes a line with one that
 * writes it and then says so in a guest variable. Safety: once the guest has seen that variable, it executes what was written. Negative controls
 * take one precaution out at a time and have to fail.
 */
import { describe, expect, it } from 'vitest';
import { Attention } from '../../engine/isa/state.ts';
import * as coherence from '../../engine/machine/code-coherence.ts';
import type { CoherenceWords } from '../../engine/machine/code-coherence.ts';
import * as stop from '../../engine/machine/stop.ts';
import { explore, type ModelStep, type Thread } from './explore.ts';

const cpus = 2;
const page = 0;
const word = {
  stop: 0,
  attention: cpus,
  owner: 2 * cpus,
  inside: 2 * cpus + 1,
  writing: 3 * cpus + 1,
  lines: 4 * cpus + 1,
  generation: 4 * cpus + 2,
  /** The guest's: the byte of code (0 old, 1 new), and what the writer says when it is written. */
  byte: 4 * cpus + 3,
  said: 4 * cpus + 4,
  /** Ghosts of the decoder's private cache: 0 none, else 1 + the byte it was decoded from, and the generation of then. */
  record: 4 * cpus + 5,
  decodedAt: 4 * cpus + 6,
  /** Ghost of what a record is made of while it is being made. */
  bytesRead: 4 * cpus + 7,
};
const wordCount = 4 * cpus + 8;
const line = 1;

const words: CoherenceWords = {
  stop: {
    cpus,
    stop: (cpu) => word.stop + cpu,
    attention: (cpu) => word.attention + cpu,
    owner: word.owner,
    inside: (cpu) => word.inside + cpu,
  },
  writing: (cpu) => word.writing + cpu,
  lines: () => word.lines,
  generation: () => word.generation,
};

type Steps = Generator<ModelStep, void, number>;

const sound = { ...coherence, notifyAfterStore: true };
type Parts = typeof sound;

/** Between two instructions: stops, and records whose page has moved on. */
function* poll(cpu: number): Steps {
  const attention = yield { at: 'poll', op: 'load', word: word.attention + cpu };
  if ((attention & Attention.stop) !== 0) yield* stop.obeyStop(words.stop, cpu);
  if (cpu !== 0 || (attention & Attention.flush) === 0) return;
  yield { at: 'flush', op: 'and', word: word.attention + cpu, value: ~Attention.flush };
  const now = yield { at: 'flush.generation', op: 'load', word: word.generation };
  const then = yield { at: 'flush.decodedAt', op: 'load', word: word.decodedAt, local: now };
  if (now !== then) yield { at: 'drop', op: 'store', word: word.record, value: 0 };
}

/** Executes the line; decodes it first if there is no record of it. The guest has seen `said`, or not, before. */
function* execute(parts: Parts, said: number): Steps {
  const record = yield { at: 'record', op: 'load', word: word.record, local: said };
  if (record === 0) {
    const generation = yield { at: 'generation before', op: 'load', word: word.generation, local: said };
    yield { at: 'decodedAt', op: 'store', word: word.decodedAt, value: generation, local: said };
    for (;;) {
      const byte = yield { at: 'fetch', op: 'load', word: word.byte, local: said };
      yield { at: 'fetched', op: 'store', word: word.bytesRead, value: 1 + byte, local: said };
      const isNew = yield* parts.markLine(words, 0, page, word.lines, line);
      if (!isNew) break;
    }
    const read = yield { at: 'decode', op: 'load', word: word.bytesRead, local: said };
    yield { at: 'decoded', op: 'store', word: word.record, value: read, local: said };
  }
  yield {
    at: 'execute',
    op: 'assert',
    check: (values) =>
      said === 1 && values[word.record] === 1 ? 'old code is executed after the writer has said that it is new' : undefined,
  };
}

function decoder(parts: Parts): Thread {
  return function* () {
    yield* stop.leaveQuiescence(words.stop, 0);
    for (let round = 0; round < 2; round++) {
      yield { at: `round ${round}`, op: 'checkpoint' };
      yield* poll(0);
      yield* execute(parts, 0);
      const said = yield { at: 'see', op: 'load', word: word.said };
      yield { at: `saw ${said} in round ${round}`, op: 'checkpoint' };
      // What follows is another block, and CPUID if the guest is careful: both look at the attention word.
      yield* poll(0);
      if (said === 1) yield* execute(parts, 1);
    }
    yield { at: 'end', op: 'checkpoint' };
    yield* stop.enterQuiescence(words.stop, 0);
  };
}

function writer(parts: Parts): Thread {
  return function* () {
    yield* stop.leaveQuiescence(words.stop, 1);
    yield { at: 'start', op: 'checkpoint' };
    yield* poll(1);
    const marks = yield* parts.announceWrite(words, 1, page, word.lines, line);
    const notify = function* (): Steps {
      yield* parts.noteStored(words, page, word.lines, line);
      yield { at: 'tell', op: 'or', word: word.attention, value: Attention.flush };
    };
    if (marks !== 0 && !parts.notifyAfterStore) yield* notify();
    yield { at: 'store', op: 'store', word: word.byte, value: 1, local: marks };
    if (marks !== 0 && parts.notifyAfterStore) yield* notify();
    // The next instruction.
    yield { at: 'next', op: 'checkpoint' };
    yield* poll(1);
    yield { at: 'say', op: 'store', word: word.said, value: 1 };
    yield { at: 'end', op: 'checkpoint' };
    yield* stop.enterQuiescence(words.stop, 1);
  };
}

function check(parts: Parts) {
  return explore({
    threads: [decoder(parts), writer(parts)],
    words: new Array<number>(wordCount).fill(0),
    goals: ['done 0', 'done 1'],
  });
}

describe('decoded code, in every interleaving', () => {
  it('is what was written, once the writer has said so', () => {
    const outcome = check(sound);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.states).toBeGreaterThan(500);
  });

  it('is stale when the writer does not announce its store', () => {
    const announceWrite: Parts['announceWrite'] = function* (_words, _cpu, _page, at, bits) {
      const marks = yield { at: 'marks', op: 'load', word: at };
      return marks & bits;
    };
    expect(check({ ...sound, announceWrite }).failure).toMatch(/old code/);
  });

  it('is stale when the decoder does not let an announced writer come to its next poll', () => {
    const markLine: Parts['markLine'] = function* (_words, _cpu, _page, at, bits) {
      const before = yield { at: 'mark', op: 'or', word: at, value: bits };
      return (before & bits) !== bits;
    };
    expect(check({ ...sound, markLine }).failure).toMatch(/old code/);
  });

  it('is stale when the bytes are not read again behind the mark', () => {
    const markLine: Parts['markLine'] = function* (...parameters) {
      yield* coherence.markLine(...parameters);
      return false;
    };
    expect(check({ ...sound, markLine }).failure).toMatch(/old code/);
  });

  it('is stale when the page does not get another generation', () => {
    const noteStored: Parts['noteStored'] = function* (_words, _page, at, bits) {
      yield { at: 'unmark', op: 'and', word: at, value: ~bits };
    };
    expect(check({ ...sound, noteStored }).failure).toMatch(/old code/);
  });

  it('is right as well when the others are told before the store: who decodes again finds the announcement', () => {
    expect(check({ ...sound, notifyAfterStore: false }).failure).toBeUndefined();
  });
});
