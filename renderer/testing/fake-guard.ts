import { implement } from '@orpc/server';
import { contract } from '../../main/contract/contract.ts';
import type { GuardAlertMessage, GuardRangeMessage, GuardStateMessage } from '../../main/contract/guard.ts';

/** A write of vCPU 1 that was denied. */
export function alert(sequence: number, part: Partial<GuardAlertMessage> = {}): GuardAlertMessage {
  return {
    sequence,
    heard: 0,
    time: 1_500_000_000,
    kind: 'listed',
    action: 'deny',
    outcome: 'dropped',
    cause: 'instruction',
    physical: 0x2004,
    linear: 0x2004,
    size: 4,
    node: null,
    level: null,
    writer: { cpu: 1, cs: 8, eip: 0x101471, linear: 0x101471, cpl: 0, cr3: 0, symbol: 'strike+0xb' },
    before: Uint8Array.of(1, 2, 3, 4),
    after: Uint8Array.of(9, 2, 3, 4),
    ...part,
  };
}

export const treeNode = (address: number, level: number | null, parent: number | null, first: number | null) => ({
  address,
  level,
  parent,
  first,
  given: false,
});

/** The guard of a fake host: what it says is what a test has put here. */
export class FakeGuard {
  state: GuardStateMessage = {
    ranges: [{ address: 0x2000, bytes: 0x1000, action: 'deny', byHost: false }],
    nodes: [
      treeNode(0xff000000, 2, null, 0),
      treeNode(0xff001000, 1, 0xff000000, 0),
      treeNode(0xff002000, 0, 0xff001000, 0),
      treeNode(0xff003000, null, null, null),
    ],
    treeAction: 'deny',
    agent: 'guard-lab',
    sealed: true,
    alerts: 0,
    treeAlerts: 0,
    damaged: 0,
  };
  /** What a reader of alerts hears, then nothing more. */
  readonly alerts: GuardAlertMessage[][] = [];
  readonly added: GuardRangeMessage[] = [];
  refusal: string | undefined;

  router() {
    const os = implement(contract).$context<Record<never, never>>().guard;
    const heard = this.alerts;
    return {
      state: os.state.handler(() => this.state),
      watch: os.watch.handler(async function* () {
        yield* heard;
        await new Promise<void>(() => undefined);
      }),
      add: os.add.handler(({ input, errors }) => {
        if (this.refusal !== undefined) throw errors.BAD_INPUT({ message: this.refusal });
        this.added.push(input.range);
        const { range, action } = input;
        if (range.kind === 'physical') {
          const { address, bytes } = range;
          const others = this.state.ranges.filter((each) => each.address !== address);
          this.state = { ...this.state, ranges: [...others, { address, bytes, action, byHost: true }] };
        }
        return this.state;
      }),
      remove: os.remove.handler(({ input: { range } }) => {
        if (range.kind === 'physical')
          this.state = { ...this.state, ranges: this.state.ranges.filter(({ address }) => address !== range.address) };
        return this.state;
      }),
    };
  }
}
