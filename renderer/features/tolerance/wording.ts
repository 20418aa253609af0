/** Words of a pair. */
import type { PairStateName } from '../../../main/contract/machine.ts';
import type { PairEventMessage, PairFaultMessage, PairRegister, PairRole, PairSideName, PreflightAction } from '../../../main/contract/pairs.ts';
import { byteCount, count } from '../../ui/wording.ts';
import type { Shape } from '../../ui/state.ts';
import { figure } from './figures.ts';

/** What a state means for who talks to the guest. */
export const STATE_SENTENCES: Record<PairStateName, string> = {
  preparing: 'The second machine is being made equal to the first. Until then nobody could take over.',
  protected: 'Both sides’ output agrees to the byte. If either dies now, its clients lose nothing.',
  degraded: 'Outputs differ too often to be compared: each waits for a checkpoint. If either side dies now, its clients lose nothing.',
  unprotected: 'One side goes on alone, and its clients notice nothing. If it dies too, the guest is gone.',
  lost: 'Nobody speaks for this guest. End the pair to have the machine with its disks, or look into its logs.',
};

export const EVENT_WORDS: Record<PairEventMessage['kind'], string> = {
  protected: 'Protected',
  degraded: 'Degraded',
  unprotected: 'Unprotected',
  resync: 'Resync',
  failover: 'Failover',
  fault: 'Fault',
  note: 'Note',
};

/** In the order of a filter. */
export const EVENT_KINDS: readonly PairEventMessage['kind'][] = ['protected', 'degraded', 'unprotected', 'resync', 'failover', 'fault', 'note'];

export const EVENT_SHAPES: Record<PairEventMessage['kind'], Shape> = {
  protected: 'protected',
  degraded: 'protected',
  unprotected: 'unprotected',
  resync: 'protected',
  failover: 'running',
  fault: 'alert',
  note: 'off',
};

/** What happened, in a sentence; behind a resync whose states were compared with what both have in common since. */
export function eventWords({ by, text, resync }: PairEventMessage): string {
  const told = by === 'person' ? text : `Side ${by}: ${text}`;
  return resync?.digest ? `${told.replace(/\.$/u, '')}, hash ${shortHash(resync.digest)}.` : told;
}

/** For instance "7c41…e09a". */
export function shortHash(digest: string): string {
  return digest.length > 9 ? `${digest.slice(0, 4)}…${digest.slice(-4)}` : digest;
}

/** What an event cost: the time, and what else there is to say where there is room for it. */
export function costWords({ took, resync }: PairEventMessage): { pause: string; more: string } {
  if (took !== undefined) return { pause: `after ${figure(took)} ms`, more: '' };
  if (resync === undefined) return { pause: '', more: '' };
  return { pause: `paused ${figure(resync.pause)} ms`, more: `, ${count(resync.pages, 'page')}, ${byteCount(resync.bytes)}` };
}

export const ACTION_TITLES: Record<PreflightAction, string> = {
  powerButton: 'Shut down',
  powerOff: 'Power off',
  resume: 'Resume',
  discard: 'Discard state ...',
  anyPort: 'Use any port',
  oneVcpu: 'Use one vCPU',
  wallClock: 'Use the wall clock',
};

/** What a person has chosen for the faults that need more than a click. */
export interface FaultChoice {
  /** Who is flipped. */
  role: PairRole;
  /** Physical; undefined: what was typed is none. */
  address: number | undefined;
  cpu: number;
  register: PairRegister;
}

export interface FaultRow {
  id: string;
  /** To whom; null: whom the person chooses. */
  role: PairRole | null;
  fault: PairFaultMessage['kind'];
  title: string;
  how: string;
}

/** In the order of how much they hurt. */
export const FAULTS: readonly FaultRow[] = [
  { id: 'kill-primary', role: 'primary', fault: 'kill', title: 'Kill the primary', how: 'as kill -9 would' },
  { id: 'kill-secondary', role: 'secondary', fault: 'kill', title: 'Kill the secondary', how: 'as kill -9 would' },
  { id: 'stop-primary', role: 'primary', fault: 'stop', title: 'Stop the primary', how: 'for 3 s, as kill -STOP' },
  { id: 'cut', role: 'secondary', fault: 'cut', title: 'Cut the link', how: 'one side goes on alone' },
  { id: 'delay', role: 'secondary', fault: 'delay', title: 'Delay the link', how: 'by 50 ms for 10 s' },
  { id: 'flip-output', role: null, fault: 'flip-output', title: 'Flip output', how: 'in the next byte it says' },
  { id: 'flip-memory', role: null, fault: 'flip-memory', title: 'Flip memory', how: 'at' },
  { id: 'flip-register', role: null, fault: 'flip-register', title: 'Flip a register', how: 'of' },
];

/** The fault itself; undefined where what was chosen is none. */
export function faultOf(kind: PairFaultMessage['kind'], { address, cpu, register }: FaultChoice): PairFaultMessage | undefined {
  switch (kind) {
    case 'stop':
      return { kind, seconds: 3 };
    case 'delay':
      return { kind, milliseconds: 50, seconds: 10 };
    case 'flip-memory':
      return address === undefined ? undefined : { kind, address };
    case 'flip-register':
      return { kind, cpu, register };
    default:
      return { kind };
  }
}

/** A physical address in hexadecimal; undefined for anything else. */
export function parseAddress(text: string): number | undefined {
  const digits = /^(?:0x)?([0-9a-f]{1,8})$/iu.exec(text.trim())?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** The name of a channel as people know it. */
export function channelWords(channel: string): string {
  return channel === 'com1' ? 'the first serial port' : channel === 'debug' ? 'port 0xE9' : channel;
}

/** The sides as they are shown: the primary first; while nobody speaks, as they were named. */
export function sidesInOrder(primary: PairSideName | null): readonly PairSideName[] {
  return primary === 'b' ? ['b', 'a'] : ['a', 'b'];
}
