import type { GuardAlertMessage } from '../../../main/contract/guard.ts';
import { ACTION_WORDS, doneWords, hex, kindWords, writerWords } from './wording.ts';

export const ALERT_KINDS = {
  all: 'All kinds',
  listed: 'Listed pages',
  tree: 'The tree',
  denied: 'Denied',
  made: 'Made',
} as const;
export type AlertKindFilter = keyof typeof ALERT_KINDS;

function isOf({ kind, outcome }: GuardAlertMessage, wanted: AlertKindFilter): boolean {
  if (wanted === 'all') return true;
  if (wanted === 'listed') return kind === 'listed';
  if (wanted === 'tree') return kind !== 'listed';
  return wanted === 'made' ? outcome === 'made' : outcome !== 'made';
}

/** Those of a kind whose facts contain each word of the text. */
export function filterAlerts(alerts: readonly GuardAlertMessage[], kind: AlertKindFilter, text: string): GuardAlertMessage[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return alerts.filter((alert) => {
    if (!isOf(alert, kind)) return false;
    if (words.length === 0) return true;
    const { writer, physical, linear, action } = alert;
    const facts = [
      hex(physical),
      linear === null ? '' : hex(linear),
      writerWords(alert),
      writer?.symbol ?? '',
      kindWords(alert),
      doneWords(alert),
      ACTION_WORDS[action],
      writer === null ? '' : `vcpu ${writer.cpu}`,
    ];
    const said = facts.join(' ').toLowerCase();
    return words.every((word) => said.includes(word));
  });
}
