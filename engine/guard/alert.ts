/** Alerts as they are kept in the ring and sent to the host: one record each, little-endian like all blocks. */
import { array, defineBlock, scalar } from '../layout/block.ts';

/** Bytes of old and new content that a record has room for. */
export const shownBytes = 32;

export const enum AlertKind {
  /** A write to a listed page. */
  listed = 1,
  /** A write to a node of the tree, or to a page that is kept for one. */
  tree,
  /** A write to a traced page that cannot be looked up, because the tree is damaged on the way. */
  damaged,
}

export const none32 = 0xffffffff;

export const alertRecord = defineBlock('guard-alert', 1, {
  sequence: scalar('u32'),
  kind: scalar('u8'),
  action: scalar('u8'),
  /** Outcome. */
  outcome: scalar('u8'),
  /** WriteCause. */
  cause: scalar('u8'),
  /** Guest time in nanoseconds. */
  time: scalar('f64'),
  physical: scalar('u32'),
  /** none32: a device wrote. */
  linear: scalar('u32'),
  /** Bytes from the first to the last; 0: not known, the write was refused before. */
  size: scalar('u32'),
  /** The node that was written, or beside which the tree is damaged; none32: none. */
  node: scalar('u32'),
  eip: scalar('u32'),
  codeBase: scalar('u32'),
  cr3: scalar('u32'),
  codeSelector: scalar('u16'),
  /** 0xff: no vCPU. */
  cpu: scalar('u8'),
  cpl: scalar('u8'),
  /** Level of that node, 0xff: spare or none. */
  level: scalar('u8'),
  /** Bytes in `before` and `after`. */
  shown: scalar('u8'),
  /** `after` is known. */
  made: scalar('u8'),
  before: array('u8', shownBytes),
  after: array('u8', shownBytes),
});
export const alertBytes = alertRecord.size;

/** The latest alerts, for the guest's agent and for whoever looks at the machine. */
export const keptAlerts = 256;
export const alertsBlock = defineBlock('guard-alerts', 1, { bytes: array('u8', keptAlerts * alertBytes) });

/** Name of the stream that takes records to the host. */
export const alertStream = 'guard';
