/** The Q35 host bridge at 00:00.0: legacy routing (PAM), SMRAM, memory-mapped configuration space, the top of memory. */
import { digits, register, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, MmioRegion, Width } from '../../machine/bus.ts';
import { PciFunction } from '../pci/function.ts';
import type { PciBus } from '../pci/pci.ts';
import { platformSubsystem } from '../pci/platform.ts';
import { Esmramc, HostRegister, Pam, PciExpressBar, Smram } from './registers.ts';

const mebibyte = 1 << 20;
const pamSegment = 16 * 1024;
/** Sizes by PCIEXBAR's length field. */
const mappedSizes = [256, 128, 64].map((size) => size * mebibyte);
/** Sizes of TSEG by its size field. */
const tsegSizes = [1, 2, 8].map((size) => size * mebibyte);

export class HostBridge extends PciFunction implements Chip {
  private readonly mapped: readonly MmioRegion[];

  constructor(
    private readonly bus: Bus,
    pci: PciBus,
  ) {
    super(
      bus,
      { device: 0, function: 0 },
      {
        vendor: 0x8086,
        device: 0x29c0,
        revision: 0,
        classCode: 0x060000,
        ...platformSubsystem,
      },
    );
    const ram = bus.memory.ramBytes / mebibyte;
    // 64 bits, of which the upper 32 stay zero: everything here lies below 4 GiB.
    this.declare(HostRegister.pciExpressBar, 4, 0, 0xfc00_0007);
    this.declare(HostRegister.pciExpressBar + 4, 4, 0, 0);
    for (let register: number = HostRegister.pam0; register <= HostRegister.pam6; register++) {
      this.declare(register, 1, 0, register === HostRegister.pam0 ? 0x30 : Pam.writable);
    }
    this.declare(HostRegister.smram, 1, Smram.baseSegment, Smram.writable);
    this.declare(HostRegister.esmramc, 1, Esmramc.cacheBits, Esmramc.writable, Esmramc.error);
    this.declare(HostRegister.topOfMemory, 2, Math.ceil(ram / 64), 0x1ff);
    this.declare(HostRegister.topOfUpperUsable, 2, 0, 0xffff);
    this.declare(HostRegister.tsegBase, 4, 0, 0xfff0_0000);
    this.declare(HostRegister.topOfLowUsable, 2, ram << 4, 0xfff0);
    this.mapped = mappedSizes.map((size, index) => bus.mmio(`pci.configuration${index}`, undefined, size, pci.memoryMapped));
    pci.add(this);
  }

  override reset(): void {
    super.reset();
    for (let register: number = HostRegister.pam0; register <= HostRegister.pam6; register++) this.applyPam(register);
    this.applySmram();
    this.applyMapped();
  }

  inspect(): ChipFacts {
    const pam = (index: number) => this.config[HostRegister.pam0 + index] ?? 0;
    const segments = [
      ...Array.from({ length: 12 }, (_, index) => ({ base: 0xc0000 + index * pamSegment, bits: pam(1 + (index >> 1)) >> (4 * (index & 1)) })),
      { base: 0xf0000, bits: pam(0) >> 4 },
    ];
    const { tseg } = this;
    const mapped = this.get32(HostRegister.pciExpressBar);
    return {
      id: 'host-bridge',
      title: 'Host bridge: SMRAM, PAM',
      place: 'PCI 00.0',
      group: 'devices',
      facts: [
        register('SMRAM', this.config[HostRegister.smram] ?? 0, 8, {
          G_SMRAME: Smram.enable,
          D_OPEN: Smram.open,
          D_CLS: Smram.close,
          D_LCK: Smram.lock,
        }),
        {
          name: 'TSEG',
          value: tseg === undefined ? 'off' : `${digits(tseg.base, 8)}, ${tseg.size / mebibyte} MiB`,
        },
        {
          name: 'PCIEXBAR',
          value: digits(mapped, 8),
          note: mapped & PciExpressBar.enable ? 'configuration space is mapped' : 'off',
        },
        { name: 'TOLUD', value: digits((this.get16(HostRegister.topOfLowUsable) >> 4) * mebibyte, 8), note: 'end of memory below 4 GiB' },
      ],
      tables: [
        {
          title: 'Legacy segments (PAM)',
          columns: ['From', 'Reads', 'Writes'],
          rows: segments.map(({ base, bits }) => [
            digits(base, 5),
            bits & Pam.read ? 'RAM' : 'ROM',
            bits & Pam.write ? 'RAM' : 'dropped',
          ]),
        },
      ],
    };
  }

  /** D_LCK: SMRAM's registers are read-only until reset. */
  get smramLocked(): boolean {
    return ((this.config[HostRegister.smram] ?? 0) & Smram.lock) !== 0;
  }

  /** True while the window at 0xA0000 is SMRAM for a processor in SMM (G_SMRAME). */
  get smramEnabled(): boolean {
    return ((this.config[HostRegister.smram] ?? 0) & Smram.enable) !== 0;
  }

  /** D_OPEN: everybody sees SMRAM. */
  get smramOpen(): boolean {
    return this.smramEnabled && ((this.config[HostRegister.smram] ?? 0) & Smram.open) !== 0;
  }

  /** D_CLS: data accesses of those in SMM pass by SMRAM. */
  get smramClosed(): boolean {
    return ((this.config[HostRegister.smram] ?? 0) & Smram.close) !== 0;
  }

  /** The part of memory that TSEG takes, or undefined while it is off. */
  get tseg(): { base: number; size: number } | undefined {
    const control = this.config[HostRegister.esmramc] ?? 0;
    const size = tsegSizes[(control & Esmramc.tsegSize) >> 1];
    if ((control & Esmramc.tsegEnable) === 0 || !this.smramEnabled || size === undefined) return undefined;
    return { base: (this.get32(HostRegister.tsegBase) & 0xfff0_0000) >>> 0, size };
  }

  override write(offset: number, width: Width, value: number): void {
    // A locked register takes no part of a wider write either.
    const tsegBase = [0, 1, 2, 3].map((byte) => HostRegister.tsegBase + byte);
    const before = [HostRegister.smram, HostRegister.esmramc, ...tsegBase].map((at) => [at, this.config[at] ?? 0] as const);
    const locked = this.smramLocked;
    super.write(offset, width, value);
    if (locked) for (const [at, byte] of before) this.config[at] = byte;
    if (this.touches(offset, width, HostRegister.smram, 2) || this.touches(offset, width, HostRegister.tsegBase, 4)) {
      // D_OPEN and D_CLS cannot stay on with the lock.
      if (this.smramLocked) this.config[HostRegister.smram] = (this.config[HostRegister.smram] ?? 0) & ~Smram.open;
      this.applySmram();
    }
  }

  protected override written(offset: number, width: Width): void {
    for (let at = offset; at < offset + width; at++) {
      if (at >= HostRegister.pam0 && at <= HostRegister.pam6) this.applyPam(at);
    }
    if (this.touches(offset, width, HostRegister.pciExpressBar, 8)) this.applyMapped();
  }

  private applyPam(register: number): void {
    const value = this.config[register] ?? 0;
    const routing = (bits: number) => ({ readRam: (bits & Pam.read) !== 0, writeRam: (bits & Pam.write) !== 0 });
    const { memory } = this.bus;
    if (register === HostRegister.pam0) {
      // PAM0 has one segment: 0xF0000-0xFFFFF.
      memory.routeLegacy(0xf0000, 4 * pamSegment, routing(value >> 4));
      return;
    }
    const base = 0xc0000 + (register - HostRegister.pam0 - 1) * 2 * pamSegment;
    memory.routeLegacy(base, pamSegment, routing(value));
    memory.routeLegacy(base + pamSegment, pamSegment, routing(value >> 4));
  }

  private applySmram(): void {
    const { smramEnabled: compatible, tseg, smramOpen: open, smramClosed: closed } = this;
    this.bus.memory.routeSmram({ compatible, tseg, open, closed });
  }

  private applyMapped(): void {
    const value = this.get32(HostRegister.pciExpressBar);
    const chosen = (value & PciExpressBar.enable) !== 0 ? (value & PciExpressBar.length) >> 1 : -1;
    this.mapped.forEach((region, index) => {
      if (index !== chosen) region.place(undefined);
    });
    const region = this.mapped[chosen];
    region?.place((value & -region.size) >>> 0);
  }
}
