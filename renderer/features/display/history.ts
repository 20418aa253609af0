import type { DisplayLogEntry } from '../../../main/contract/display.ts';

export interface Stay {
  kind: 'holder' | 'viewer';
  /** The holder's own; a viewer's is the one that it looks on at. */
  session: number;
  from: number;
  /** Undefined: still there. */
  to: number | undefined;
  /** What its displays were: "1280 × 800". */
  words: string;
}

export interface History {
  /** A lane for each client, in the order in which they came. */
  lanes: { client: string; stays: Stay[]; refusals: { at: number; sentence: string }[] }[];
  /** When the machine stood still since nobody had it. */
  suspended: { from: number; to: number | undefined }[];
  from: number;
}

/** Who had the machine when, from the log of its sessions. */
export function historyOf(log: readonly DisplayLogEntry[]): History {
  const lanes = new Map<string, History['lanes'][number]>();
  const suspended: History['suspended'] = [];
  const lane = (client: string): History['lanes'][number] => {
    const known = lanes.get(client) ?? { client, stays: [], refusals: [] };
    lanes.set(client, known);
    return known;
  };
  // Two clients may have one name: their sessions tell them apart.
  const last = (client: string, session: number): Stay | undefined => lane(client).stays.findLast((stay) => stay.to === undefined && stay.session === session);
  for (const { at, session, client, what, sentence } of log) {
    if (what === 'open') lane(client).stays.push({ kind: 'holder', session, from: at, to: undefined, words: '' });
    else if (what === 'view') lane(client).stays.push({ kind: 'viewer', session, from: at, to: undefined, words: 'looks on' });
    else if (what === 'refuse') lane(client).refusals.push({ at, sentence });
    else if (what === 'detect' || what === 'change') {
      const stay = last(client, session);
      const words = /\b(?:is|became) (\d.*)\.$/.exec(sentence)?.[1];
      if (stay?.kind === 'holder' && words !== undefined) stay.words = words;
    } else if (what === 'end' || what === 'take-over') {
      const stay = last(client, session);
      if (stay !== undefined) stay.to = at;
      // Who looked on has nothing to look at when the holder is gone, and is not logged alone.
      if (what === 'end' && stay?.kind === 'holder')
        for (const { stays } of lanes.values()) for (const one of stays) if (one.kind === 'viewer') one.to ??= at;
    } else if (what === 'suspend') suspended.push({ from: at, to: undefined });
    if (what === 'resume') {
      const still = suspended.at(-1);
      if (still !== undefined) still.to ??= at;
    }
  }
  return { lanes: [...lanes.values()].filter(({ stays, refusals }) => stays.length + refusals.length > 0), suspended, from: log[0]?.at ?? 0 };
}

/** Who had the machine before a session, and until when. */
export function holderBefore({ lanes }: History, session: number): { client: string; to: number } | undefined {
  let before: { client: string; session: number; to: number } | undefined;
  for (const { client, stays } of lanes)
    for (const { kind, session: number, to } of stays)
      if (kind === 'holder' && to !== undefined && number < session && number > (before?.session ?? 0)) before = { client, session: number, to };
  return before && { client: before.client, to: before.to };
}

/** What is worth being told apart in a list of requests. */
export function isRefusal({ what }: DisplayLogEntry): boolean {
  return what === 'refuse' || what === 'fail';
}
