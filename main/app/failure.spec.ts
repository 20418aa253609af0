import { describe, expect, it } from 'vitest';
import { failurePage } from './failure.ts';

describe('the page of a failed start', () => {
  it('says the sentence and where the log is, and runs nothing that is written in it', () => {
    const page = failurePage('The library "<img src=x onerror=alert(1)>" is in use.', '/home/a&b/main.log');
    expect(page).toContain('The library &quot;&lt;img src=x onerror=alert(1)&gt;&quot; is in use.');
    expect(page).toContain('/home/a&amp;b/main.log');
    expect(page).not.toContain('<img');
    expect(page).not.toContain('<script');
  });
});
