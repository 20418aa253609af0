/** A virtio device on PCI, by the modern transport, with INTA# for interrupts. What the device does is its subclass's. */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import type { Bus, Width } from '../../machine/bus.ts';
import { PciFunction, type PciAddress } from '../pci/function.ts';
import type { PciBus } from '../pci/pci.ts';
import {
  CapabilityType,
  Common,
  firstDevice,
  Isr,
  largestQueue,
  mostQueues,
  notifyMultiplier,
  noVector,
  Status,
  Structure,
  structureBar,
  version1,
  virtioVendor,
} from './registers.ts';
import { Virtqueue, VirtqueueError, type QueuePlace, type Request } from './virtqueue.ts';

const words = array('u32', mostQueues);

const transportBlock = defineBlock('virtio', 1, {
  status: scalar('u32'),
  isr: scalar('u32'),
  generation: scalar('u32'),
  deviceFeatureSelect: scalar('u32'),
  driverFeatureSelect: scalar('u32'),
  driverFeatures: array('u32', 2),
  queueSelect: scalar('u32'),
  queueSize: words,
  queueEnable: words,
  descriptorsLow: words,
  descriptorsHigh: words,
  driverLow: words,
  driverHigh: words,
  deviceLow: words,
  deviceHigh: words,
  next: words,
});

export interface VirtioIdentity {
  /** Of the device, as section 5 numbers it. */
  device: number;
  classCode: number;
  /** Bits 0-31 of the features. */
  features: number;
  queues: number;
}

const ready = Status.driverOk | Status.featuresOk;
const capabilityId = 0x09;
/** In configuration space. */
const capabilities = { common: 0x40, isr: 0x50, device: 0x60, notify: 0x70, pciAccess: 0x84 } as const;
const accessBar = capabilities.pciAccess + 4;
const accessOffset = capabilities.pciAccess + 8;
const accessLength = capabilities.pciAccess + 12;
const accessData = capabilities.pciAccess + 16;

const little = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];

export abstract class VirtioFunction extends PciFunction {
  protected readonly transport;
  private readonly queues: Virtqueue[];

  constructor(
    bus: Bus,
    pci: PciBus,
    address: PciAddress,
    private readonly identity: VirtioIdentity,
    name: string,
  ) {
    super(bus, address, {
      vendor: virtioVendor,
      device: firstDevice + identity.device,
      revision: 1,
      classCode: identity.classCode,
      subsystemVendor: virtioVendor,
      subsystem: 0x1100,
      interruptPin: 1,
    });
    const transport = (this.transport = bus.block(transportBlock, name));
    const capability = (at: number, type: CapabilityType, offset: number, length: number, more: readonly number[] = [], writable: readonly number[] = []) =>
      this.addCapability(at, capabilityId, [16 + more.length, type, structureBar, 0, 0, 0, ...little(offset), ...little(length), ...more], writable);
    capability(capabilities.common, CapabilityType.common, Structure.common, Common.end);
    capability(capabilities.isr, CapabilityType.isr, Structure.isr, 1);
    capability(capabilities.device, CapabilityType.device, Structure.device, 0x1000);
    capability(capabilities.notify, CapabilityType.notify, Structure.notify, 0x1000, little(notifyMultiplier));
    // BAR, offset, length and data are the driver's.
    const free = [0, 0, 0xff, 0, 0, 0, ...Array<number>(12).fill(0xff)];
    capability(capabilities.pciAccess, CapabilityType.pciAccess, 0, 0, little(0), free);
    this.addMemoryBar(
      structureBar,
      bus.mmio(`${name}.structures`, undefined, Structure.bytes, {
        read: (offset, width) => this.structureRead(offset, width, true),
        peek: (offset, width) => this.structureRead(offset, width, false),
        write: (offset, width, value) => this.structureWrite(offset, width, value),
      }),
    );
    this.queues = Array.from({ length: identity.queues }, (_, queue) => new Virtqueue(bus.memory, placeOf(transport, queue)));
    pci.add(this);
  }

  override reset(): void {
    super.reset();
    this.restart();
  }

  /** What the driver does by writing 0 to the status, and the machine by its reset. */
  private restart(): void {
    const { transport } = this;
    const had = this.driverReady;
    transport.status = transport.isr = transport.deviceFeatureSelect = transport.driverFeatureSelect = transport.queueSelect = 0;
    transport.driverFeatures.fill(0);
    transport.queueSize.fill(largestQueue);
    for (const field of [transport.queueEnable, transport.descriptorsLow, transport.descriptorsHigh, transport.driverLow, transport.driverHigh, transport.deviceLow, transport.deviceHigh, transport.next]) field.fill(0);
    this.setInterrupt(false);
    this.restarted();
    if (had) this.driverChanged();
  }

  /** The device itself begins anew. */
  protected abstract restarted(): void;
  /** Answers a request; undefined: an answer without bytes. */
  protected abstract serve(queue: number, request: Uint8Array): Uint8Array;
  protected abstract configRead(offset: number): number;
  protected abstract configWrite(offset: number, width: Width, value: number): void;
  /** A driver has become ready, or is that no more. */
  protected driverChanged(): void {}

  /** A driver works the device. */
  get driverReady(): boolean {
    return (this.transport.status & (ready | Status.needsReset)) === ready;
  }

  /** For people. */
  get driver(): 'none' | 'ready' | 'broken' {
    if ((this.transport.status & Status.needsReset) !== 0) return 'broken';
    return this.driverReady ? 'ready' : 'none';
  }

  /** The device's configuration changed by itself. */
  protected configurationChanged(): void {
    const { transport } = this;
    transport.generation = (transport.generation + 1) & 0xff;
    if ((transport.status & Status.driverOk) !== 0) this.raise(Isr.configuration);
  }

  private raise(bit: Isr): void {
    this.transport.isr |= bit;
    this.setInterrupt(true);
  }

  // The structures of BAR 4

  private structureRead(offset: number, width: Width, effects: boolean): number {
    // Narrower reads of a register give its lower part.
    if (offset < Structure.isr) return this.commonRead(offset, width) % 2 ** (8 * width);
    if (offset < Structure.device) {
      if (offset !== Structure.isr) return 0;
      const { isr } = this.transport;
      if (effects) {
        this.transport.isr = 0;
        this.setInterrupt(false);
      }
      return isr;
    }
    if (offset >= Structure.notify) return 0;
    const at = offset - Structure.device;
    return Math.floor(this.configRead(at & ~3) / 2 ** (8 * (at & 3))) % 2 ** (8 * width);
  }

  private structureWrite(offset: number, width: Width, value: number): void {
    if (offset < Structure.isr) this.commonWrite(offset, value);
    else if (offset >= Structure.notify) this.queueNotified(Math.floor((offset - Structure.notify) / notifyMultiplier));
    else if (offset >= Structure.device) this.configWrite(offset - Structure.device, width, value);
  }

  private commonRead(offset: number, width: Width): number {
    const { transport, identity } = this;
    const queue = transport.queueSelect;
    const of = (field: Uint32Array): number => (queue < identity.queues ? (field[queue] ?? 0) : 0);
    switch (offset) {
      case Common.deviceFeatureSelect:
        return transport.deviceFeatureSelect;
      case Common.deviceFeature:
        return transport.deviceFeatureSelect === 0 ? identity.features : transport.deviceFeatureSelect === 1 ? version1 : 0;
      case Common.driverFeatureSelect:
        return transport.driverFeatureSelect;
      case Common.driverFeature:
        return transport.driverFeatures[transport.driverFeatureSelect] ?? 0;
      case Common.configVector:
        // A driver may read both halves at once.
        return width === 4 ? noVector + identity.queues * 0x10000 : noVector;
      case Common.queues:
        return identity.queues;
      case Common.status:
        return transport.status;
      case Common.generation:
        return transport.generation;
      case Common.queueSelect:
        return queue;
      case Common.queueSize:
        return of(transport.queueSize);
      case Common.queueVector:
        return noVector;
      case Common.queueEnable:
        return of(transport.queueEnable);
      case Common.queueNotify:
        return queue;
      case Common.queueDescriptors:
        return of(transport.descriptorsLow);
      case Common.queueDescriptors + 4:
        return of(transport.descriptorsHigh);
      case Common.queueDriver:
        return of(transport.driverLow);
      case Common.queueDriver + 4:
        return of(transport.driverHigh);
      case Common.queueDevice:
        return of(transport.deviceLow);
      case Common.queueDevice + 4:
        return of(transport.deviceHigh);
      default:
        return 0;
    }
  }

  private commonWrite(offset: number, value: number): void {
    const { transport, identity } = this;
    const queue = transport.queueSelect;
    const put = (field: Uint32Array, word: number): void => {
      // A queue that runs stays where it is.
      if (queue < identity.queues && transport.queueEnable[queue] === 0) field[queue] = word;
    };
    switch (offset) {
      case Common.deviceFeatureSelect:
        transport.deviceFeatureSelect = value;
        return;
      case Common.driverFeatureSelect:
        transport.driverFeatureSelect = value;
        return;
      case Common.driverFeature:
        if (transport.driverFeatureSelect < 2 && (transport.status & Status.featuresOk) === 0) transport.driverFeatures[transport.driverFeatureSelect] = value;
        return;
      case Common.status:
        this.statusWritten(value & 0xff);
        return;
      case Common.queueSelect:
        transport.queueSelect = value & 0xffff;
        return;
      case Common.queueSize:
        // A power of two, as split queues are.
        if ((value & (value - 1)) === 0 && value > 0 && value <= largestQueue) put(transport.queueSize, value);
        return;
      case Common.queueEnable:
        if (value === 1) put(transport.queueEnable, 1);
        return;
      case Common.queueDescriptors:
        return put(transport.descriptorsLow, value);
      case Common.queueDescriptors + 4:
        return put(transport.descriptorsHigh, value);
      case Common.queueDriver:
        return put(transport.driverLow, value);
      case Common.queueDriver + 4:
        return put(transport.driverHigh, value);
      case Common.queueDevice:
        return put(transport.deviceLow, value);
      case Common.queueDevice + 4:
        return put(transport.deviceHigh, value);
    }
  }

  private statusWritten(value: number): void {
    const { transport, identity } = this;
    if (value === 0) return this.restart();
    const had = this.driverReady;
    let status = value | (transport.status & Status.needsReset);
    const [low = 0, high = 0] = transport.driverFeatures;
    const offered = (low & ~identity.features) === 0 && high === version1;
    if ((status & Status.featuresOk) !== 0 && !offered) status &= ~Status.featuresOk;
    transport.status = status;
    if (this.driverReady !== had) this.driverChanged();
  }

  /** The driver has put something in a queue. */
  protected queueNotified(number: number): void {
    this.work(number, (queue) => {
      let interrupt = false;
      // What comes meanwhile has a notification of its own. Rings that lie over each other would never come to an end.
      for (let left = Math.max(1, queue.waiting); left > 0; left--) {
        const request = queue.take();
        if (request === undefined) break;
        interrupt = queue.complete(request, this.serve(number, request.bytes)) || interrupt;
      }
      return interrupt;
    });
  }

  /** Puts what the device has to say into the driver's buffers, as long as `pending` and there are any. `next` gives at most `least` bytes. */
  protected fill(number: number, least: number, pending: () => boolean, next: () => Uint8Array): void {
    this.work(number, (queue) => {
      let interrupt = false;
      for (let request: Request | undefined; pending() && (request = queue.take()) !== undefined; ) {
        if (request.room < least) throw new VirtqueueError('a buffer is too small');
        interrupt = queue.complete(request, next()) || interrupt;
      }
      return interrupt;
    });
  }

  /** Works on a queue that the driver has set up. `body` says whether the driver wants an interrupt; where the driver broke the protocol it hears so. */
  private work(number: number, body: (queue: Virtqueue) => boolean): void {
    const { transport } = this;
    const queue = this.queues[number];
    if (queue === undefined || transport.queueEnable[number] !== 1 || !this.driverReady) return;
    try {
      const high = [transport.descriptorsHigh, transport.driverHigh, transport.deviceHigh];
      if (high.some((field) => (field[number] ?? 0) !== 0)) throw new VirtqueueError('a queue lies above 4 GiB');
      if (body(queue)) this.raise(Isr.queue);
    } catch (error) {
      if (!(error instanceof VirtqueueError)) throw error;
      transport.status |= Status.needsReset;
      this.configurationChanged();
      this.driverChanged();
    }
  }

  // The window of configuration space (4.1.4.9)

  override read(offset: number, width: Width): number {
    const window = this.accessed(offset);
    return window === undefined ? super.read(offset, width) : this.structureRead(window, width, true);
  }

  protected override written(offset: number, width: Width): void {
    const window = this.accessed(offset);
    if (window !== undefined) this.structureWrite(window, width, super.read(accessData, width));
  }

  private accessed(offset: number): number | undefined {
    if (offset !== accessData || super.read(accessBar, 1) !== structureBar) return undefined;
    const at = super.read(accessOffset, 4);
    const length = super.read(accessLength, 4);
    return (length === 1 || length === 2 || length === 4) && at + length <= Structure.bytes && at % length === 0 ? at : undefined;
  }
}

type Transport = ReturnType<typeof transportBlock.at>;

function placeOf(transport: Transport, queue: number): QueuePlace {
  const of = (field: Uint32Array): number => field[queue] ?? 0;
  return {
    get size() {
      return of(transport.queueSize);
    },
    get descriptors() {
      return of(transport.descriptorsLow);
    },
    get driver() {
      return of(transport.driverLow);
    },
    get device() {
      return of(transport.deviceLow);
    },
    get next() {
      return of(transport.next);
    },
    set next(value) {
      transport.next[queue] = value;
    },
  };
}
