/** The blocks of the IDE controller: one per channel, one per device position. */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import { bufferBytes } from './registers.ts';

/** What a channel is doing. */
export const enum Phase {
  idle,
  /** A request to the host is under way; BSY. */
  host,
  /** The host takes a block from the data register. */
  dataIn,
  /** The host fills a block through the data register. */
  dataOut,
  /** As dataOut, but the block is the command of a PACKET. */
  packet,
  /** Data waits for the bus master to move it. */
  dma,
}

export const enum Direction {
  toHost,
  toDevice,
  /** A flush: no data. */
  none,
}

export const channelBlock = defineBlock('ide.channel', 1, {
  /** Device register: DEV selects. */
  select: scalar('u8'),
  control: scalar('u8'),
  /** INTRQ before nIEN. */
  interrupt: scalar('u8'),
  phase: scalar('u8'),
  direction: scalar('u8'),
  /** The transfer is the bus master's. */
  dma: scalar('u8'),
  /** Byte in the buffer that is next, end of this block, end of what the buffer holds. */
  at: scalar('u32'),
  blockEnd: scalar('u32'),
  bufferEnd: scalar('u32'),
  /** Bytes of a block at most. */
  blockBytes: scalar('u32'),
  /** Byte of the medium that is next, and how many are still to be moved between buffer and medium. */
  offset: scalar('f64'),
  remaining: scalar('f64'),
  masterCommand: scalar('u8'),
  masterStatus: scalar('u8'),
  /** Guest-physical address of the descriptor table as software wrote it, and of the next descriptor. */
  table: scalar('u32'),
  nextDescriptor: scalar('u32'),
  /** Region of the current descriptor: next byte and bytes left. */
  regionAddress: scalar('u32'),
  regionLeft: scalar('u32'),
  /** The current descriptor is the last one (EOT). */
  regionLast: scalar('u8'),
  buffer: array('u8', bufferBytes),
});

export const deviceBlock = defineBlock('ide.device', 1, {
  /** Registers 1-5 by their offsets as last written or set by a command, and the values before (LBA48's high order bytes). */
  registers: array('u8', 8),
  previous: array('u8', 8),
  status: scalar('u8'),
  error: scalar('u8'),
  /** Sectors in a block of READ and WRITE MULTIPLE; 0: not set. */
  multiple: scalar('u8'),
  /** Translation that INITIALIZE DEVICE PARAMETERS set. */
  heads: scalar('u8'),
  sectorsPerTrack: scalar('u8'),
  /** As SET FEATURES takes it: 8-15 PIO, 0x20-0x22 multiword DMA, 0x40-0x45 Ultra DMA. */
  transferMode: scalar('u8'),
  writeCache: scalar('u8'),
  // CD-ROM
  /** The command under way is IDENTIFY PACKET DEVICE. */
  identifying: scalar('u8'),
  senseKey: scalar('u8'),
  senseCode: scalar('u8'),
  senseQualifier: scalar('u8'),
  /** A unit attention is to be reported first. */
  attention: scalar('u8'),
  locked: scalar('u8'),
  /** The tray is open: START STOP UNIT. */
  open: scalar('u8'),
  /** An event for GET EVENT STATUS NOTIFICATION: 0 none, 2 new medium, 3 removal. */
  mediaEvent: scalar('u8'),
});

export type ChannelState = ReturnType<typeof channelBlock.at>;
export type DeviceState = ReturnType<typeof deviceBlock.at>;
