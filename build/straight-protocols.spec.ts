/** The straight form of each protocol against the generator it was made from: the same memory and the same result, from the same beginning. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StopWords } from '../engine/machine/stop.ts';
import { nodeConfiguration } from './node-configuration.mjs';
import { straighten as straightenUntyped } from './straight-protocols.mjs';
import { build } from 'vite';

const straighten = straightenUntyped as (code: string, id: string) => string | undefined;
const root = path.join(import.meta.dirname, '..');
const cpus = 3;
const words = 32;
/** Stop words 0-2, attention 3-5, inside 6-8, owner 9; the rest are words that protocols are given by number. */
const stop: StopWords = { cpus, stop: (cpu) => cpu, attention: (cpu) => cpus + cpu, owner: 9, inside: (cpu) => 2 * cpus + cpu };
const smm = { stop, turn: 10, members: 11, view: 12 };
const grace = { stop, requested: 13, scope: (cpu: number) => 14 + cpu, done: (cpu: number) => 17 + cpu };

type Any = (...args: unknown[]) => unknown;

describe('protocols as straight code', () => {
  let folder: string;
  let built: Record<string, Any>;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-straight-'));
    const entry = path.join(folder, 'entry.ts');
    const modules = ['machine/stop.ts', 'machine/device-lock.ts', 'machine/grace-period.ts', 'machine/code-coherence.ts', 'smm/rendezvous.ts', 'peek/hand-over.ts', 'machine/atomic-step.ts'];
    writeFileSync(entry, modules.map((file) => `export * from ${JSON.stringify(path.join(root, 'engine', file))};`).join('\n'));
    const configuration = nodeConfiguration({ build: { write: false }, rolldownOptions: { input: { entry }, output: { format: 'es', entryFileNames: 'entry.mjs' } } }) as object;
    const result = (await build(configuration)) as { output: { code: string }[] };
    const file = path.join(folder, 'entry.mjs');
    writeFileSync(file, result.output[0]!.code);
    built = (await import(pathToFileURL(file).href)) as Record<string, Any>;
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** `args` makes them anew for each run, and may take down in `log` what is called. */
  function both(name: string, args: (log: unknown[]) => unknown[], initial: number[]): void {
    const logs: unknown[][] = [[], []];
    const memories = [0, 1].map(() => Int32Array.from(initial));
    const results = memories.map((memory, index) => {
      const given = args(logs[index]!);
      return index === 0 ? built.run!(memory, built[name]!(...given)) : built[`${name}Straight`]!(memory, ...given);
    });
    expect([...memories[1]!], name).toEqual([...memories[0]!]);
    expect(results[1], name).toEqual(results[0]);
    expect(logs[1], name).toEqual(logs[0]);
  }

  const memory = fc.array(fc.integer({ min: 0, max: 0x7ff }), { minLength: words, maxLength: words });
  const cpu = fc.integer({ min: 0, max: cpus - 1 });

  it('do the same to the same memory, with the same result', () => {
    const hooks = (log: unknown[]) => {
      const note =
        (what: string) =>
        (...args: unknown[]) =>
          void log.push([what, ...args]);
      return {
        *dropTranslations(of: number) {
          log.push(['drop', of]);
        },
        ...Object.fromEntries(['stopping', 'stopped', 'mapped', 'joined', 'unmapped', 'held'].map((what) => [what, note(what)])),
      };
    };
    fc.assert(
      fc.property(memory, cpu, fc.nat(0x7ff), (initial, which, reason) => {
        for (const [name, args] of [
          ['enterQuiescence', [stop, which]],
          ['comeOutside', [stop, which, 'x']],
          ['requestStop', [stop, which, reason]],
          ['releaseStop', [stop, which, reason]],
          ['releaseAll', [stop, reason, which]],
          ['releaseExclusivity', [stop, which]],
          ['sendSmi', [stop, which]],
          ['releaseLock', [20]],
          ['requestFlush', [grace, reason, which]],
          ['takeFlush', [grace, which]],
          ['hasPassed', [grace, which, reason]],
          ['announceWrite', [{ stop, writing: (of: number) => 21 + of, generation: () => 25 }, which, 7, 26, reason]],
          ['noteStored', [{ stop, writing: (of: number) => 21 + of, generation: () => 25 }, 7, 26, reason]],
          ['holdQuiescent', [stop, which]],
          ['finishRequest', [{ request: (of: number) => 28 + of, stop }, which]],
        ] as const)
          both(name, () => [...args], initial);
        // These wait for others, who stand still and are nowhere in an instruction.
        const still = initial.map((value, index) => (index < cpus ? 0 : index >= 6 && index <= 12 ? 0 : value));
        for (const name of ['leaveQuiescence', 'obeyStop', 'acquireExclusivity', 'acquireExclusivityBetweenInstructions']) both(name, () => [stop, which], still);
        both('stopAll', () => [stop, reason, which], still);
        both('stopUnless', () => [stop, reason, which, 0], still);
        both('acquireLock', () => [stop, 20, which], still.with(20, 0));
        const running = still.with(which, 1);
        both('enterSmm', (log) => [smm, which, hooks(log)], running);
        both('leaveSmm', (log) => [smm, which, hooks(log)], running.with(11, 1 << which).with(12, 1));
        both('stand', (log) => [smm, which, hooks(log)], still);
      }),
      { numRuns: 200 },
    );
  });

  it('would be found out: a step of another value is noticed', () => {
    const right = built.requestStopStraight!;
    built = { ...built, requestStopStraight: (memory: unknown, of: unknown, which: unknown, reason: unknown) => right(memory, of, which, Number(reason) ^ 2) };
    expect(() => both('requestStop', () => [stop, 1, 4], new Array<number>(words).fill(1))).toThrow('requestStop');
  });

  const module = (body: string) => `import { run, type Protocol } from './atomic-step.ts';\nimport { other } from './other.ts';\nexport function* one(cpu: number): Protocol<number> {\n${body}\n}\n`;

  it('keep their comments, their order and their lines', () => {
    const source = module("  const a = yield { at: 'a', op: 'load', word: cpu };\n  yield* other(a);\n  return a;");
    const result = straighten(source, 'x.ts')!;
    expect(result.split('\n').slice(0, 6).join('\n')).toBe(source.replace('{ other }', '{ other, otherStraight }').trimEnd().split('\n').slice(0, 6).join('\n'));
    expect(result).toContain('export function oneStraight($words: Int32Array<SharedArrayBuffer>, cpu: number): number {\n  const a = Atomics.load($words, cpu);\n  otherStraight($words, a);\n  return a;\n}');
  });

  it('are called where `run` was', () => {
    expect(straighten(`${module('  return 1;')}export const x = (w: never) => run(w, other(run(w, one(2))));`, 'x.ts')).toContain('otherStraight(w, oneStraight(w, 2))');
  });

  it('refuse what they do not understand', () => {
    expect(() => straighten(module("  yield { at: 'a', op: 'increment', word: cpu };\n  return 1;"), 'x.ts')).toThrow('x.ts:4: there is no operation "increment"');
    expect(() => straighten(module('  yield cpu as never;\n  return 1;'), 'x.ts')).toThrow('written as an object');
    expect(() => straighten(module("  yield { at: 'a', op: 'and', word: cpu };\n  return 1;"), 'x.ts')).toThrow('"and" takes "value"');
    expect(() => straighten(module("  yield { ...other, at: 'a', op: 'load', word: cpu };\n  return 1;"), 'x.ts')).toThrow('plain fields');
  });

  it('leave other modules alone', () => {
    expect(straighten('export const run = (a: number) => a;\nrun(1);', 'x.ts')).toBeUndefined();
    expect(straighten('export function* numbers(): Generator<number> { yield 1; }', 'x.ts')).toBeUndefined();
  });
});
