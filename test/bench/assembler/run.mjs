/**
 * How long 10,000 lines of assembly take, beside NASM on the same text, in Electron's Node as the editor's worker has it. Writes its section of
 * docs/benchmarks.md.
 *
 *   node test/bench/assembler/run.mjs [--rounds N] [--no-write]
 *
 * Exit status: 0 when the goal is reached, 1 when it is not, 2 for wrong arguments.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureElectron } from '../../../build/electron.mjs';
import { ensureNodePackages, requireNode } from '../../../build/prepare.mjs';
import { median, writeSection } from '../page.mjs';
import { programOf } from './program.mjs';

const LINES = 10_000;
/** Milliseconds. */
const GOAL = 200;
/** Times that one process assembles: the first is cold, the last ones are what an editor sees. */
const TIMES = 12;
const WARM = 6;

async function bundle(folder) {
  const { build } = await import('vite');
  const { nodeConfiguration } = await import('../../../build/node-configuration.mjs');
  const configuration = nodeConfiguration({
    build: { ssr: path.join(import.meta.dirname, 'measure.ts'), outDir: folder, emptyOutDir: false },
    rolldownOptions: { external: (id) => id.startsWith('node:'), output: { format: 'es', entryFileNames: 'measure.mjs' } },
  });
  await build(configuration);
}

function run(program, args, env = process.env) {
  const begin = performance.now();
  const done = spawnSync(program, args, { encoding: 'utf8', env });
  if (done.status !== 0) throw new Error(`${program} failed: ${done.error?.message ?? done.stderr}`);
  return { milliseconds: performance.now() - begin, output: done.stdout };
}

async function measure(electron, rounds) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'vitrine-bench-assembler-'));
  try {
    await bundle(folder);
    const source = path.join(folder, 'program.asm');
    const output = path.join(folder, 'program.bin');
    writeFileSync(source, programOf(LINES));
    const results = [];
    for (let round = 0; round < rounds; round++) {
      const sides = [
        () => {
          const { milliseconds } = run('nasm', ['-f', 'bin', source, '-o', output]);
          return { nasm: milliseconds };
        },
        () => {
          const ours = (...words) => {
            const environment = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
            return JSON.parse(run(electron, [path.join(folder, 'measure.mjs'), source, ...words], environment).output);
          };
          const { milliseconds, digest } = ours(String(TIMES), 'practise');
          return { cold: ours('1').milliseconds[0], first: milliseconds[0], later: median(milliseconds.slice(-WARM)), digest };
        },
      ];
      if (round % 2 === 1) sides.reverse();
      const result = Object.assign({}, ...sides.map((side) => side()));
      const theirs = createHash('sha256').update(readFileSync(output)).digest('hex');
      if (theirs !== result.digest) throw new Error('NASM and our assembler made different bytes.');
      results.push(result);
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function optionsOf(args) {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string' }, 'no-write': { type: 'boolean', default: false } },
  });
  const rounds = values.rounds === undefined ? 9 : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number from 1, not "${values.rounds}".`);
  return { rounds, write: !values['no-write'] };
}

function report(results, rounds) {
  const cell = (values) => `${median(values).toFixed(0)} (${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)})`;
  const ratio = (key) => median(results.map((result) => result[key] / result.nasm)).toFixed(2);
  const of = (key) => results.map((result) => result[key]);
  const word = (key) => (median(of(key)) < GOAL ? 'reached' : '**missed**');
  const reached = median(of('later')) < GOAL && median(of('first')) < GOAL;
  const text = `## Assembling

Written by \`node test/bench/assembler/run.mjs --rounds ${rounds}\`. ${LINES.toLocaleString('en-GB')} lines (\`test/bench/assembler/program.mjs\`) to a flat binary, in
Electron's Node; NASM on the same text, with the start of its process. Both make the same bytes. Milliseconds, medians of ${rounds} rounds with least and
most in brackets; rounds take turns in which is first.

| | ms | ratio to NASM |
|---|---:|---:|
| the first time in the editor, whose worker has practised a second before | ${cell(of('first'))} | **${ratio('first')}** |
| again, as the editor does while one types | ${cell(of('later'))} | **${ratio('later')}** |
| for comparison: the first time in a fresh process, as \`vitrine asm\` | ${cell(of('cold'))} | **${ratio('cold')}** |
| NASM | ${cell(of('nasm'))} | |

Goal in the editor: less than ${GOAL} ms; again: ${word('later')}, the first time: ${word('first')}. ${os.cpus()[0]?.model ?? 'unknown CPU'}, load average ${os.loadavg()[0].toFixed(1)} at the end.`;
  return { text, reached };
}

let options;
try {
  options = optionsOf(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
try {
  requireNode();
  ensureNodePackages();
  const { text, reached } = report(await measure(await ensureElectron(), options.rounds), options.rounds);
  process.stdout.write(`${text}\n`);
  if (options.write) writeSection('assembler', text);
  process.exitCode = reached ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
