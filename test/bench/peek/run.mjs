/**
 * What a read of guest memory costs on the vCPU's own thread, beside a plain copy of as many bytes, under Electron's Node. Writes its section of
 * docs/benchmarks.md.
 *
 *   node test/bench/peek/run.mjs [--rounds N] [--no-write]
 *
 * Exit status: 0 when a read of 4 KiB that hits costs at most twice a copy, 1 when it does not, 2 for wrong arguments.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureElectron } from '../../../build/electron.mjs';
import { ensureNodePackages, requireNode } from '../../../build/prepare.mjs';
import { median, writeSection } from '../page.mjs';

const GOAL = 2;

async function measure(electron, rounds) {
  const { build } = await import('vite');
  const { nodeConfiguration } = await import('../../../build/node-configuration.mjs');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'vitrine-bench-peek-'));
  try {
    const configuration = nodeConfiguration({
      build: { ssr: path.join(import.meta.dirname, 'measure.ts'), outDir: folder, emptyOutDir: true },
      rolldownOptions: { external: (id) => id.startsWith('node:'), output: { format: 'es', entryFileNames: 'measure.mjs' } },
    });
    await build(configuration);
    const run = spawnSync(electron, [path.join(folder, 'measure.mjs'), String(rounds)], {
      encoding: 'utf8',
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    });
    if (run.status !== 0) throw new Error(`The measurement failed: ${run.error?.message ?? run.stderr}`);
    return JSON.parse(run.stdout).results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function optionsOf(args) {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string' }, 'no-write': { type: 'boolean', default: false } } });
  const rounds = values.rounds === undefined ? 9 : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number from 1, not "${values.rounds}".`);
  return { rounds, write: !values['no-write'] };
}

function report(results, rounds) {
  const of = (key) => median(results.map((result) => result[key]));
  const row = (name, key, copy) =>
    `| ${name} | ${of(key).toFixed(0)} | ${copy === undefined ? '' : of(copy).toFixed(0)} | ${copy === undefined ? '' : `**${median(results.map((result) => result[key] / result[copy])).toFixed(2)}**`} |`;
  const ratio = median(results.map((result) => result.hit4096 / result.copy4096));
  const text = `## Reads that never fault in the guest

Written by \`node test/bench/peek/run.mjs --rounds ${rounds}\`. Nanoseconds on the vCPU's own thread, in Electron's Node; a copy is \`set\` of a
\`subarray\` of the same shared memory. Medians of ${rounds} rounds, in each of which both are measured one after the other.

| read | ns | copy of as much, ns | ratio |
|---|---:|---:|---:|
${row('64 bytes, in the TLB', 'hit64', 'copy64')}
${row('4 KiB, in the TLB', 'hit4096', 'copy4096')}
${row('64 bytes, by a walk of the tables (32-bit paging)', 'walk64', 'copy64')}
${row('64 bytes at a page that is not there: the fault as a result', 'fault')}

Goal: 4 KiB in the TLB within ${GOAL} times a copy; ${ratio <= GOAL ? 'reached' : '**missed**'}. ${os.cpus()[0]?.model ?? 'unknown CPU'}, load average ${os.loadavg()[0].toFixed(1)} at the end.`;
  return { text, reached: ratio <= GOAL };
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
  if (options.write) writeSection('peek', text);
  process.exitCode = reached ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
