/**
 * What it costs to be looked at: pictures a second, processor time and bytes, for a guest of 1920 × 1080 in full motion and one that writes text, with none, one, two
 * and four viewers, beside QEMU's VNC server with the same guests and the same viewer. Writes its section of docs/benchmarks.md.
 *
 *   node test/bench/viewers/run.mjs [--rounds N] [--seconds S] [--no-write]
 *
 * Exit status: 0, 1 when a server or viewer failed, or 2 for wrong arguments.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ensureNodePackages, requireNode } from '../../../build/prepare.mjs';
import { freePort } from '../free-port.mjs';
import { median, writeSection } from '../page.mjs';

const HERE = import.meta.dirname;
/** Before a measurement, for guests to draw, connections to stand and V8 to have optimized. */
const WARM_UP_MILLISECONDS = 2500;
/** Clock ticks in /proc, a second. */
const TICKS = 100;

const say = (text) => process.stderr.write(text);

/** A child that answers in lines. */
function talker(command, args) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${path.basename(args[0] ?? command)} ended.`);
      return value;
    },
    async end() {
      if (child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function startOurs(bundle, kernel) {
  const server = talker(process.execPath, [path.join(HERE, 'server.mjs'), bundle, kernel]);
  return { server, port: Number(await server.line()) };
}

/** Its displays count ports from 5900. */
async function startPeer(kernel) {
  let port = await freePort();
  while (port < 5900) port = await freePort();
  const words = ['-M', 'q35', '-m', '64', '-vga', 'std', '-display', 'none', '-kernel', kernel, '-vnc', `127.0.0.1:${port - 5900},share=force-shared`];
  return { server: talker('qemu-system-i386', words), port };
}

/** Seconds of processor time of a process, all its threads together. */
function usage(pid) {
  const seconds = (file) => {
    const words = readFileSync(file, 'utf8').replace(/^.*\) /s, '').split(' ');
    return (Number(words[11]) + Number(words[12])) / TICKS;
  };
  return seconds(`/proc/${pid}/stat`);
}

/** One guest, one server, so many viewers; after that both are gone. */
async function measure(start, viewers, encoding, seconds) {
  const { server, port } = await start();
  const watching = [];
  try {
    await wait(WARM_UP_MILLISECONDS);
    for (let viewer = 0; viewer < viewers; viewer++) watching.push(talker(process.execPath, [path.join(HERE, 'viewer.mjs'), String(port), encoding]));
    const sizes = await Promise.all(watching.map((viewer) => viewer.line()));
    await wait(WARM_UP_MILLISECONDS);
    const ask = () => Promise.all(watching.map(async (viewer) => (viewer.child.stdin.write('?\n'), JSON.parse(await viewer.line()))));
    await ask();
    const before = usage(server.child.pid);
    const begin = performance.now();
    await wait(seconds * 1000);
    const found = await ask();
    const took = (performance.now() - begin) / 1000;
    const [width, height] = (sizes[0] ?? '1 1').split(' ').map(Number);
    return {
      frames: viewers === 0 ? 0 : found.reduce((sum, { pixels }) => sum + pixels, 0) / (width * height) / took / viewers,
      bytes: viewers === 0 ? 0 : found.reduce((sum, one) => sum + one.bytes, 0) / took / viewers,
      processor: (100 * (usage(server.child.pid) - before)) / took,
    };
  } finally {
    await Promise.all(watching.map((viewer) => viewer.end()));
    await server.end();
  }
}

const rows = [
  { guest: 'motion', viewers: 0, encoding: 'raw', name: 'full motion, nobody looks' },
  { guest: 'motion', viewers: 1, encoding: 'raw', name: 'full motion, 1 viewer' },
  { guest: 'motion', viewers: 2, encoding: 'raw', name: 'full motion, 2 viewers' },
  { guest: 'motion', viewers: 4, encoding: 'raw', name: 'full motion, 4 viewers' },
  { guest: 'terminal', viewers: 0, encoding: 'zrle', name: 'text, nobody looks' },
  { guest: 'terminal', viewers: 1, encoding: 'zrle', name: 'text, 1 viewer' },
];

const number = (value) => (value < 10 ? value.toFixed(1) : value.toFixed(0));
const cell = (values, of) => number(median(values.map(of)));

function report(results, { rounds, seconds, qemu }) {
  const lines = rows.map(({ name, viewers, guest }, index) => {
    const { ours, peer } = results[index];
    const shown = (values) =>
      viewers === 0 ? '' : guest === 'motion' ? `${cell(values, ({ frames }) => frames)} /s` : `${cell(values, ({ bytes }) => bytes / 1000)} kB/s`;
    const load = (values) => `${cell(values, ({ processor }) => processor)} %`;
    return `| ${name} | ${shown(ours)} | ${load(ours)} | ${shown(peer)} | ${load(peer)} |`;
  });
  return `## Viewers

\`node test/bench/viewers/run.mjs --rounds ${rounds} --seconds ${seconds}\`: two guests of ours, shown by RFB on loopback to a viewer that only counts (\`test/bench/viewers/viewer.mjs\`, in
processes of its own): 1920 × 1080 × 32 with sixty new pictures a second, in the raw encoding; and 80 × 25 characters with twenty new lines a second, in ZRLE. Per
viewer, whole pictures or bytes a second; and the processor time of the whole server with its guest, 100 % being one core. The rows without a viewer say what the guest costs
alone. Beside it QEMU (TCG) with the same guests, whose VNC server looks for changes every 30 ms.

| | ours | processor | QEMU | processor |
|---|---:|---:|---:|---:|
${lines.join('\n')}

Medians of ${rounds} rounds of ${seconds} s, one side and at once the other. ${os.cpus()[0]?.model ?? 'unknown processor'}, ${os.cpus().length} cores, load average ${number(os.loadavg()[0])} at the end,
Node ${process.versions.node}, QEMU ${qemu}, ${new Date().toISOString().slice(0, 10)}.
`;
}

async function main({ rounds, seconds, write }) {
  requireNode();
  ensureNodePackages();
  const { assembleKernel, buildBench } = await import('../build.mjs');
  const { bundle } = await buildBench();
  const kernels = {
    motion: await assembleKernel(path.join(HERE, 'motion-1080.asm'), [path.join(HERE, '../frames')]),
    terminal: await assembleKernel(path.join(HERE, 'terminal.asm')),
  };
  const results = rows.map(() => ({ ours: [], peer: [] }));
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { guest, viewers, encoding, name }] of rows.entries()) {
      const { ours, peer } = results[index];
      const sides = [
        async () => ours.push(await measure(() => startOurs(bundle, kernels[guest]), viewers, encoding, seconds)),
        async () => peer.push(await measure(() => startPeer(kernels[guest]), viewers, encoding, seconds)),
      ];
      for (const side of round % 2 === 1 ? sides : sides.reverse()) await side();
      const said = ({ frames, bytes, processor }) => `${number(frames)}/s ${number(bytes / 1000)} kB/s ${number(processor)} %`;
      say(`round ${round} of ${rounds}, ${name}: ours ${said(ours.at(-1))}, QEMU ${said(peer.at(-1))}\n`);
    }
  }
  const qemu = spawnSync('qemu-system-i386', ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0]?.replace('QEMU emulator version ', '') ?? '';
  const text = report(results, { rounds, seconds, qemu });
  process.stdout.write(text);
  if (write) writeSection('viewers', text);
}

let options;
try {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '4' }, 'no-write': { type: 'boolean', default: false } } });
  const whole = (name) => {
    if (!/^[1-9]\d{0,3}$/.test(values[name])) throw new Error(`--${name} takes a whole number from 1, not "${values[name]}".`);
    return Number(values[name]);
  };
  options = { rounds: whole('rounds'), seconds: whole('seconds'), write: !values['no-write'] };
} catch (error) {
  say(`${error.message}\n`);
  process.exit(2);
}
try {
  await main(options);
} catch (error) {
  say(`\n${error.message}\n`);
  process.exitCode = 1;
}
