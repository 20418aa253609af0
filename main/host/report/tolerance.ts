/** What a report says of the pair that the machine is. */
import { toJson } from '../../contract/json-form.ts';
import type { PairEventMessage, PairSampleMessage, PairStatusMessage } from '../../contract/pairs.ts';
import type { ReportPair } from '../../contract/report.ts';
import type { PairDescription } from '../pair/folder.ts';

/** Undefined where nothing was measured yet. */
export interface PairLook {
  readonly status: PairStatusMessage;
  readonly description: Pick<PairDescription, 'lease' | 'away'>;
  readonly events: readonly PairEventMessage[];
  readonly sample: PairSampleMessage | undefined;
}

type Resync = NonNullable<PairEventMessage['resync']>;

function spreadOf(values: readonly number[]): ReportPair['figures']['bytes'] {
  const sorted = [...values].sort((one, two) => one - two);
  const median = sorted[(sorted.length - 1) >> 1];
  const greatest = sorted.at(-1);
  return median === undefined || greatest === undefined ? null : { median, greatest };
}

export function toleranceOf({ status, description: { lease, away }, events, sample }: PairLook): ReportPair {
  const resyncs = events.flatMap(({ resync }) => resync ?? []);
  const spread = (of: (resync: Resync) => number) => spreadOf(resyncs.map(of));
  const last = events.findLastIndex(({ resync }) => resync !== undefined && (resync.divergence !== null || resync.difference !== undefined));
  return {
    state: status.state,
    reason: status.reason,
    primary: status.primary,
    sides: {
      a: { host: null, member: toJson(status.sides.a) },
      b: { host: away?.host ?? null, member: toJson(status.sides.b) },
    },
    gateway: toJson(status.gateway),
    // Nothing of its credentials.
    lease: lease.kind === 'file' ? { kind: 'file', endpoints: [], validity: null } : { kind: 'etcd', endpoints: lease.endpoints.map((address) => new URL(address).origin), validity: lease.validity },
    settings: toJson(status.settings),
    figures: {
      resyncs: status.resyncs,
      bytes: spread(({ bytes }) => bytes),
      pages: spread(({ pages }) => pages),
      pause: spread(({ pause }) => pause),
      took: spread(({ took }) => took),
      now: { lag: sample?.lag ?? null, held: sample?.held ?? null, heartbeat: sample?.heartbeat ?? null },
    },
    events: toJson(events),
    lastDivergence: last < 0 ? null : last,
  };
}

/** Without what the guest said or had in its memory, and without paths and addresses, which notes may have. */
export function redactTolerance(pair: ReportPair): ReportPair {
  const { sides, lease } = pair;
  return {
    ...pair,
    sides: { a: { ...sides.a, host: null }, b: { ...sides.b, host: null } },
    lease: { ...lease, endpoints: [] },
    events: pair.events.map((event) => ({
      ...event,
      text: event.kind === 'note' ? '' : event.text,
      ...(event.resync === undefined ? {} : { resync: redactResync(event.resync) }),
    })),
  };
}

function redactResync(resync: NonNullable<ReportPair['events'][number]['resync']>): typeof resync {
  const { divergence, difference } = resync;
  return {
    ...resync,
    divergence: divergence === null ? null : { ...divergence, before: '', primary: '', secondary: '' },
    ...(difference === undefined ? {} : { difference: { ...difference, first: null } }),
  };
}
