import { implement } from '@orpc/server';
import { contract } from '../../main/contract/contract.ts';
import type { PairEventMessage, PairMessage, PairOutsideMessage, PairSampleMessage, PairStatusMessage, PreflightPoint } from '../../main/contract/pairs.ts';

/** A pair whose side a speaks, with what a test wants different. */
export function pairStatus(part: Partial<PairStatusMessage> = {}): PairStatusMessage {
  const member = { pid: 11, role: 'primary' as const, mode: 'together' as const, term: 3, generation: 2, leaseAge: 46 };
  return {
    state: 'protected',
    reason: 'Outputs agree.',
    primary: 'a',
    sides: { a: member, b: { ...member, pid: 12, role: 'secondary', leaseAge: null } },
    gateway: { pid: 10, port: 4001, clients: 1, bytesIn: 2048, bytesOut: 4096, waitingInputs: 0, lost: 0 },
    lease: 'file',
    away: null,
    settings: { deadAfter: 1000, lateAfter: 200, stormAfter: 10, verify: true },
    resyncs: 2,
    ...part,
  };
}

export function pairSample(at: number, part: Partial<PairSampleMessage> = {}): PairSampleMessage {
  return { at, state: 'protected', lag: 2.1, held: 1434, heartbeat: 46, link: 421_888, states: 38_912, roundTrip: 0.31, waited: 0.062, stood: 0.0004, ...part };
}

/** A resync for a byte that differed. */
export function pairResync(at: number, reason: NonNullable<PairEventMessage['resync']>['reason'] = 'differs'): PairEventMessage {
  const divergence = reason === 'differs' ? { channel: 'com1', offset: 1_204_118, before: Uint8Array.of(0x6f, 0x6b, 0x0a), primary: Uint8Array.of(0x34, 0x66, 0x20), secondary: Uint8Array.of(0x34, 0x65, 0x20) } : null;
  const difference = {
    instructions: { primary: 4_096_120, secondary: 4_096_001 },
    registers: [{ cpu: 1, name: 'ecx', primary: '0x00000007', secondary: '0x00000006' }],
    first: { part: 'ram', page: 0x2ff, address: 0x2ff123, primary: 0x80, secondary: 0x81 },
    pages: [{ part: 'ram', pages: 37 }, { part: 'disk ide0.0', pages: 1 }],
  };
  return {
    at,
    by: 'a',
    kind: 'resync',
    text: 'Output differed; both sides are equal again.',
    resync: { reason, divergence, ...(reason === 'differs' ? { difference } : {}), pages: 38, bytes: 155_648, pause: 11, took: 19, digest: '7c41aa0055e09a', differing: [{ part: 'ram', page: 0x2ff }] },
  };
}

const point = (id: PreflightPoint['id'], part: Partial<PreflightPoint> = {}): PreflightPoint => ({ id, state: 'ok', title: id, sentence: 'All is well.', actions: [], ...part });
export { point as preflightPoint };

/** The pairs of a fake host: what they say is what a test has put here. */
export class FakePairs {
  points: PreflightPoint[] = [point('state'), point('space')];
  peers: { name: string; address: string | null }[] = [];
  refusal: string | undefined;
  /** All that has left, and what came in. */
  outside: Pick<PairOutsideMessage, 'bytes' | 'inputs'> = { bytes: new Uint8Array(0), inputs: [] };
  /** By side; a test's own bytes. */
  pictures: Partial<Record<'a' | 'b', Uint8Array>> = {};
  readonly #said: PairMessage[] = [{ kind: 'none' }];
  #wake: (() => void) | undefined;

  constructor(private readonly calls: string[]) {}

  /** A reader hears it behind what was said before. */
  say(...messages: PairMessage[]): void {
    this.#said.push(...messages);
    this.#wake?.();
  }

  #done(what: string): PairStatusMessage {
    this.calls.push(what);
    return pairStatus();
  }

  router() {
    const os = implement(contract).$context<Record<never, never>>().pairs;
    const refuse = (errors: { WRONG_STATE(options: { message: string }): Error }): void => {
      if (this.refusal !== undefined) throw errors.WRONG_STATE({ message: this.refusal });
    };
    return {
      preflight: os.preflight.handler(() => this.points),
      peers: os.peers.handler(() => this.peers),
      create: os.create.handler(({ input, errors }) => {
        refuse(errors);
        const { port = 0, peer, etcd, etcdFiles } = input.settings ?? {};
        return this.#done(['pair create', input.id, port, peer, etcd, etcdFiles && JSON.stringify(etcdFiles)].filter((part) => part !== undefined).join(' '));
      }),
      watch: os.watch.handler(() => this.#watch()),
      failover: os.failover.handler(({ input, errors }) => {
        refuse(errors);
        return this.#done(`pair failover ${input.id}`);
      }),
      reprotect: os.reprotect.handler(({ input }) => this.#done(`pair reprotect ${input.id}`)),
      resync: os.resync.handler(({ input }) => void this.#done(`pair resync ${input.id}`)),
      inject: os.inject.handler(({ input: { role, fault } }) => void this.#done(`pair inject ${role} ${JSON.stringify(fault)}`)),
      outside: os.outside.handler(({ input: { from } }) => {
        const offset = Math.min(from, this.outside.bytes.length);
        return { offset, bytes: this.outside.bytes.slice(offset), inputs: this.outside.inputs };
      }),
      picture: os.picture.handler(({ input: { side } }) => {
        const png = this.pictures[side];
        return png === undefined ? null : { png };
      }),
      break: os.break.handler(({ input }) => {
        this.#done(`pair break ${input.id}`);
        return { state: 'suspended' as const };
      }),
    };
  }

  async *#watch(): AsyncGenerator<PairMessage, void, void> {
    for (let at = 0; ; ) {
      const message = this.#said[at];
      if (message === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else {
        at++;
        yield message;
      }
    }
  }
}
