/**
 * What the guard costs, under Electron's Node, and its section of docs/benchmarks.md.
 *
 *   node test/bench/guard/run.mjs [--rounds N] [--quick] [--no-write]
 *
 * Exit status: 0 when the goals are reached, 1 when one is missed, 2 for wrong arguments.
 */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureElectron } from '../../../build/electron.mjs';
import { ensureNodePackages, requireNode } from '../../../build/prepare.mjs';
import { writeSection } from '../page.mjs';

/** Microseconds an alert may cost; lookups in the largest tree beside the smallest; per cent that guards on other pages may cost. */
const GOAL_ALERT = 15;
const GOAL_FLAT = 3;
const GOAL_UNTRACED = 1;

const number = (value, digits) => value.toFixed(digits);
const shown = ({ median, least, most }, digits) => `${number(median, digits)} (${number(least, digits)}–${number(most, digits)})`;

function report(result, command) {
  const { lookups, log, deny, plain, guarded, otherPages } = result;
  const slower = (guarded.median / plain.median - 1) * 100;
  const flat = lookups.at(-1).median / lookups[0].median;
  const noise = ((plain.most - plain.least) / plain.median) * 100;
  const goals = [
    [`an alert below ${GOAL_ALERT} µs`, Math.max(log.median, deny.median) < GOAL_ALERT],
    [`lookups within ${GOAL_FLAT}× from the smallest to the largest tree`, flat < GOAL_FLAT],
    [
      `guards on other pages below ${GOAL_UNTRACED} %, or within the noise of the runs without`,
      slower < Math.max(GOAL_UNTRACED, noise),
    ],
  ];
  const text = `## The guard

This section is written by \`${command}\`.

| | median (least–most) |
|---|---:|
| a write that raises an alert, logged, µs | ${shown(log, 2)} |
| a write that raises an alert, denied, µs | ${shown(deny, 2)} |
| a loop with a store, nothing protected, ns an iteration | ${shown(plain, 3)} |
| the same with ${otherPages} other pages protected, ns an iteration | ${shown(guarded, 3)} |

Guards on pages that are not written: ${number(slower, 2)} % (runs without differ by ${number(noise, 2)} % among themselves).

| pages in the tree (3 GiB of RAM) | lookup, ns |
|---:|---:|
${lookups.map((row) => `| ${row.pages.toLocaleString('en')} | ${shown(row, 0)} |`).join('\n')}

Goals: ${goals.map(([what, reached]) => `${what}: ${reached ? 'reached' : '**missed**'}`).join('; ')}. All times are processor time of all threads of the process together, so that
other work on the host does not count: of a write, the vCPU's, the service worker's that sends the alert on, and the host's that takes it.

| | |
|---|---|
| date | ${new Date().toISOString().slice(0, 10)} |
| CPU | ${os.cpus()[0]?.model ?? 'unknown'}, ${os.cpus().length} visible, load average ${number(os.loadavg()[0], 1)} at the end |
`;
  return { text, reached: goals.every(([, reached]) => reached) };
}

let options;
try {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const rounds = values.rounds === undefined ? (values.quick ? 1 : 5) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number from 1, not "${values.rounds}".`);
  options = { rounds, part: values.quick ? 0.1 : 1, write: !values.quick && !values['no-write'] };
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
requireNode();
ensureNodePackages();
const { buildBench } = await import('../build.mjs');
const { bundle } = await buildBench();
const electron = await ensureElectron();
const measured = execFileSync(
  electron,
  [path.join(import.meta.dirname, 'measure.mjs'), bundle, String(options.rounds), String(options.part)],
  {
    encoding: 'utf8',
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
const { text, reached } = report(JSON.parse(measured), `node test/bench/guard/run.mjs --rounds ${options.rounds}`);
process.stdout.write(text);
if (options.write) writeSection('guard', text);
process.exitCode = reached || options.part < 1 ? 0 : 1;
