import { implement } from '@orpc/server';
import { reports } from '../../main/contract/reports.ts';

const os = implement(reports).$context<Record<never, never>>();

/** Reports of no machine. */
export class FakeReports {
  taken = 0;
  /** What the next report is refused with. */
  refusal: string | undefined;
  isPast = false;
  problems: string[] = [];
  html = '<!doctype html>\n<html lang="en"><body><section id="what-happened"><h2>What happened</h2></section></body></html>';
  /** A save waits for this. */
  saving: Promise<void> = Promise.resolve();

  constructor(private readonly calls: string[]) {}

  router() {
    return {
      take: os.take.handler(({ input }) => {
        this.calls.push(`report ${input.id}`);
        if (this.refusal !== undefined) throw new Error(this.refusal);
        this.taken++;
        return {
          capture: String(this.taken),
          title: 'A paused machine',
          at: 0,
          isPast: this.isPast,
          contents: [
            { id: 'what-happened', title: 'What happened', amount: '1 finding', isEmpty: false },
            { id: 'trace', title: 'Trace', amount: 'none', isEmpty: true },
          ],
          problems: this.problems,
        };
      }),
      render: os.render.handler(({ input: { capture, format, redact, notes } }) => ({
        text:
          format === 'html'
            ? this.html
            : `${format} of ${capture}${redact ? ', redacted' : ''}${notes === '' ? '' : `, ${notes}`}`,
      })),
      save: os.save.handler(async ({ input, signal }) => {
        this.calls.push(`save ${input.formats.join(' ')} to ${input.place.path}${input.redact ? ' redacted' : ''}`);
        await Promise.race([
          this.saving,
          new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted')))),
        ]);
        return {
          title: '',
          problems: [],
          files: input.formats.map((format) => ({ format, path: `${input.place.path}/hello.${format}`, bytes: 1024 })),
        };
      }),
    };
  }
}
