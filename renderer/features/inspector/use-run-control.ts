import type { HostClient } from '../../../main/contract/contract.ts';
import { errorCode } from '../../host/failure.ts';
import { useHost } from '../../host/client.ts';
import { useLibrary } from '../../stores/library.ts';
import { useNotices } from '../../stores/notices.ts';
import { breakpointsAt } from './breakpoint-marks.ts';
import { useDebugFeed } from './debug-feed.ts';

export type StepKind = 'into' | 'over' | 'out' | 'line';
export type RunVerb = StepKind | 'continue' | 'pause';

const FAILED: Record<StepKind, string> = {
  into: 'The machine did not step',
  over: 'The machine did not step over',
  out: 'The machine did not step out',
  line: 'The machine did not step to the next line',
};

/** Which key does what while a workbench is in front. Undefined: none of these. */
export function runVerbOf(event: KeyboardEvent): RunVerb | undefined {
  if (event.altKey || event.metaKey) return undefined;
  if (event.key === 'F5' && !event.shiftKey) return event.ctrlKey ? 'pause' : 'continue';
  if (event.ctrlKey) return undefined;
  if (event.key === 'F10' && !event.shiftKey) return 'over';
  if (event.key === 'F11') return event.shiftKey ? 'out' : 'into';
  return undefined;
}

/** Steps, and runs to a place, by the vCPU that all panels look at. What is refused is a notice. Only within a component's set-up. */
export function useRunControl(id: string) {
  const host: HostClient = useHost();
  const library = useLibrary();
  const notices = useNotices();
  const feed = useDebugFeed(id);

  async function attempt(failed: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // A key that is held steps faster than the machine stops.
      if (errorCode(error) === 'WRONG_STATE' && feed.phase.value === 'running') return;
      notices.failure(failed, error);
    }
  }

  const step = (kind: StepKind): Promise<void> =>
    attempt(FAILED[kind], () => host.debug.step({ id, cpu: feed.vcpu.value, kind }));

  return {
    feed,
    step,
    runTo: (address: number): Promise<void> =>
      attempt('The machine did not run there', () => host.debug.runTo({ id, cpu: null, address })),
    /** Nothing happens where the machine is in no state for it. */
    async run(verb: RunVerb): Promise<void> {
      if (verb === 'pause') {
        if (feed.phase.value === 'running') await library.control(id, 'pause');
      } else if (feed.phase.value !== 'stopped') return;
      else if (verb === 'continue') await library.control(id, 'resume');
      else await step(verb);
    },
    /** Sets a breakpoint at a linear address, or takes away all that are there. */
    async toggle(address: number): Promise<void> {
      const there = breakpointsAt(feed.breakpoints.value, address);
      await attempt(there.length > 0 ? 'The breakpoint was not removed' : 'No breakpoint was set', async () => {
        if (there.length > 0) {
          await host.debug.breakpoints.remove({ id, breakpoints: there.map((each) => each.id) });
          return;
        }
        await host.debug.breakpoints.add({
          id,
          breakpoint: {
            watched: { kind: 'execute', space: 'linear', address },
            cpu: null,
            condition: null,
            ignore: 0,
            log: null,
            temporary: false,
            enabled: true,
          },
        });
      });
    },
  };
}
