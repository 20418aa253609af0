import { describe, expect, it } from 'vitest';
import { OutputNotice } from './output-notice.ts';

function notice() {
  const heard: string[] = [];
  return { heard, notice: new OutputNotice(() => heard.push('begin'), () => heard.push('wake')) };
}

describe('what is said of output', () => {
  it('is said once for all that comes until the end of the next slice', () => {
    const { heard, notice: output } = notice();
    output.said();
    output.said();
    output.ran();
    expect(heard).toEqual(['begin']);
    expect(output.gathers()).toBe(true);
    output.said();
    expect(output.gathers()).toBe(false);
    output.ran();
    output.ran();
    expect(heard).toEqual(['begin', 'wake']);
  });

  it('is said before the thread waits, however far it is', () => {
    const { heard, notice: output } = notice();
    output.tell();
    expect(heard).toEqual([]);
    output.said();
    output.tell();
    output.said();
    output.gathers();
    output.tell();
    output.ran();
    expect(heard).toEqual(['begin', 'wake', 'begin', 'wake']);
  });
});
