/**
 * Frames of a guest in full motion (640 x 480, 32 bits, 60 pictures a second) that arrive in the app's console window, beside QEMU's VNC
 * server with the same guest and the same noVNC in the same window. Writes its section of docs/benchmarks.md.
 *
 *   node test/bench/frames/run.mjs [--rounds N] [--seconds S] [--no-write]
 *
 * Exit status: 0 when the goal is reached, 1 when it is missed, 2 for wrong arguments.
 */
import { spawn, spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { bundle } from '../../../build/bundle.mjs';
import { ensureElectron } from '../../../build/electron.mjs';
import { ROOT, ensureNodePackages, requireNode } from '../../../build/prepare.mjs';
import { freePort } from '../free-port.mjs';
import { median, writeSection } from '../page.mjs';
import { startInspectedApp } from './inspected-app.mjs';

const GOAL = 50;
/** Before a measurement, for pictures to be drawn, connections to stand and V8 to have optimized. */
const WARM_UP_MILLISECONDS = 4000;

const say = (text) => process.stderr.write(text);

/** Counted where the viewer puts a finished update on its canvas; one of half the screen is half a frame. */
const countFrames = (seconds) => `(async () => {
  const context = CanvasRenderingContext2D.prototype;
  const draw = context.drawImage;
  let pixels = 0;
  context.drawImage = function (...given) {
    if (this.canvas.isConnected) pixels += given[3] * given[4];
    return draw.apply(this, given);
  };
  const begin = performance.now();
  await new Promise((resolve) => setTimeout(resolve, ${seconds * 1000}));
  const took = (performance.now() - begin) / 1000;
  context.drawImage = draw;
  return pixels / (640 * 480) / took;
})()`;

async function buildViewer() {
  const { build } = await import('vite');
  const [built] = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: { write: false, lib: { entry: path.join(import.meta.dirname, 'viewer.js'), formats: ['es'] } },
  });
  // It awaits at its top, which only modules may; the page's policy lets none in but its own.
  return `(async () => {${built.output[0].code}})()`;
}

async function measureOurs(page, seconds) {
  await page.evaluate(`document.querySelector('[data-action=start]').click()`);
  await wait(WARM_UP_MILLISECONDS);
  const frames = await page.evaluate(countFrames(seconds));
  await page.evaluate(`document.querySelector('[data-action=power-off]').click()`);
  await wait(1000);
  return frames;
}

async function measurePeer(page, kernel, seconds) {
  const port = await freePort();
  const words = [
    '-M',
    'q35',
    '-m',
    '32',
    '-vga',
    'std',
    '-kernel',
    kernel,
    '-vnc',
    `127.0.0.1:50,to=90,websocket=${port},share=force-shared`,
  ];
  const peer = spawn('qemu-system-i386', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await wait(WARM_UP_MILLISECONDS / 2);
    await page.evaluate(`showServer('ws://127.0.0.1:${port}')`);
    await wait(WARM_UP_MILLISECONDS);
    return await page.evaluate(countFrames(seconds));
  } finally {
    await page.evaluate('hideServer()');
    const ended = new Promise((resolve) => peer.once('exit', resolve));
    peer.kill();
    await ended;
  }
}

const number = (value) => value.toFixed(1);
const figures = (values) => `${number(median(values))} (${number(Math.min(...values))}–${number(Math.max(...values))})`;

function report({ ours, peer }, { command, seconds, rounds, electron, qemu }) {
  const ratio = median(ours) / median(peer);
  const reached = median(ours) >= GOAL;
  return `## Frames in a console window

This section is written by \`${command}\`.

A guest of ours (\`test/bench/frames/motion.asm\`) shows a new picture of 640 × 480 pixels, 32 bits each, sixty times a second; gradients with noise, of which
nearly every pixel changes. Counted are the updates that noVNC put on its canvas in the app's console window, in Electron under Xvfb without a GPU; one of
half the screen is half a frame. Beside it: the same guest in QEMU (TCG), shown by the same noVNC in the same window over QEMU's own WebSocket.

| frames a second | ours | QEMU's VNC server | ratio |
|---|---:|---:|---:|
| 640 × 480 × 32, full motion | ${figures(ours)} | ${figures(peer)} | **${ratio.toFixed(2)}** |

Goal: at least ${GOAL}; ${reached ? 'reached' : '**missed**'}. Medians of ${rounds} rounds of ${seconds} s, least and most in brackets; each round measures one and at once
the other. QEMU looks for changes every 30 ms, so it cannot show more than 33.

| | |
|---|---|
| date | ${new Date().toISOString().slice(0, 10)} |
| CPU | ${os.cpus()[0]?.model ?? 'unknown'}, ${os.cpus().length} visible, load average ${number(os.loadavg()[0])} at the end |
| Electron | ${electron} |
| QEMU | ${qemu} |
`;
}

async function main({ rounds, seconds, write }) {
  requireNode();
  ensureNodePackages();
  await bundle();
  const electron = await ensureElectron();
  const viewer = await buildViewer();
  const app = await startInspectedApp(electron);
  const ours = [];
  const peer = [];
  try {
    const kernel = path.join(app.folder, 'motion.bin');
    app.command('asm', path.join(import.meta.dirname, 'motion.asm'), '-o', kernel);
    const library = await app.page(/^app:\/\/vitrine\/#\/$/);
    app.command('create', 'Motion', '--kernel', kernel, '--memory', '32M');
    await wait(1000);
    await library.evaluate(`document.querySelector('[data-entry=motion]').click()`);
    await wait(500);
    await library.evaluate(`document.querySelector('.det [data-action=start]').click()`);
    const page = await app.page(/console\/motion$/);
    await wait(3000);
    await page.evaluate(`document.querySelector('[data-action=power-off]').click()`);
    await page.evaluate(viewer);
    await wait(1000);
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}:`);
      const sides = [
        async () => ours.push(await measureOurs(page, seconds)),
        async () => peer.push(await measurePeer(page, kernel, seconds)),
      ];
      for (const side of round % 2 === 1 ? sides : sides.reverse()) await side();
      say(` ours ${number(ours.at(-1))}, QEMU ${number(peer.at(-1))}\n`);
    }
  } finally {
    await app.close();
  }
  const asked = spawnSync(electron, ['-p', 'process.versions.electron'], {
    encoding: 'utf8',
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
  });
  const qemu =
    spawnSync('qemu-system-i386', ['--version'], { encoding: 'utf8' })
      .stdout.split('\n')[0]
      ?.replace('QEMU emulator version ', '') ?? '';
  const command = `node test/bench/frames/run.mjs --rounds ${rounds}`;
  const text = report({ ours, peer }, { command, seconds, rounds, electron: asked.stdout.trim(), qemu });
  process.stdout.write(text);
  if (write) writeSection('frames', text);
  return median(ours) >= GOAL ? 0 : 1;
}

function optionsOf(args) {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string' }, seconds: { type: 'string' }, 'no-write': { type: 'boolean', default: false } },
  });
  const whole = (name, fallback) => {
    const value = Number(values[name] ?? fallback);
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number from 1, not "${values[name]}".`);
    return value;
  };
  return { rounds: whole('rounds', 5), seconds: whole('seconds', 5), write: !values['no-write'] };
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
