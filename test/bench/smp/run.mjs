/**
 * What two processors are worth and what they cost each other, on our machine (under Electron's Node, which is what ships) and on QEMU's TCG with the
 * same guest, test/bench/smp/speed.asm; writes its section of docs/benchmarks.md.
 *
 *   node test/bench/smp/run.mjs [--rounds N] [--no-write]
 *
 * A round is a whole run on one side and then on the other; rounds take turns in which is first.
 * Exit status: 0 when the goal is reached, 1 when it is missed, 2 for wrong arguments.
 */
import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureElectron } from '../../../build/electron.mjs';
import { ROOT, ensureNodePackages, requireNode } from '../../../build/prepare.mjs';
import { median, writeSection } from '../page.mjs';
import { versions } from '../report.mjs';
import { startSide } from '../side.mjs';

const MEMORY_BYTES = 64 * 1024 * 1024;
const PROCESSORS = 2;
const GOAL = 1.85;
const LIMIT_MILLISECONDS = 300_000;
/** As in speed.asm. */
const LOCKED = 2 * 4_000_000;
const SPLIT = 2 * 5_000;
const MESSAGES = 5_000;

const say = (text) => process.stderr.write(text);

/** Letters with times to seconds by row. Throws when the guest found something wrong. */
function rowsOf(marks) {
  const rows = {};
  const begun = new Map();
  for (const [letter, time] of marks) {
    if (letter === '!') throw new Error('The guest counted wrong.');
    if (begun.has(letter)) rows[letter] = (time - begun.get(letter)) / 1000;
    else begun.set(letter, time);
  }
  for (const letter of 'abcdefg') if (rows[letter] === undefined) throw new Error(`The guest did not end row ${letter}.`);
  return rows;
}

async function ours(job, electron) {
  const side = await startSide(path.join(import.meta.dirname, 'ours.mjs'), job, electron);
  try {
    return rowsOf(await side.work(0, 0));
  } finally {
    await side.end();
  }
}

/** QEMU with a thread per virtual CPU (MTTCG). */
function qemu({ kernel }) {
  return new Promise((resolve, reject) => {
    const machine = ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'pentium3', '-smp', String(PROCESSORS), '-m', '64'];
    const ports = ['-display', 'none', '-no-reboot', '-debugcon', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'];
    const child = spawn('qemu-system-i386', [...machine, ...ports, '-kernel', kernel], { stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill(), LIMIT_MILLISECONDS);
    const marks = [];
    child.stdout.on('data', (bytes) => {
      const time = performance.now();
      for (const byte of bytes) marks.push([String.fromCharCode(byte), time]);
    });
    child.on('error', reject);
    child.on('exit', () => {
      clearTimeout(timer);
      try {
        resolve(rowsOf(marks));
      } catch (error) {
        reject(error);
      }
    });
  });
}

const speedUp = (rows) => (2 * rows.a) / rows.b;

/** Figures of a row on one side, from all rounds. */
const figures = [
  ['speed-up of two vCPUs without locks', '', speedUp, 2],
  ['LOCK INC of one counter by both', 'ns each', (rows) => (rows.c / LOCKED) * 1e9, 1],
  ['LOCK INC, each a counter of its own', 'ns each', (rows) => (rows.d / LOCKED) * 1e9, 1],
  ['LOCK INC across a cache line by both', 'µs each', (rows) => (rows.e / SPLIT) * 1e6, 2],
  ['interrupt to a vCPU that spins, and its answer', 'µs', (rows) => (rows.f / MESSAGES) * 1e6, 2],
  ['interrupt to a vCPU that halts, and its answer', 'µs', (rows) => (rows.g / MESSAGES) * 1e6, 2],
];

function cell(rounds, figure, digits) {
  const values = rounds.map(figure);
  const number = (value) => value.toFixed(digits);
  return `${number(median(values))} (${number(Math.min(...values))}–${number(Math.max(...values))})`;
}

function section(rounds, command, { electron, node, v8, cpu, cpus }, loads) {
  const mine = rounds.map(([first]) => first);
  const peer = rounds.map(([, second]) => second);
  const reached = median(mine.map(speedUp)) >= GOAL;
  const table = figures.map(
    ([name, unit, figure, digits]) =>
      `| ${name}${unit && `, ${unit}`} | ${cell(mine, figure, digits)} | ${cell(peer, figure, digits)} |`,
  );
  const text = `## Several processors

This section is written by \`${command}\`.

A kernel of ours (\`test/bench/smp/speed.asm\`) on two vCPUs, here and on QEMU's TCG with a thread per vCPU. The speed-up is twice the time of one vCPU
for some work over the time of two that do as much each; the work is arithmetic and stores, without locks. The rest is what they cost each other.

| | ours | QEMU |
|---|---:|---:|
${table.join('\n')}

Goal: a speed-up of at least ${GOAL}; ${reached ? 'reached' : '**missed**'}. Medians of ${rounds.length} rounds, with least and most in brackets; a round is a
whole run on each side, and rounds take turns in which is first.

| | |
|---|---|
| date | ${new Date().toISOString().slice(0, 10)} |
| CPU | ${cpu}, ${cpus} visible, load average ${loads.map((load) => load.toFixed(1)).join(' before and ')} after |
| Electron | ${electron} (Node ${node}, V8 ${v8}) |
| QEMU | ${qemuVersion} |
`;
  return { text, reached };
}

let qemuVersion = 'unknown';

function askQemu() {
  return new Promise((resolve, reject) => {
    const child = spawn('qemu-system-i386', ['--version'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (bytes) => (text += bytes));
    child.on('error', () =>
      reject(new Error('This comparison needs qemu-system-i386; on Debian: apt-get install qemu-system-x86.')),
    );
    child.on('exit', () => resolve(/version ([\d.]+)/.exec(text)?.[1] ?? 'unknown'));
  });
}

async function main(options) {
  requireNode();
  ensureNodePackages();
  qemuVersion = await askQemu();
  const { assembleKernel, buildBench } = await import('../build.mjs');
  const electron = await ensureElectron();
  const { bundle } = await buildBench();
  const kernel = await assembleKernel(path.join(import.meta.dirname, 'speed.asm'), [path.join(ROOT, 'test/boot/smp')]);
  const job = { bundle, kernel, memoryBytes: MEMORY_BYTES, cpus: PROCESSORS };
  const loads = [os.loadavg()[0]];
  const rounds = [];
  for (let count = 1; count <= options.rounds; count++) {
    say(`round ${count} of ${options.rounds}: `);
    const pair = [];
    for (const which of count % 2 === 1 ? [0, 1] : [1, 0]) {
      pair[which] = which === 0 ? await ours(job, electron) : await qemu(job);
      say(`${which === 0 ? 'ours' : 'QEMU'} ${speedUp(pair[which]).toFixed(2)} `);
    }
    rounds.push(pair);
    say('\n');
  }
  loads.push(os.loadavg()[0]);
  const { text, reached } = section(rounds, `node test/bench/smp/run.mjs --rounds ${options.rounds}`, versions(electron), loads);
  process.stdout.write(text);
  if (options.write) writeSection('processors', text);
  return reached ? 0 : 1;
}

function optionsOf(args) {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string' }, 'no-write': { type: 'boolean', default: false } },
  });
  const rounds = Number(values.rounds ?? 5);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number from 1, not "${values.rounds}".`);
  return { rounds, write: !values['no-write'] };
}

let options;
try {
  options = optionsOf(process.argv.slice(2));
} catch (error) {
  say(`${error.message}\n`);
  process.exit(2);
}
try {
  process.exitCode = await main(options);
} catch (error) {
  say(`\n${error.message}\n`);
  process.exitCode = 1;
}
