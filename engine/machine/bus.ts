/**
 * What a chip sees of the machine. A chip is constructed once per thread (vCPU workers, service worker) over the same
 * block of shared memory; JavaScript fields of a chip hold no guest-visible state, only views and wiring.
 *
 * Rules
 * - Port, MMIO, timer and input handlers run under the machine's device lock, on whichever thread got there.
 * - A chip never starts a stop and never waits: it posts a request, which is carried out after the lock is released.
 * - Reads that are `peek`s (inspector, reports) must have no side effect.
 */
import type { BlockLayout, BlockView, Field } from '../layout/block.ts';
import type { ChipFacts } from '../layout/facts.ts';

/** Access width in bytes. */
export type Width = 1 | 2 | 4;

/**
 * Where ranges overlap, the one with fewer ports answers; among equals the one that was declared later. An access goes to the
 * owner of its first port, in one piece whatever its width: a chip with narrow registers splits it itself. An
 * access whose first port nobody owns is made byte by byte, as on the ISA bus.
 */
export interface PortHandler {
  /** `port` is absolute. The result is unsigned and fits the width. */
  read(port: number, width: Width): number;
  write(port: number, width: Width, value: number): void;
  /** As `read`, without side effects. Without it, tools show the port as unreadable. */
  peek?(port: number, width: Width): number;
}

export interface MmioHandler {
  /** `offset` counts from the region's base. */
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
  peek?(offset: number, width: Width): number;
}

/** A range of guest-physical pages that leads to a chip. PCI moves and switches it. Base and enabled state live in shared memory. */
export interface MmioRegion {
  readonly base: number;
  readonly size: number;
  /** Moves the region and enables it; `undefined` takes it out of the map. Page granular. */
  place(base: number | undefined): void;
}

/** A range of ports that can be moved (PCI I/O BARs, PM base). */
export interface PortRegion {
  readonly base: number;
  readonly count: number;
  place(base: number | undefined): void;
}

/** A level: true is asserted. Edge or level sensitivity is the interrupt controller's affair. */
export interface InterruptLine {
  set(asserted: boolean): void;
}

/** One deadline in shared memory. Only one is pending per timer; arming replaces it. */
export interface Timer {
  /** Guest nanoseconds (clock.now() scale) at which the callback runs, not before. Integer below 2^53. */
  arm(deadline: number): void;
  cancel(): void;
  /** The pending deadline, or Infinity. */
  readonly deadline: number;
}

export interface Clock {
  /** Guest nanoseconds since power-on; monotonic, integer. The only time a guest ever sees. */
  now(): number;
  /** Seconds since 1970 that the RTC showed at power-on. */
  readonly startTime: number;
}

/** Requests a chip may post; they run when the device lock is free again. */
export type ChipRequest =
  | { kind: 'reset'; reason: string }
  | { kind: 'powerOff'; reason: string }
  /** For the vCPU on whose thread the chip was called; vCPU 0 where there is none. */
  | { kind: 'smi'; cause: 'apm' | 'chipset' }
  | { kind: 'pause'; reason: string }
  /** Debug exit port 0xF4: status is (value << 1) | 1. */
  | { kind: 'debugExit'; value: number };

/** A byte stream from a chip to the host (serial, debug console). Never drops: when full, push says false and the chip keeps the byte. */
export interface OutputStream {
  push(byte: number): boolean;
  /** Bytes that fit now. */
  readonly space: number;
}

/** How a disk request ended: `full` is a write the host had no room for, `failed` any other error of the host. */
export type DiskStatus = 'done' | 'full' | 'failed';

/** What a drive asks of the host. `offset` and `bytes` lie inside the medium and `bytes` fits the buffer. */
export type DiskRequest = { kind: 'read' | 'write'; offset: number; bytes: number } | { kind: 'flush' };

/** A drive's way to its image. Under the device lock. */
export interface DiskPort {
  /** Bytes of the medium; 0 while there is none. */
  readonly bytes: number;
  readonly readOnly: boolean;
  /** A request is under way. */
  readonly busy: boolean;
  /**
   * Hands a request to the service worker and returns at once; `completed` follows. One at a time. Bytes are read into, and written
   * from, the start of the buffer. A write that is done survives the app; a flush that is done survives the host.
   */
  submit(request: DiskRequest): void;
  /** Forgets the request: `completed` is not called for it. A write may have happened or not. */
  cancel(): void;
}

export interface DiskOptions {
  /** A part of the chip's block; may be shared by drives of which only one is busy at a time. */
  buffer: Uint8Array;
  /** Called under the device lock, on any thread, once for each request; never from within `submit`. */
  completed(status: DiskStatus): void;
}

/** How a read or write of a legacy segment (0xC0000-0xFFFFF) is routed by the host bridge's PAM registers. */
export interface LegacyRouting {
  /** RAM under the ROM is read, else the ROM (or a hole). */
  readRam: boolean;
  /** Writes reach RAM, else they are dropped. */
  writeRam: boolean;
}

/** What the host bridge's SMRAM and ESMRAMC registers say. */
export interface SmramRouting {
  /** G_SMRAME: 0xA0000-0xBFFFF is SMRAM. */
  compatible: boolean;
  /** The part of memory that TSEG takes. */
  tseg: { base: number; size: number } | undefined;
  /** D_OPEN: everybody sees SMRAM. */
  open: boolean;
  /** D_CLS: in SMM, too, data accesses pass by it; only code is fetched from it. */
  closed: boolean;
}

export interface PhysicalMap {
  /** Routes [base, base+size) (16 KiB granular, inside 0xC0000-0xFFFFF) as PAM says. */
  routeLegacy(base: number, size: number, routing: LegacyRouting): void;
  /** Where SMRAM is, and who sees it besides those in SMM. */
  routeSmram(routing: SmramRouting): void;
  /** Address line 20 as the processors see it (A20M#): while it is false, that bit of each of their physical addresses is 0. DMA is not concerned. */
  a20: boolean;
  /** Guest RAM size in bytes below 4 GiB. */
  readonly ramBytes: number;
  /** DMA: copies out of / into guest RAM. Never reaches SMRAM or MMIO; holes read as ones. Keeps write epochs and code coherent. */
  dmaRead(address: number, into: Uint8Array): void;
  dmaWrite(address: number, from: Uint8Array): void;
  /** Whether DMA reaches memory at each of these bytes; with `write`, memory that it may change. */
  dmaReaches(address: number, length: number, write: boolean): boolean;
}

/** Pages of VRAM, or of the display device's memory, that may have been written since somebody drew them; see frame-writes.ts. Offsets in bytes. */
export interface WrittenPages {
  /** Cheap: asked for up to 60 times a second. */
  any(offset: number, bytes: number): boolean;
  /** The page with the byte at `offset`. */
  isWritten(offset: number): boolean;
  /** Before any of them is read. */
  look(): void;
  /** All that are written, of those that are drawn at all, were read since `look`. */
  seen(): void;
}

/** For one who draws once, or where nobody keeps account. */
export const everyPage: WrittenPages = { any: () => true, isWritten: () => true, look: () => undefined, seen: () => undefined };

export interface Bus {
  /** This chip's block in the shared memory; the same name always gives the same bytes. */
  block<F extends Record<string, Field>>(layout: BlockLayout<F>, instance?: string): BlockView<F>;
  ports(first: number, count: number, handler: PortHandler): PortRegion;
  /** `base` undefined: not mapped until placed. */
  mmio(name: string, base: number | undefined, size: number, handler: MmioHandler): MmioRegion;
  /** A region that shows VRAM from `vramOffset` on without a handler in between: a linear frame buffer. */
  frameBuffer(name: string, base: number | undefined, size: number, vramOffset: number): MmioRegion;
  /** The same for all of the display device's own memory. */
  scanoutBuffer(name: string): MmioRegion;
  /** `name` is unique in the machine, for instance `pit.channel0`. */
  timer(name: string, callback: () => void): Timer;
  output(name: string): OutputStream;
  /** `name` is the position of a drive, see drives.ts: `ide0.0`, `floppy0`. */
  disk(name: string, options: DiskOptions): DiskPort;
  readonly clock: Clock;
  readonly memory: PhysicalMap;
  /** VRAM bytes, shared with the display encoder. */
  readonly vram: Uint8Array<SharedArrayBuffer>;
  /** Where frames of the display device's outputs lie; apart from VRAM, so that neither device writes over the other's pictures. */
  readonly scanoutMemory: Uint8Array<SharedArrayBuffer>;
  /** A chip has written to VRAM, or to the display device's memory, itself. Under the device lock; cheap. */
  vramWritten(offset: number, bytes: number): void;
  scanoutsWritten(offset: number, bytes: number): void;
  post(request: ChipRequest): void;
  /** Tells display viewers that something visible changed (a counter in shared memory; cheap). */
  displayChanged(): void;
}

/** Every chip. */
export interface Chip {
  /** Puts the chip's block in its power-on state. `reset` is called at power-on and at each machine reset. */
  reset(): void;
  /** What it does now, for people who look. Under the device lock, without side effects: not a byte of any block changes. */
  inspect(): ChipFacts;
}
