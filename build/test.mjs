/**
 * `npm test [-- PART ...]`: installs what is missing and runs every part of the suite, each within its budget. The last line is
 * `N passed, N failed, N skipped`, summed over all parts; the exit status is 1 when anything failed.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ROOT, TEST_PACKAGES, ensureNodePackages, ensureSystemPackages, requireNode } from './prepare.mjs';
import { ensureElectron } from './electron.mjs';
import { countTests } from './test-counts.mjs';

/** The whole suite, in seconds; CI gives it 20 minutes on two cores. */
const WHOLE = 19 * 60;
const RESULTS = path.join(ROOT, 'test-results');
const bin = (name) => path.join(ROOT, 'node_modules', name);

const vitest = (project) => ({
  args: [bin('vitest/vitest.mjs'), 'run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${path.join(RESULTS, `${project}.json`)}`],
  report: path.join(RESULTS, `${project}.json`),
});

/** In this order. `seconds` is the budget of the part. */
const PARTS = [
  { name: 'types', seconds: 180, args: [bin('vue-tsc/bin/vue-tsc.js'), '--noEmit', '-p', ROOT] },
  { name: 'lint', seconds: 240, args: [bin('eslint/bin/eslint.js'), '--max-warnings', '0', '.'] },
  { name: 'unit', seconds: 360, ...vitest('unit') },
  { name: 'renderer', seconds: 120, ...vitest('renderer') },
  { name: 'model', seconds: 120, ...vitest('model') },
  { name: 'oracle', seconds: 420, ...vitest('oracle') },
  { name: 'boot', seconds: 300, ...vitest('boot') },
  { name: 'cli', seconds: 180, ...vitest('cli') },
  { name: 'e2e', seconds: 300, ...vitest('e2e') },
];

const say = (line) => process.stdout.write(`${line}\n`);

/** Runs one part in a process group of its own. Returns its exit status, or undefined when its time was up. */
function runPart(part, seconds) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, part.args, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
      env: { ...process.env, VITRINE_WHOLE_SUITE: '1', NO_COLOR: process.env.NO_COLOR ?? '1' },
    });
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
ensureSystemPackages(TEST_PACKAGES);
mkdirSync(RESULTS, { recursive: true });

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !PARTS.some((part) => part.name === name));
if (unknown.length > 0) {
  process.stderr.write(`There is no part "${unknown[0]}"; there are ${PARTS.map(({ name }) => name).join(', ')}.\n`);
  process.exit(2);
}

// 120 MB at the first time: they come while other parts run. When they do not, the part that needs them says why.
const wanted = chosen.length === 0 || chosen.includes('e2e');
const electron = wanted ? ensureElectron().catch((error) => process.stderr.write(`${error.message}\n`)) : undefined;

const total = { passed: 0, failed: 0, skipped: 0 };
const rows = [];
for (const part of PARTS) {
  if (chosen.length > 0 && !chosen.includes(part.name)) continue;
  const left = WHOLE - (Date.now() - begun) / 1000;
  const seconds = Math.min(part.seconds, left);
  say(`\n== ${part.name} (at most ${Math.max(0, Math.round(seconds))} s)`);
  if (part.report) rmSync(part.report, { force: true });
  if (part.name === 'e2e') await electron;
  const start = Date.now();
  const status = seconds > 1 ? await runPart(part, seconds) : undefined;
  let report;
  try {
    report = part.report ? JSON.parse(readFileSync(part.report, 'utf8')) : undefined;
  } catch {
    report = undefined;
  }
  const counts = countTests({ status, report, isRunner: part.report !== undefined });
  for (const key of Object.keys(total)) total[key] += counts[key];
  rows.push(`${part.name.padEnd(9)} ${String(counts.passed).padStart(6)} passed ${String(counts.failed).padStart(4)} failed ${String(counts.skipped).padStart(4)} skipped ${((Date.now() - start) / 1000).toFixed(0).padStart(5)} s${counts.note ? `  ${counts.note}` : ''}`);
}
say(`\n${rows.join('\n')}\n`);
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
