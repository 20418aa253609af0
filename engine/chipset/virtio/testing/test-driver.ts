/** A driver of a virtio device as a guest would have it, with queues in the machine's own memory. */
import { expect } from 'vitest';
import { PciBus } from '../../pci/pci.ts';
import { FakeBus, FakeLine } from '../../testing/fake-bus.ts';

const base = 0xe400_0000;
/** Where queue n lies, and how far its rings are from its descriptors. */
const queueMemory = 0x10000;
const queueStride = 0x4000;
export const ringStride = 0x1000;
export const queueEntries = 16;

interface Configured {
  write(offset: number, width: 1 | 2 | 4, value: number): void;
}

export class TestDriver {
  readonly bus = new FakeBus({ ramBytes: 4 << 20 });
  readonly line = new FakeLine();
  readonly pci = new PciBus(this.bus);
  private readonly available = [0, 0];

  constructor() {
    this.pci.connect({ route: (_address, _pin, asserted) => this.line.set(asserted) });
  }

  /** What firmware does. */
  place(device: Configured): void {
    device.write(0x20, 4, base);
    device.write(0x04, 2, 6);
  }

  read = (offset: number, width: 1 | 2 | 4 = 4): number => this.bus.mmioRead(base + offset, width);
  write = (offset: number, value: number, width: 1 | 2 | 4 = 4): void => this.bus.mmioWrite(base + offset, value, width);

  ram(at: number, bytes: Uint8Array): void {
    this.bus.memory.dmaWrite(at, bytes);
  }

  word(at: number, width: 2 | 4): number {
    const into = new Uint8Array(4);
    this.bus.memory.dmaRead(at, into.subarray(0, width));
    return new DataView(into.buffer).getUint32(0, true);
  }

  /** Section 3.1.1, with the low features that the device must offer. `placesOf`: descriptors, available and used ring of a queue. */
  start(features: number, queues: number, placesOf = (queue: number): readonly number[] => [0, 1, 2].map((ring) => this.queueAt(queue) + ring * ringStride)): void {
    this.write(0x14, 0, 1);
    this.write(0x14, 3, 1);
    for (const [select, offered] of [
      [0, features],
      [1, 1],
    ] as const) {
      this.write(0x00, select);
      expect(this.read(0x04)).toBe(offered);
      this.write(0x08, select);
      this.write(0x0c, offered);
    }
    this.write(0x14, 11, 1);
    expect(this.read(0x14, 1)).toBe(11);
    expect(this.read(0x12, 2)).toBe(2);
    for (let queue = 0; queue < queues; queue++) this.setQueue(queue, placesOf(queue));
    this.write(0x14, 15, 1);
  }

  queueAt(queue: number): number {
    return queueMemory + queue * queueStride;
  }

  /** Descriptors, available and used ring. */
  setQueue(queue: number, places: readonly number[]): void {
    this.available[queue] = 0;
    // Nothing of a driver before it.
    for (const ring of [0, 1, 2]) this.ram(this.queueAt(queue) + ring * ringStride, new Uint8Array(ringStride));
    this.write(0x16, queue, 2);
    this.write(0x18, queueEntries, 2);
    places.forEach((at, index) => this.write(0x20 + 8 * index, at));
    this.write(0x1c, 1, 2);
  }

  descriptor(queue: number, index: number, address: number, length: number, flags: number, next = 0): void {
    const bytes = new DataView(new ArrayBuffer(16));
    bytes.setUint32(0, address, true);
    bytes.setUint32(8, length, true);
    bytes.setUint16(12, flags, true);
    bytes.setUint16(14, next, true);
    this.ram(this.queueAt(queue) + 16 * index, new Uint8Array(bytes.buffer));
  }

  offer(queue: number, head: number): void {
    const half = (value: number) => Uint8Array.of(value & 0xff, (value >> 8) & 0xff);
    const at = this.available[queue] ?? 0;
    this.ram(this.queueAt(queue) + ringStride + 4 + 2 * (at % queueEntries), half(head));
    this.available[queue] = at + 1;
    this.ram(this.queueAt(queue) + ringStride + 2, half(at + 1));
  }

  notify(queue: number): void {
    this.write(0x3000 + 4 * queue, queue, 2);
  }

  /** Index of the used ring. */
  used(queue: number): number {
    return this.word(this.queueAt(queue) + 2 * ringStride + 2, 2);
  }

  /** Head and length of an entry of the used ring. */
  usedEntry(queue: number, index: number): [head: number, length: number] {
    const at = this.queueAt(queue) + 2 * ringStride + 4 + 8 * (index % queueEntries);
    return [this.word(at, 4), this.word(at + 4, 4)];
  }
}
