/** Records of alerts as the host has them. */
import { Outcome, WriteCause } from '../cpu/traced-writes.ts';
import type { GuardAction, GuardAlert } from '../machine/guard-types.ts';
import { AlertKind, alertBytes, alertRecord, none32 } from './alert.ts';
import { actionName } from './format.ts';

const kinds: Record<number, GuardAlert['kind']> = {
  [AlertKind.listed]: 'listed',
  [AlertKind.tree]: 'tree',
  [AlertKind.damaged]: 'damaged',
};
const outcomes: Record<number, GuardAlert['outcome']> = {
  [Outcome.made]: 'made',
  [Outcome.dropped]: 'dropped',
  [Outcome.refused]: 'refused',
};
const causes: Record<number, GuardAlert['cause']> = {
  [WriteCause.instruction]: 'instruction',
  [WriteCause.delivery]: 'delivery',
  [WriteCause.walk]: 'walk',
  [WriteCause.dma]: 'dma',
};
const pageBytes = 4096;

function named<T>(table: Record<number, T>, value: number, what: string): T {
  const found = table[value];
  if (found === undefined) throw new RangeError(`${value} is no ${what} of an alert.`);
  return found;
}

export function nameAction(action: number): GuardAction {
  const name = actionName(action);
  if (name === undefined) throw new RangeError(`${action} is no action of the guard.`);
  return name;
}

/** One record that is read out: views cost more than the bytes. */
const scratch = new SharedArrayBuffer(alertBytes);
const content = new Uint8Array(scratch);
const record = alertRecord.at(scratch, 0);

/** Whole records, one behind the other, written by this build. */
export function decodeAlerts(bytes: Uint8Array): GuardAlert[] {
  const alerts: GuardAlert[] = [];
  for (let at = 0; at + alertBytes <= bytes.length; at += alertBytes) {
    content.set(bytes.subarray(at, at + alertBytes));
    const { shown, made, cpu, node, level } = record;
    alerts.push({
      sequence: record.sequence,
      kind: named(kinds, record.kind, 'kind'),
      action: nameAction(record.action),
      outcome: named(outcomes, record.outcome, 'outcome'),
      cause: named(causes, record.cause, 'cause'),
      time: record.time,
      physical: record.physical,
      linear: record.linear === none32 ? undefined : record.linear,
      size: record.size,
      node: node === none32 ? undefined : node * pageBytes,
      level: node === none32 || level === 0xff ? undefined : level,
      writer:
        cpu === 0xff
          ? undefined
          : {
              cpu,
              cs: record.codeSelector,
              eip: record.eip,
              linear: (record.codeBase + record.eip) >>> 0,
              cpl: record.cpl,
              cr3: record.cr3,
            },
      before: Uint8Array.from(record.before.subarray(0, shown)),
      after: made === 0 ? undefined : Uint8Array.from(record.after.subarray(0, shown)),
    });
  }
  return alerts;
}
