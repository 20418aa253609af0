/**
 * Compares the speed of our interpreter with that of v86 without its JIT, both under Electron's Node, and writes its section of docs/benchmarks.md.
 *
 *   node test/bench/run.mjs [--rounds N] [--quick] [--no-write]
 *
 * In each round both sides start afresh; then each row runs on one side and at once on the other, which rests meanwhile, so that
 * whatever else the host does falls on both. Rounds take turns in who is first. `--quick` does a tenth of the work once: a trial,
 * too short to judge by, and not written.
 * Exit status: 0 when the goal is reached, 1 when it is missed or the sides disagree, 2 for wrong arguments.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureElectron } from '../../build/electron.mjs';
import { ensureNodePackages, requireNode } from '../../build/prepare.mjs';
import { writeSection } from './page.mjs';
import { report, summarize, versions } from './report.mjs';
import { rows } from './rows.mjs';
import { startSide } from './side.mjs';

const MEMORY_BYTES = 64 * 1024 * 1024;
/** Of a row's work, before it is measured: enough for V8 to have optimized what the row uses. */
const WARM_UP_PART = 0.25;
const QUICK_PART = 0.1;

const say = (text) => process.stderr.write(text);

function optionsOf(args) {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const rounds = values.rounds === undefined ? (values.quick ? 1 : 5) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number from 1, not "${values.rounds}".`);
  return { rounds, part: values.quick ? QUICK_PART : 1, quick: values.quick, write: !values.quick && !values['no-write'] };
}

const part = (amount, of) => Math.max(1, Math.round(amount * of));

/** One round: [ours, peer] of each row. */
async function round(job, electron, scale, order) {
  const sides = [];
  try {
    for (const file of ['ours.mjs', 'peer.mjs']) sides.push(await startSide(path.join(import.meta.dirname, file), job, electron));
    const results = [];
    for (const [index, { name, amount }] of rows.entries()) {
      say(` ${name} ...`);
      for (const side of sides) await side.work(index, part(amount, scale * WARM_UP_PART));
      const pair = [];
      for (const which of order) pair[which] = await sides[which].work(index, part(amount, scale));
      if (pair[0].checksum !== pair[1].checksum) {
        throw new Error(`The row "${name}" ends with ${pair[0].checksum} on our side and with ${pair[1].checksum} on v86's.`);
      }
      results.push(pair);
    }
    return results;
  } finally {
    await Promise.all(sides.map((side) => side.end()));
  }
}

async function main(options) {
  requireNode();
  ensureNodePackages();
  const { buildBench } = await import('./build.mjs');
  const electron = await ensureElectron();
  const job = { ...(await buildBench()), memoryBytes: MEMORY_BYTES };
  const rounds = [];
  for (let count = 1; count <= options.rounds; count++) {
    say(`round ${count} of ${options.rounds}:`);
    rounds.push(await round(job, electron, options.part, count % 2 === 1 ? [0, 1] : [1, 0]));
    say('\n');
  }
  const summary = summarize(rows, rounds);
  const text = report(summary, {
    rounds: options.rounds,
    command: `node test/bench/run.mjs --rounds ${options.rounds}`,
    ...versions(electron),
  });
  process.stdout.write(text);
  if (options.write) writeSection('instructions', text);
  return summary.reached || options.quick ? 0 : 1;
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
