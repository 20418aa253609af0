import type { DisplayLogEntry } from '../../../main/contract/display.ts';

export interface Stay {
  kind: 'holder' | 'viewer';
  from: number;
  /** Undefined: still there. */
  to: number | undefined;
  /** What its displays were: "1280 × 800". */
  words: string;
}

export interface History {
  /** A lane for each client, in the order in which they came. */
  lanes: { client: string; stays: Stay[] }[];
  /** When the machine stood still since nobody had it. */
  suspended: { from: number; to: number | undefined }[];
  from: number;
}

/** Who had the machine when, from the log of its sessions. */
export function historyOf(log: readonly DisplayLogEntry[]): History {
  const lanes = new Map<string, Stay[]>();
  const suspended: History['suspended'] = [];
  const lane = (client: string): Stay[] => {
    const known = lanes.get(client) ?? [];
    lanes.set(client, known);
    return known;
  };
  const last = (client: string): Stay | undefined => lane(client).findLast(({ to }) => to === undefined);
  for (const { at, client, what, sentence } of log) {
    if (what === 'open') lane(client).push({ kind: 'holder', from: at, to: undefined, words: '' });
    else if (what === 'view') lane(client).push({ kind: 'viewer', from: at, to: undefined, words: 'looks on' });
    else if (what === 'detect' || what === 'change') {
      const stay = last(client);
      const words = /\b(?:is|became) (\d.*)\.$/.exec(sentence)?.[1];
      if (stay?.kind === 'holder' && words !== undefined) stay.words = words;
    } else if (what === 'end' || what === 'take-over') {
      const stay = last(client);
      if (stay !== undefined) stay.to = at;
    } else if (what === 'suspend') suspended.push({ from: at, to: undefined });
    if (what === 'resume') {
      const still = suspended.at(-1);
      if (still !== undefined) still.to ??= at;
    }
  }
  return { lanes: [...lanes].map(([client, stays]) => ({ client, stays })).filter(({ stays }) => stays.length > 0), suspended, from: log[0]?.at ?? 0 };
}

/** What is worth being told apart in a list of requests. */
export function isRefusal({ what }: DisplayLogEntry): boolean {
  return what === 'refuse' || what === 'fail';
}
