/** Words of a pair. */
import type { PairStateName } from '../../../main/contract/machine.ts';
import type { PairEventMessage, PairFaultMessage, PairRole, PreflightAction } from '../../../main/contract/pairs.ts';
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

export const EVENT_SHAPES: Record<PairEventMessage['kind'], Shape> = {
  protected: 'protected',
  degraded: 'protected',
  unprotected: 'unprotected',
  resync: 'protected',
  failover: 'running',
  fault: 'alert',
  note: 'off',
};

/** What an event cost. */
export function costWords({ took, resync }: PairEventMessage): string {
  if (took !== undefined) return `after ${figure(took)} ms`;
  if (resync === undefined) return '';
  return `paused ${figure(resync.pause)} ms, ${count(resync.pages, 'page')}, ${byteCount(resync.bytes)}`;
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

export interface FaultRow {
  id: string;
  role: PairRole;
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
  { id: 'flip-memory', role: 'secondary', fault: 'flip-memory', title: 'Flip memory', how: 'secondary, at' },
  { id: 'flip-register', role: 'secondary', fault: 'flip-register', title: 'Flip a register', how: 'secondary’s ESI' },
  { id: 'flip-output', role: 'secondary', fault: 'flip-output', title: 'Flip output', how: 'the secondary’s next byte' },
];

/** The fault itself; `address`: physical, of flip-memory. */
export function faultOf(kind: PairFaultMessage['kind'], address: number): PairFaultMessage {
  switch (kind) {
    case 'stop':
      return { kind, seconds: 3 };
    case 'delay':
      return { kind, milliseconds: 50, seconds: 10 };
    case 'flip-memory':
      return { kind, address };
    case 'flip-register':
      return { kind, cpu: 0, register: 'esi' };
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
