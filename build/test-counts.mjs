/**
 * What one part of the suite comes to. A part without a report of its own (types, lint) is one test. A runner that ended badly
 * without a failed test to show for it, or that ran none, counts as one failure: nothing may pass by not running.
 *
 * `status` is the exit status, undefined when the part's time was up; `report` is vitest's JSON report.
 */
export function countTests({ status, report, isRunner }) {
  if (status === undefined) return { ...sum(report), ...oneMore(sum(report)), note: 'its time was up' };
  if (!isRunner) return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0, note: '' };
  const counts = sum(report);
  if (report === undefined) return { ...counts, failed: 1, note: 'it left no report' };
  if (counts.passed + counts.failed + counts.skipped === 0) return { ...counts, failed: 1, note: 'it ran no test' };
  if (status !== 0 && counts.failed === 0) return { ...counts, failed: 1, note: `it ended with status ${status}` };
  return { ...counts, note: '' };
}

function oneMore({ failed }) {
  return { failed: failed + 1 };
}

function sum(report) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report?.testResults ?? []) {
    const outcomes = file.assertionResults ?? [];
    for (const { status } of outcomes) {
      if (status === 'passed') counts.passed++;
      else if (status === 'failed') counts.failed++;
      else counts.skipped++;
    }
    // A file that could not even be loaded.
    if (file.status === 'failed' && !outcomes.some(({ status }) => status === 'failed')) counts.failed++;
  }
  return counts;
}
