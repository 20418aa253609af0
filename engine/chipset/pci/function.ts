import { array, defineBlock } from '../../layout/block.ts';
import { digits, setNames } from '../../layout/facts.ts';
import type { Bus, MmioRegion, PortRegion, Width } from '../../machine/bus.ts';
import { Bar, ConfigRegister, configSize, PciCommand, PciStatus } from './registers.ts';

export interface PciIdentity {
  vendor: number;
  device: number;
  revision: number;
  /** Base class, subclass and programming interface: 0x060000 is a host bridge. */
  classCode: number;
  subsystemVendor: number;
  subsystem: number;
  /** 0x80: the device has more functions. */
  headerType?: number;
  /** 1 INTA# to 4 INTD#; 0 or absent: none. */
  interruptPin?: number;
}

/** Where a function sits on bus 0. */
export interface PciAddress {
  device: number;
  function: number;
}

const configBlock = defineBlock('pci.config', 1, { bytes: array('u8', configSize) });

/** 0x00-0x3F of every header; BARs that nobody declared are hard-wired to zero. */
const romIndex = -1;

interface BaseAddress {
  register: number;
  region: MmioRegion | PortRegion;
  size: number;
  kind: 'memory' | 'io' | 'rom';
}

/** Where `PciFunction.setInterrupt` goes: the bus. */
export interface InterruptSink {
  setInterrupt(address: PciAddress, pin: number, asserted: boolean): void;
}

/**
 * One function: 256 bytes of configuration space with the bits that software may write. A chip declares its registers in its
 * constructor, which changes nothing in the block; `reset` puts the declared values there.
 * Methods run under the device lock.
 */
export class PciFunction {
  protected readonly config: Uint8Array;
  private readonly initial = new Uint8Array(configSize);
  private readonly writable = new Uint8Array(configSize);
  private readonly clearable = new Uint8Array(configSize);
  private readonly bars: BaseAddress[] = [];
  private capabilityEnd: number = ConfigRegister.capabilities;
  private sink: InterruptSink | undefined;

  constructor(
    bus: Bus,
    readonly address: PciAddress,
    identity: PciIdentity,
  ) {
    this.config = bus.block(configBlock, `${address.device}.${address.function}`).bytes;
    this.declare(ConfigRegister.vendor, 2, identity.vendor);
    this.declare(ConfigRegister.device, 2, identity.device);
    this.declare(ConfigRegister.command, 2, 0, PciCommand.writable);
    this.declare(ConfigRegister.status, 2, 0, 0, PciStatus.errors);
    this.declare(ConfigRegister.revision, 1, identity.revision);
    this.declare(ConfigRegister.classCode, 3, identity.classCode);
    this.declare(ConfigRegister.cacheLineSize, 1, 0, 0xff);
    this.declare(ConfigRegister.latencyTimer, 1, 0, 0xff);
    this.declare(ConfigRegister.headerType, 1, identity.headerType ?? 0);
    this.declare(ConfigRegister.subsystemVendor, 2, identity.subsystemVendor);
    this.declare(ConfigRegister.subsystem, 2, identity.subsystem);
    this.declare(ConfigRegister.interruptLine, 1, 0, 0xff);
    this.declare(ConfigRegister.interruptPin, 1, identity.interruptPin ?? 0);
  }

  /** A register of `size` bytes: value at reset, bits that can be written, bits that a written one clears. */
  protected declare(offset: number, size: number, value: number, writable = 0, clearable = 0): void {
    for (let index = 0; index < size; index++) {
      const shift = 8 * index;
      this.initial[offset + index] = (value >>> shift) & 0xff;
      this.writable[offset + index] = (writable >>> shift) & 0xff;
      this.clearable[offset + index] = (clearable >>> shift) & 0xff;
    }
  }

  /** BAR `index` (0-5). `region` must not be placed; its size is a power of two, 4 KiB or more. */
  addMemoryBar(index: number, region: MmioRegion, options: { prefetchable?: boolean } = {}): void {
    this.addBar(index, region, region.size, 'memory', options.prefetchable ? Bar.prefetchable : 0);
  }

  /** BAR `index` (0-5). `region` has a power of two of ports, 4 to 256. It is taken out of the map at reset. */
  addIoBar(index: number, region: PortRegion): void {
    this.addBar(index, region, region.count, 'io', Bar.io);
  }

  addRomBar(region: MmioRegion): void {
    this.addBar(romIndex, region, region.size, 'rom', 0);
  }

  private addBar(index: number, region: BaseAddress['region'], size: number, kind: BaseAddress['kind'], flags: number): void {
    const least = kind === 'io' ? 4 : 4096;
    if (size < least || (size & (size - 1)) !== 0) throw new RangeError(`a BAR cannot have the size ${size}`);
    const register = index === romIndex ? ConfigRegister.rom : ConfigRegister.bar0 + 4 * index;
    this.declare(register, 4, flags, -size | (kind === 'rom' ? Bar.romEnable : 0));
    this.bars.push({ register, region, size, kind });
  }

  /**
   * Adds a capability at `offset` (a multiple of 4, 0x40 or more): `id`, the pointer to the next one, then `body`.
   * `writable` gives the bits of the body that software may change. They are found in the order they were added.
   */
  addCapability(offset: number, id: number, body: readonly number[], writable: readonly number[] = []): void {
    this.declare(offset, 2, id);
    body.forEach((value, index) => this.declare(offset + 2 + index, 1, value, writable[index] ?? 0));
    this.initial[this.capabilityEnd] = offset;
    this.capabilityEnd = offset + 1;
    const status = this.initial[ConfigRegister.status] ?? 0;
    this.initial[ConfigRegister.status] = status | PciStatus.capabilities;
  }

  /** Whether there is such a function now: one that can be pulled out may be away. */
  get present(): boolean {
    return true;
  }

  reset(): void {
    this.config.set(this.initial);
    for (const { region } of this.bars) region.place(undefined);
  }

  /** `offset` counts bytes in configuration space; beyond it reads are ones, as for a conventional device. */
  read(offset: number, width: Width): number {
    let value = 0;
    for (let index = 0; index < width; index++) value += (this.config[offset + index] ?? 0xff) * 2 ** (8 * index);
    return value;
  }

  write(offset: number, width: Width, value: number): void {
    for (let index = 0; index < width; index++) {
      const at = offset + index;
      const before = this.config[at];
      if (before === undefined) continue;
      const byte = (value >>> (8 * index)) & 0xff;
      const mask = this.writable[at] ?? 0;
      this.config[at] = ((before & ~mask) | (byte & mask)) & ~(byte & (this.clearable[at] ?? 0));
    }
    if (this.touches(offset, width, ConfigRegister.command, 2)) this.updateInterrupt();
    if (offset < 0x40) this.placeBars();
    this.written(offset, width);
  }

  /** A chip's own registers: called after software wrote `width` bytes at `offset`. */
  protected written(_offset: number, _width: Width): void {}

  /** True when an access of `width` bytes at `offset` overlaps the register. */
  protected touches(offset: number, width: number, register: number, size: number): boolean {
    return offset < register + size && register < offset + width;
  }

  protected get16(offset: number): number {
    return this.read(offset, 2);
  }

  protected get32(offset: number): number {
    return this.read(offset, 4);
  }

  /** Its identity, what software allowed it, and where its BARs are placed. */
  describe(): { identity: string; classCode: string; command: string; bars: string; interrupt: string } {
    const bars = this.bars.map(({ register, region, size, kind }) => {
      const name = kind === 'rom' ? 'ROM' : `BAR ${(register - ConfigRegister.bar0) / 4}`;
      const value = (this.get32(register) & -size) >>> 0;
      const room = kind === 'io' ? `${size} ports` : `${size / 1024} KiB`;
      const placed = region.base === value && value !== 0 ? '' : ', not decoded';
      return `${name} ${digits(value, kind === 'io' ? 4 : 8)} (${room}${placed})`;
    });
    const pin = this.config[ConfigRegister.interruptPin] ?? 0;
    return {
      identity: `${digits(this.get16(ConfigRegister.vendor), 4)}:${digits(this.get16(ConfigRegister.device), 4)}`,
      classCode: digits(this.get32(ConfigRegister.revision) >>> 8, 6),
      command: setNames(this.get16(ConfigRegister.command), {
        I: PciCommand.io,
        M: PciCommand.memory,
        B: PciCommand.master,
        'no INTx': PciCommand.interruptDisable,
      }),
      bars: bars.join(', ') || '-',
      interrupt: pin === 0 ? '-' : `INT${'ABCD'[pin - 1] ?? ''} ${this.config[ConfigRegister.interruptLine] ?? 0}`,
    };
  }

  private placeBars(): void {
    const command = this.get16(ConfigRegister.command);
    for (const { register, region, size, kind } of this.bars) {
      const value = this.get32(register);
      const base = (value & -size) >>> 0;
      const enabled =
        kind === 'io'
          ? (command & PciCommand.io) !== 0
          : (command & PciCommand.memory) !== 0 && (kind === 'memory' || (value & Bar.romEnable) !== 0);
      // Software that finds the size with decoding on leaves all ones for a moment: that is no place.
      const limit = kind === 'io' ? 0x1_0000 : 2 ** 32;
      region.place(enabled && base !== 0 && base + size < limit ? base : undefined);
    }
  }

  // Interrupts

  /** Called by the bus that the function is put on. */
  attach(sink: InterruptSink): void {
    this.sink = sink;
  }

  /** Asserts or releases the function's INTx# pin (level). Command bit 10 keeps it from the bus. */
  setInterrupt(asserted: boolean): void {
    const status = this.config[ConfigRegister.status] ?? 0;
    this.config[ConfigRegister.status] = asserted ? status | PciStatus.interrupt : status & ~PciStatus.interrupt;
    this.updateInterrupt();
  }

  private updateInterrupt(): void {
    const pin = this.config[ConfigRegister.interruptPin] ?? 0;
    if (pin === 0) return;
    const wanted = ((this.config[ConfigRegister.status] ?? 0) & PciStatus.interrupt) !== 0;
    const disabled = (this.get16(ConfigRegister.command) & PciCommand.interruptDisable) !== 0;
    this.sink?.setInterrupt(this.address, pin, wanted && !disabled);
  }
}
