/**
 * Compares SMI round trips (OUT to port 0xB2, a handler that is RSM) with those of QEMU's TCG, same guest program, and writes its section of
 * docs/benchmarks.md. The other vCPUs are parked or busy.
 *
 *   node test/bench/smi/run.mjs [--rounds N] [--amount N] [--no-write]
 *
 * In each round every row runs on both sides, one behind the other; rounds take turns in who is first. Exit status: 0 when the goals are
 * reached, 1 when one is missed, 2 for wrong arguments.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureNodePackages, requireNode } from '../../../build/prepare.mjs';
import { median, writeSection } from '../page.mjs';

const QEMU = 'qemu-system-i386';
const BATCHES = 3;
const LONGEST = 120_000;
/** Microseconds: the usual limit of parked vCPUs' peers, and of one busy one. */
const BUSY_GOAL = 30;
const rows = [
  { cpus: 1, busy: false },
  { cpus: 2, busy: false },
  { cpus: 4, busy: false },
  { cpus: 8, busy: false },
  { cpus: 2, busy: true },
  { cpus: 4, busy: true },
  { cpus: 8, busy: true },
];

function kernelOf(assemble, { cpus: count, busy }, amount) {
  const text = `PROCESSORS equ ${count}\nBUSY equ ${busy ? 1 : 0}\nAMOUNT equ ${amount}\nWARM_UP equ ${amount}\nBATCHES equ ${BATCHES}\n%include "guest.asm"\n`;
  const read = (name) => {
    if (name === 'main.asm') return { path: name, bytes: new TextEncoder().encode(text) };
    const file = path.resolve(import.meta.dirname, name);
    return { path: name, bytes: new Uint8Array(readFileSync(file)) };
  };
  const result = assemble({ file: 'main.asm', read });
  const error = result.errors[0];
  if (error !== undefined) throw new Error(`${error.file}:${error.line}: ${error.message}`);
  return result.bytes;
}

/** Takes the bytes of port 0xE9 with their times; gives the batches' times in milliseconds. */
function stopwatch() {
  const times = [];
  let since;
  return {
    times,
    take(bytes) {
      const now = performance.now();
      for (const byte of bytes) {
        if (byte === 0x3c) since = now;
        else if (byte === 0x3e && since !== undefined) {
          times.push(now - since);
          since = undefined;
        }
      }
    },
  };
}

async function ours(createMachine, bundle, row, image) {
  const machine = await createMachine(
    { name: 'smi bench', cpus: row.cpus, memoryBytes: 64 << 20, clock: 'wall', boot: { kind: 'kernel', image } },
    { workerDirectory: bundle },
  );
  const watch = stopwatch();
  try {
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('Our machine does not come to an end.')), LONGEST);
      machine.on((event) => {
        if (event.kind === 'debugConsole') watch.take(event.bytes);
        else if (event.kind === 'tripleFault' || (event.kind === 'state' && event.state === 'crashed'))
          reject(new Error(JSON.stringify(event)));
        else if (event.kind === 'state' && event.state === 'off') {
          clearTimeout(timer);
          resolve();
        }
      });
      void machine.start().catch(reject);
    });
  } finally {
    await machine.dispose();
  }
  return watch.times;
}

async function peer(folder, row, image) {
  const kernel = path.join(folder, 'kernel.bin');
  writeFileSync(kernel, image);
  const machine = ['-machine', 'q35,smm=on,accel=tcg', '-smp', String(row.cpus), '-m', '64', '-display', 'none', '-no-reboot'];
  const ports = [
    '-chardev',
    'stdio,id=debug',
    '-device',
    'isa-debugcon,iobase=0xe9,chardev=debug',
    '-device',
    'isa-debug-exit,iobase=0xf4',
  ];
  const child = spawn(QEMU, [...machine, ...ports, '-kernel', kernel], { stdio: ['ignore', 'pipe', 'pipe'] });
  const watch = stopwatch();
  let errors = '';
  child.stdout.on('data', (bytes) => watch.take(bytes));
  child.stderr.on('data', (bytes) => (errors += bytes));
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill();
      reject(new Error(`QEMU does not come to an end. ${errors}`));
    }, LONGEST);
    child.on('error', reject);
    child.on('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  return watch.times;
}

const name = ({ cpus: count, busy }) => (count === 1 ? '1 vCPU' : `${count} vCPUs, the others ${busy ? 'busy' : 'parked'}`);

function page(results, options, missed) {
  const lines = results.map(({ row, own, qemu }) => `| ${name(row)} | ${own.toFixed(1)} | ${qemu.toFixed(1)} |`);
  return `## SMI round trips

\`node test/bench/smi/run.mjs --rounds ${options.rounds}\`, on ${cpus()[0]?.model ?? 'an unknown processor'} with ${cpus().length} cores: microseconds from an OUT to port 0xB2
to the next instruction, with a handler that is RSM and nothing else; medians of ${options.rounds} interleaved rounds. QEMU's TCG runs no rendezvous: it has an
address space for each vCPU.

| | Vitrine | QEMU TCG |
|---|---:|---:|
${lines.join('\n')}

Goals: parked no slower than QEMU, one other busy vCPU below ${BUSY_GOAL} µs. ${missed.length === 0 ? 'Reached.' : `Missed: ${missed.join('; ')}.`}`;
}

async function main(options) {
  requireNode();
  ensureNodePackages();
  const { buildBench } = await import('../build.mjs');
  const { bundle } = await buildBench();
  const { assemble, createMachine } = await import(pathToFileURL(path.join(bundle, 'engine.js')));
  const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-smi-'));
  const measured = rows.map(() => ({ own: [], qemu: [] }));
  try {
    for (let round = 0; round < options.rounds; round++) {
      process.stderr.write(`round ${round + 1} of ${options.rounds}:`);
      for (const [index, row] of rows.entries()) {
        process.stderr.write(` ${name(row)} ...`);
        // With more busy vCPUs than cores each round trip may wait for a slice of the host's scheduler.
        const amount = row.busy && row.cpus > cpus().length ? Math.max(100, options.amount / 20) : options.amount;
        const image = kernelOf(assemble, row, amount);
        const sides = [
          async () =>
            measured[index].own.push(...(await ours(createMachine, bundle, row, image)).map((time) => (time * 1000) / amount)),
          async () => measured[index].qemu.push(...(await peer(folder, row, image)).map((time) => (time * 1000) / amount)),
        ];
        if (round % 2 === 1) sides.reverse();
        for (const side of sides) await side();
      }
      process.stderr.write('\n');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const results = rows.map((row, index) => ({ row, own: median(measured[index].own), qemu: median(measured[index].qemu) }));
  const missed = results.flatMap(({ row, own, qemu }) => {
    if (!row.busy && own > qemu) return [`${name(row)}: ${own.toFixed(1)} µs, QEMU ${qemu.toFixed(1)} µs`];
    return row.busy && row.cpus === 2 && own > BUSY_GOAL ? [`${name(row)}: ${own.toFixed(1)} µs`] : [];
  });
  const text = page(results, options, missed);
  process.stdout.write(`${text}\n`);
  if (options.write) writeSection('smi', text);
  return missed.length === 0 ? 0 : 1;
}

try {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, amount: { type: 'string' }, 'no-write': { type: 'boolean', default: false } },
  });
  const options = { rounds: Number(values.rounds ?? 5), amount: Number(values.amount ?? 50_000), write: !values['no-write'] };
  if (!Number.isInteger(options.rounds) || options.rounds < 1) throw new RangeError('--rounds takes a whole number from 1.');
  if (!Number.isInteger(options.amount) || options.amount < 100) throw new RangeError('--amount takes a whole number from 100.');
  process.exitCode = await main(options);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
