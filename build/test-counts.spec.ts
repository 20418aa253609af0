import { describe, expect, it } from 'vitest';
import { countTests } from './test-counts.mjs';

const file = (status: string, ...outcomes: string[]) => ({ status, assertionResults: outcomes.map((outcome) => ({ status: outcome })) });

describe('what a part of the suite comes to', () => {
  it('is the sum over its files', () => {
    const report = { testResults: [file('passed', 'passed', 'skipped'), file('failed', 'passed', 'failed', 'todo')] };
    expect(countTests({ status: 1, report, isRunner: true })).toMatchObject({ passed: 2, failed: 1, skipped: 2 });
  });

  it('has a failure more for a file that could not be loaded', () => {
    expect(countTests({ status: 1, report: { testResults: [file('failed'), file('passed', 'passed')] }, isRunner: true })).toMatchObject({
      passed: 1,
      failed: 1,
    });
  });

  it.each([
    ['left no report', { status: 0, report: undefined, isRunner: true }],
    ['ran no test', { status: 0, report: { testResults: [] }, isRunner: true }],
    ['ended badly', { status: 7, report: { testResults: [file('passed', 'passed')] }, isRunner: true }],
    ['was ended at its time limit', { status: undefined, report: undefined, isRunner: true }],
    ['was a compiler that found errors', { status: 2, report: undefined, isRunner: false }],
  ])('is a failure when it %s', (_name, part) => {
    expect(countTests(part).failed).toBe(1);
  });
});
