import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeHtml } from './html.ts';
import { escapeMarkdown } from './markdown.ts';

const text = fc.string({ unit: 'binary', maxLength: 200 });

describe('text in a page', () => {
  it('is text whatever it is: no mark-up, no controls, and all of it there', () => {
    fc.assert(
      fc.property(text, (one) => {
        const escaped = escapeHtml(one);
        expect(escaped).not.toMatch(/[<>"'\0\r\u202e]/u);
        const read = escaped.replace(
          /&(lt|gt|quot|#39|amp);/gu,
          (_all, name: string) => ({ lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' })[name] ?? '',
        );
        expect(read).toBe(one.replace(/[^\P{C}\n\t]/gu, '\ufffd'));
      }),
    );
  });

  it('shows a text that turns its direction as what it is', () => expect(escapeHtml('a\u202eb\u0007')).toBe('a\ufffdb\ufffd'));
});

describe('text in Markdown', () => {
  it('has no mark-up of Markdown or HTML that is not escaped', () => {
    fc.assert(
      fc.property(text, (one) => {
        const rest = escapeMarkdown(one)
          .replace(/\\[\\`*_{}[\]<>|~$+\-=#]/gu, '')
          .replace(/&(amp|#8203);/gu, '')
          .replace(/\\[.)]/gu, '');
        expect(rest).not.toMatch(/[`*_{}[\]<>|~$&]/u);
        expect(rest).not.toMatch(/^\s*[-+#=]/mu);
      }),
    );
  });

  it.each([
    ['# title', '\\# title'],
    ['1. one', '1\\. one'],
    ['12) one', '12\\) one'],
    ['- one', '\\- one'],
    ['a|b', 'a\\|b'],
    ['<b>', '\\<b\\>'],
    ['@you #12', '@&#8203;you #&#8203;12'],
    ['see https://x', 'see https&#8203;://x'],
  ])('%s', (one, escaped) => expect(escapeMarkdown(one)).toBe(escaped));
});
