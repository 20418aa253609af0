/**
 * `npm test [-- PART ...]`: installs what is missing and runs every part of the suite, each within its budget. The last line is
 * `N passed, N failed, N skipped`, summed over all parts; the exit status is 1 when anything failed.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { DIST_PACKAGES, ROOT, TEST_PACKAGES, ensureNodePackages, ensureSystemPackages, requireNode } from './prepare.mjs';
import { ensureDebianI386 } from './debian-i386.mjs';
import { ensureElectron } from './electron.mjs';
import { countTests } from './test-counts.mjs';

/** The whole suite, in seconds. It is to end within 20 minutes on two cores with nothing else to do; a busy host gets more. */
const WHOLE = 45 * 60;
const RESULTS = path.join(ROOT, 'test-results');
const bin = (name) => path.join(ROOT, 'node_modules', name);

/** `workers`: how many files run at a time; vitest leaves a core to itself. */
const vitest = (project, workers) => ({
  args: [bin('vitest/vitest.mjs'), 'run', '--project', project, ...(workers ? [`--maxWorkers=${workers}`] : []), '--reporter=default', '--reporter=json', `--outputFile.json=${path.join(RESULTS, `${project}.json`)}`],
  report: path.join(RESULTS, `${project}.json`),
});

/** In this order. `seconds` is the budget of the part. `beside`: it runs together with the one before, since each keeps one core busy. */
const PARTS = [
  { name: 'types', seconds: 300, args: [bin('vue-tsc/bin/vue-tsc.js'), '--noEmit', '-p', ROOT] },
  { name: 'lint', seconds: 240, beside: true, args: [bin('eslint/bin/eslint.js'), '--max-warnings', '0', '.'] },
  { name: 'unit', seconds: 540, ...vitest('unit', 2) },
  { name: 'renderer', seconds: 120, ...vitest('renderer') },
  { name: 'model', seconds: 260, beside: true, ...vitest('model') },
  { name: 'oracle', seconds: 420, ...vitest('oracle', 2) },
  { name: 'boot', seconds: 900, ...vitest('boot', 2) },
  { name: 'cli', seconds: 900, ...vitest('cli') },
  { name: 'dist', seconds: 240, beside: true, ...vitest('dist') },
  { name: 'e2e', seconds: 720, ...vitest('e2e') },
];

const say = (line) => process.stdout.write(`${line}\n`);

/**
 * Runs one part in a process group of its own. Resolves to its exit status, or undefined when its time was up. `output` absent: what it
 * prints is passed on at once, else its pieces are put there.
 */
function runPart(part, seconds, output) {
  return new Promise((resolve) => {
    const stream = output === undefined ? 'inherit' : 'pipe';
    const child = spawn(process.execPath, part.args, {
      cwd: ROOT,
      stdio: ['ignore', stream, stream],
      detached: true,
      env: { ...process.env, VITRINE_WHOLE_SUITE: '1', NO_COLOR: process.env.NO_COLOR ?? '1' },
    });
    for (const each of [child.stdout, child.stderr]) each?.on('data', (bytes) => output.push(bytes));
    const endGroup = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // It is gone already.
      }
    };
    let timedOut = false;
    // Whoever ends us ends the part as well: it is in a group of its own.
    const end = () => {
      endGroup('SIGTERM');
      process.exit(1);
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, end);
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup('SIGTERM');
      setTimeout(() => endGroup('SIGKILL'), 5000).unref();
    }, seconds * 1000);
    child.on('error', () => resolve(-1));
    child.on('exit', (status) => {
      clearTimeout(timer);
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.off(signal, end);
      endGroup('SIGKILL');
      resolve(timedOut ? undefined : (status ?? -1));
    });
  });
}

requireNode();
const begun = Date.now();
ensureNodePackages();
ensureSystemPackages([...TEST_PACKAGES, ...DIST_PACKAGES]);
ensureDebianI386((line) => process.stderr.write(`${line}\n`));
mkdirSync(RESULTS, { recursive: true });

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !PARTS.some((part) => part.name === name));
if (unknown.length > 0) {
  process.stderr.write(`There is no part "${unknown[0]}"; there are ${PARTS.map(({ name }) => name).join(', ')}.\n`);
  process.exit(2);
}

// 120 MB at the first time: they come while other parts run. When they do not, the part that needs them says why.
const WITH_ELECTRON = ['e2e', 'dist'];
const wanted = chosen.length === 0 || chosen.some((name) => WITH_ELECTRON.includes(name));
const electron = wanted ? ensureElectron().catch((error) => process.stderr.write(`${error.message}\n`)) : undefined;

const total = { passed: 0, failed: 0, skipped: 0 };
const rows = [];

async function measurePart(part, output) {
  const left = WHOLE - (Date.now() - begun) / 1000;
  const seconds = Math.min(part.seconds, left);
  const title = `\n== ${part.name} (at most ${Math.max(0, Math.round(seconds))} s)`;
  if (output === undefined) say(title);
  else output.push(`${title}\n`);
  if (part.report) rmSync(part.report, { force: true });
  if (WITH_ELECTRON.includes(part.name)) await electron;
  const start = Date.now();
  const status = seconds > 1 ? await runPart(part, seconds, output) : undefined;
  let report;
  try {
    report = part.report ? JSON.parse(readFileSync(part.report, 'utf8')) : undefined;
  } catch {
    report = undefined;
  }
  return { part, counts: countTests({ status, report, isRunner: part.report !== undefined }), seconds: (Date.now() - start) / 1000 };
}

const selected = PARTS.filter(({ name }) => chosen.length === 0 || chosen.includes(name));
for (let at = 0; at < selected.length; ) {
  const group = [selected[at++]];
  while (selected[at]?.beside) group.push(selected[at++]);
  const outputs = group.map((_, index) => (index === 0 ? undefined : []));
  const results = await Promise.all(group.map((part, index) => measurePart(part, outputs[index])));
  for (const output of outputs) for (const piece of output ?? []) process.stdout.write(piece);
  for (const { part, counts, seconds } of results) {
    for (const key of Object.keys(total)) total[key] += counts[key];
    const figures = ['passed', 'failed', 'skipped'].map((key) => `${String(counts[key]).padStart(key === 'passed' ? 6 : 4)} ${key}`);
    rows.push(`${part.name.padEnd(9)} ${figures.join(' ')} ${seconds.toFixed(0).padStart(5)} s${counts.note ? `  ${counts.note}` : ''}`);
  }
}
say(`\n${rows.join('\n')}\n`);
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
