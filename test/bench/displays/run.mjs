/**
 * Measures how long it takes from a client's request until the guest has drawn at the size of its display, one client after the other on one machine,
 * and writes its section of docs/benchmarks.md. The guest is the sample Two desks; nothing is compared, since nobody else suspends for a session.
 *
 *   node test/bench/displays/run.mjs [--sessions N] [--no-write]
 *
 * Exit status: 0, or 2 for wrong arguments.
 */
import { cpus } from 'node:os';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureNodePackages, requireNode, ROOT } from '../../../build/prepare.mjs';
import { median, writeSection } from '../page.mjs';

const GUESTS = path.join(ROOT, 'assets/guests');
const rows = [
  { name: '640 × 480', outputs: [[640, 480]] },
  { name: '1920 × 1080', outputs: [[1920, 1080]] },
  { name: '2560 × 1440 + 1080 × 1920', outputs: [[2560, 1440], [1080, 1920]] },
];

const percentile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];

/** Milliseconds until the machine was there, and until the right frame, of each session of a row. */
async function measure(engine, bundle, image, sessions) {
  const machine = await engine.createMachine(
    { name: 'displays bench', cpus: 1, memoryBytes: 16 << 20, clock: 'wall', boot: { kind: 'kernel', image } },
    { workerDirectory: bundle },
  );
  let serial = '';
  machine.on((event) => {
    if (event.kind === 'serial') serial += Buffer.from(event.bytes).toString('latin1');
  });
  const displays = new engine.DisplaySessions({ user: 'bench', whenEnds: () => 'suspend', write: () => undefined });
  const results = rows.map(() => []);
  try {
    await machine.start();
    displays.begin(machine);
    while (!serial.includes('\n')) await new Promise((resolve) => setTimeout(resolve, 10));
    for (let session = 0; session < sessions; session++) {
      for (const [index, { outputs }] of rows.entries()) {
        const wanted = outputs.map(([width, height], output) => ({ output, width, height }));
        const stream = await displays.attach({ client: { id: 'bench', name: 'Bench' }, outputs: wanted });
        for await (const event of stream) {
          if (event.kind === 'ended') throw new Error(event.reason);
          if (event.kind !== 'frame') continue;
          results[index].push({ frame: event.after, resumed: displays.state.session.resumedAfter });
          break;
        }
        await displays.settled();
      }
    }
  } finally {
    displays.end();
    await machine.dispose();
  }
  return results;
}

function page(results, sessions) {
  const lines = results.map((values, index) => {
    const frames = values.map(({ frame }) => frame);
    return `| ${rows[index].name} | ${median(values.map(({ resumed }) => resumed)).toFixed(1)} | ${median(frames).toFixed(1)} | ${percentile(frames, 0.99).toFixed(1)} |`;
  });
  return `## Display sessions

\`node test/bench/displays/run.mjs --sessions ${sessions}\`, on ${cpus()[0]?.model ?? 'an unknown processor'} with ${cpus().length} cores: milliseconds from a client's request, with the machine standing
still, until the machine goes on as its display, and until the guest has drawn a whole picture at that size on every output (looked at every 2 ms); ${sessions} sessions
each, in turn.

| displays of the client | machine there, median | first right frame, median | 99th percentile |
|---|---:|---:|---:|
${lines.join('\n')}`;
}

requireNode();
let options;
try {
  options = parseArgs({ options: { sessions: { type: 'string', default: '100' }, 'no-write': { type: 'boolean', default: false } } }).values;
  if (!/^[1-9]\d{0,4}$/.test(options.sessions)) throw new Error('--sessions takes a number from 1.');
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
ensureNodePackages();
const { assembleKernel, buildBench } = await import('../build.mjs');
const { bundle } = await buildBench();
const engine = await import(pathToFileURL(path.join(bundle, 'engine.js')));
const kernel = await assembleKernel(path.join(GUESTS, 'two-desks.asm'), [path.join(GUESTS, 'two-desks')]);
const text = page(await measure(engine, bundle, new Uint8Array(readFileSync(kernel)), Number(options.sessions)), Number(options.sessions));
process.stdout.write(`${text}\n`);
if (!options['no-write']) writeSection('displays', text);
