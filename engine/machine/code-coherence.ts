/**
 * How the vCPUs of one machine keep what they decoded right while others write (docs/decisions/0008): each decodes on its own, all share
 * which lines of memory somebody decoded.
 *
 * A decoder marks a line before it reads the line's bytes; a writer announces the page before it looks at the marks. One of them sees
 * the other. A writer that sees a mark stores first and raises the page's generation then, so whoever decoded the old bytes, before or
 * meanwhile, drops them at its next poll. A decoder that sees an announcement lets the writer come to its next poll before it reads.
 *
 * All of it is a text over AtomicStep; test/model/coherence.spec.ts explores every interleaving.
 */
import { FlushScope, Page, type CodeCoherence } from '../cpu/platform.ts';
import { run, type Protocol } from './atomic-step.ts';
import type { MachineControl } from './control.ts';
import type { MachineMemory } from './memory.ts';
import { acquireExclusivityBetweenInstructions, releaseExclusivity, type StopWords } from './stop.ts';

const lineShift = 6;
const linesOfWord = 32;

/** Indices of the words of one page and of the announcements. */
export interface CoherenceWords {
  readonly stop: StopWords;
  /** Page a vCPU may be writing, plus one. */
  writing(cpu: number): number;
  /** The word with the mark of a line of a page. */
  lines(page: number, line: number): number;
  generation(page: number): number;
}

/** Marks lines of a page as decoded. True if they were not marked before: the caller reads their bytes again. */
export function* markLine(words: CoherenceWords, cpu: number, page: number, word: number, bits: number): Protocol<boolean> {
  const before = yield { at: 'mark', op: 'or', word, value: bits };
  if ((before & bits) === (bits | 0)) return false;
  for (let other = 0; other < words.stop.cpus; other++) {
    if (other === cpu) continue;
    const writing = yield { at: `look ${other}`, op: 'load', word: words.writing(other) };
    if (writing !== page + 1) continue;
    // Somebody may be on the way to a store: with exclusivity nobody is.
    yield* acquireExclusivityBetweenInstructions(words.stop, cpu);
    for (let each = 0; each < words.stop.cpus; each++) {
      yield { at: `forget ${each}`, op: 'compareExchange', word: words.writing(each), expected: page + 1, value: 0 };
    }
    yield* releaseExclusivity(words.stop, cpu);
    return true;
  }
  return true;
}

/** Before a store to a page with code: the marks of the lines it touches. Zero: store, and nobody has to be told. */
export function* announceWrite(words: CoherenceWords, cpu: number, page: number, word: number, bits: number): Protocol<number> {
  yield { at: 'announce', op: 'store', word: words.writing(cpu), value: page + 1 };
  const marks = yield { at: 'marks', op: 'load', word };
  return marks & bits;
}

/** Behind a store to lines that were marked. The caller then has the others look at the page's generation. */
export function* noteStored(words: CoherenceWords, page: number, word: number, bits: number): Protocol {
  yield { at: 'unmark', op: 'and', word, value: ~bits };
  const before = yield { at: 'generation', op: 'load', word: words.generation(page) };
  for (let seen = before; ;) {
    const found = yield {
      at: 'generation.raise',
      op: 'compareExchange',
      word: words.generation(page),
      expected: seen,
      value: (seen + 1) | 0,
      local: seen,
    };
    if (found === seen) return;
    seen = found;
  }
}

/** Bits of the lines in one of a page's two words that `size` bytes at `first` touch. */
export function lineBits(first: number, size: number, half: number): number {
  const from = Math.max((first >>> lineShift) - half * linesOfWord, 0);
  const to = Math.min(((first + size - 1) >>> lineShift) - half * linesOfWord, linesOfWord - 1);
  if (from > to) return 0;
  return ((0xffffffff >>> (linesOfWord - 1 - to)) & (0xffffffff << from)) | 0;
}

/** On the thread of one vCPU; `cpu` -1 on one that only writes by DMA. Undefined for a machine with one vCPU. */
export function codeCoherence(memory: MachineMemory, control: MachineControl, cpu: number): CodeCoherence | undefined {
  const region = memory.codeLines;
  if (region === undefined) return undefined;
  const { words } = memory;
  const at: CoherenceWords = {
    stop: control.stopWords,
    writing: (other) => control.word('writing', other),
    lines: (page, line) => region.lines + 2 * page + (line < linesOfWord ? 0 : 1),
    generation: (page) => region.generations + page,
  };
  const eachWord = (page: number, first: number, size: number, body: (word: number, bits: number) => void) => {
    for (let half = 0; half < 2; half++) {
      const bits = lineBits(first, size, half);
      if (bits !== 0) body(at.lines(page, half * linesOfWord), bits);
    }
  };
  const tellOthers = () => control.requestFlush(FlushScope.changedCode, cpu);
  return {
    generation: (page) => Atomics.load(words, at.generation(page)),
    markPage: (page) => {
      if ((Atomics.load(memory.pageFlags, page) & Page.code) !== 0) return;
      // Everybody's write entries go before a byte is read: whoever wakes up finds the flush before its next instruction.
      run(words, acquireExclusivityBetweenInstructions(at.stop, cpu));
      try {
        Atomics.or(memory.pageFlags, page, Page.code);
        control.requestFlush(FlushScope.writes, cpu);
      } finally {
        run(words, releaseExclusivity(at.stop, cpu));
      }
    },
    markLines: (page, first, size) => {
      let isNew = false;
      eachWord(page, first, size, (word, bits) => {
        if ((Atomics.load(words, word) & bits) === bits) return;
        if (run(words, markLine(at, cpu, page, word, bits))) isNew = true;
      });
      return isNew;
    },
    announceWrite: (page, first, size) => {
      let isMarked = false;
      eachWord(page, first, size, (word, bits) => {
        if (run(words, announceWrite(at, cpu, page, word, bits)) !== 0) isMarked = true;
      });
      return isMarked;
    },
    stored: (page, first, size) => {
      eachWord(page, first, size, (word, bits) => run(words, noteStored(at, page, word, bits)));
      tellOthers();
    },
  };
}
