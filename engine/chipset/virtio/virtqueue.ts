/** A split virtqueue (Virtual I/O Device 1.2, section 2.7) as the device sees it. Under the device lock. */
import type { PhysicalMap } from '../../machine/bus.ts';
import { Descriptor } from './registers.ts';

/** What the driver broke: the device needs a reset. */
export class VirtqueueError extends Error {}

/** Where a queue lies, and how far the device is with it; fields of a block. */
export interface QueuePlace {
  size: number;
  descriptors: number;
  driver: number;
  device: number;
  /** The next entry of the available ring. */
  next: number;
}

interface Part {
  address: number;
  length: number;
}

/** More bytes than any request that a driver makes. */
const largestRequest = 1 << 20;
const noInterrupt = 1;
/** Flags and index of a ring. */
const ringHeader = 4;

/** A request: what the driver has written, and where an answer goes. */
export interface Request {
  readonly head: number;
  readonly bytes: Uint8Array;
  readonly answer: readonly Part[];
  /** Bytes that the answer may have. */
  readonly room: number;
}

export class Virtqueue {
  constructor(
    private readonly memory: PhysicalMap,
    private readonly place: QueuePlace,
  ) {}

  private word(address: number, bytes: 2 | 4): number {
    const into = new Uint8Array(4);
    this.memory.dmaRead(address, into.subarray(0, bytes));
    return new DataView(into.buffer).getUint32(0, true);
  }

  private reach(what: string, address: number, length: number, write: boolean): void {
    if (!this.memory.dmaReaches(address, length, write)) throw new VirtqueueError(`${what} lies where there is no memory`);
  }

  /** How many requests the driver has made available; more than the queue has entries where it is broken. */
  get waiting(): number {
    const { place } = this;
    return place.size === 0 || !this.memory.dmaReaches(place.driver, ringHeader, false) ? 0 : (this.word(place.driver + 2, 2) - place.next) & 0xffff;
  }

  /** The next request, if the driver has made one available. Throws VirtqueueError, and nothing is changed, where it is none that can be answered. */
  take(): Request | undefined {
    const { place } = this;
    if (place.size === 0) return undefined;
    this.reach('a table of descriptors', place.descriptors, place.size * Descriptor.bytes, false);
    this.reach('a ring', place.driver, ringHeader + 2 * place.size, false);
    this.reach('a ring', place.device, ringHeader + 8 * place.size, true);
    const { waiting } = this;
    if (waiting === 0) return undefined;
    if (waiting > place.size) throw new VirtqueueError('there is more in a ring than it has entries');
    const head = this.word(place.driver + 4 + 2 * (place.next % place.size), 2);
    const parts: { read: Part[]; write: Part[] } = { read: [], write: [] };
    let total = 0;
    let index = head;
    for (let count = 0; ; count++) {
      if (index >= place.size || count >= place.size) throw new VirtqueueError('a chain of descriptors has no end');
      const bytes = new Uint8Array(Descriptor.bytes);
      this.memory.dmaRead(place.descriptors + index * Descriptor.bytes, bytes);
      const view = new DataView(bytes.buffer);
      const [address, high, length, flags] = [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true), view.getUint16(12, true)];
      if (high !== 0 || (flags & Descriptor.indirect) !== 0) throw new VirtqueueError('a descriptor is none of those that were offered');
      total += length;
      if (total > largestRequest) throw new VirtqueueError('a request is too large');
      this.reach('a part of a request', address, length, (flags & Descriptor.write) !== 0);
      if ((flags & Descriptor.write) !== 0) parts.write.push({ address, length });
      else if (parts.write.length > 0) throw new VirtqueueError('what the driver wrote comes behind the answer');
      else parts.read.push({ address, length });
      if ((flags & Descriptor.next) === 0) break;
      index = view.getUint16(14, true);
    }
    place.next = (place.next + 1) & 0xffff;
    const bytes = new Uint8Array(parts.read.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const { address, length } of parts.read) {
      this.memory.dmaRead(address, bytes.subarray(at, at + length));
      at += length;
    }
    return { head, bytes, answer: parts.write, room: parts.write.reduce((sum, { length }) => sum + length, 0) };
  }

  /** Answers a request, with as much as there is room for. True: the driver wants an interrupt. */
  complete({ head, answer }: Request, bytes: Uint8Array): boolean {
    const { place, memory } = this;
    let written = 0;
    for (const { address, length } of answer) {
      const part = bytes.subarray(written, written + length);
      if (part.length === 0) break;
      memory.dmaWrite(address, part);
      written += part.length;
    }
    const used = this.word(place.device + 2, 2);
    const element = new Uint8Array(8);
    new DataView(element.buffer).setUint32(0, head, true);
    new DataView(element.buffer).setUint32(4, written, true);
    memory.dmaWrite(place.device + 4 + 8 * (used % place.size), element);
    // The index last: with it the element counts.
    memory.dmaWrite(place.device + 2, Uint8Array.of((used + 1) & 0xff, ((used + 1) >> 8) & 0xff));
    return (this.word(place.driver, 2) & noInterrupt) === 0;
  }
}
