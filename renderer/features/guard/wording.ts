/** The guard's facts as people read them. */
import type { GuardActionName, GuardAlertMessage, GuardStateMessage } from '../../../main/contract/guard.ts';
import { hexByte, hexNumber as hex } from '../../ui/hex.ts';
import { count } from '../../ui/wording.ts';

export const PAGE = 4096;

export { hex };

export const ACTION_WORDS: Record<GuardActionName, string> = {
  log: 'Log',
  notify: 'Notify',
  pause: 'Pause',
  deny: 'Deny',
  fault: 'Deny, #GP',
  powerOff: 'Deny, power off',
};

/** What each does, for a title. */
export const ACTION_SENTENCES: Record<GuardActionName, string> = {
  log: 'The write is made and recorded.',
  notify: 'The write is made and recorded, and people are told.',
  pause: 'The write is made, and the machine stops right behind it.',
  deny: 'The write is not made, and the guest goes on.',
  fault: 'The write is not made, and its instruction gets #GP.',
  powerOff: 'The write is not made, and the machine goes off.',
};

/** Whether writes are kept out. */
export const isDenied = (action: GuardActionName): boolean => action === 'deny' || action === 'fault' || action === 'powerOff';

/** What was done about a write. */
export function doneWords({ outcome, action }: GuardAlertMessage): string {
  if (outcome === 'refused') return 'Denied, #GP';
  if (outcome === 'dropped') return action === 'powerOff' ? 'Denied, powered off' : 'Denied';
  return { log: 'Made, logged', notify: 'Made, notified', pause: 'Made, paused' }[action as string] ?? 'Made';
}

export function kindWords({ kind, cause }: GuardAlertMessage): string {
  if (kind === 'tree') return 'Tree node';
  if (kind === 'damaged') return 'Damaged tree';
  return cause === 'dma' ? 'By DMA' : 'Listed page';
}

/** "0008:00101236". */
export function writerWords({ writer }: GuardAlertMessage): string {
  return writer === null ? 'a device' : `${hex(writer.cs, 4)}:${hex(writer.eip)}`;
}

const CAUSES = {
  instruction: '',
  delivery: 'the frame of an interrupt or exception',
  walk: 'accessed and dirty bits',
  dma: 'a device’s transfer',
};
export const causeWords = ({ cause }: GuardAlertMessage): string => CAUSES[cause];

/** Guest seconds, for instance "7.904 118 052". */
export function guestTime(nanoseconds: number): string {
  return (nanoseconds / 1e9).toFixed(9).replace(/(\d{3})(\d{3})(\d{3})$/, '$1 $2 $3');
}

export const hexBytes = (bytes: Uint8Array): string[] => [...bytes].map(hexByte);

export function pageCount(bytes: number): string {
  return count(Math.ceil(bytes / PAGE), 'page');
}

export function protectedBytes({ ranges }: GuardStateMessage): number {
  return ranges.reduce((sum, { bytes }) => sum + bytes, 0);
}
