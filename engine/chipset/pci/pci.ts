/** PCI bus 0: configuration mechanism #1 at 0xCF8/0xCFC, the memory-mapped one, and the way of INTx# to the router. */
import { defineBlock, scalar } from '../../layout/block.ts';
import { digits, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, MmioHandler, Width } from '../../machine/bus.ts';
import type { InterruptSink, PciAddress, PciFunction } from './function.ts';
import { configEnable, configSize, PciPort } from './registers.ts';

const pciBlock = defineBlock('pci', 1, {
  /** CONFIG_ADDRESS as written. */
  address: scalar('u32'),
});

/** Gives INTx# of a slot to an interrupt controller: the LPC bridge. */
export interface InterruptRouter {
  route(address: PciAddress, pin: number, asserted: boolean): void;
}

function ones(width: Width): number {
  return 2 ** (8 * width) - 1;
}

/**
 * Functions are added once, by every thread in the same way. The functions' own chips reset them. Source: PCI Local Bus
 * Specification 3.0, section 3.2.2.3.2; PCI Express Base Specification, section 7.2.2 (enhanced access).
 */
export class PciBus implements Chip, InterruptSink {
  private readonly state;
  private readonly functions = new Map<number, PciFunction>();
  private router: InterruptRouter | undefined;

  constructor(bus: Bus) {
    this.state = bus.block(pciBlock);
    // CONFIG_ADDRESS answers whole words only. Narrower accesses pass it by.
    bus.ports(PciPort.address, 4, {
      read: (port, width) => (port === PciPort.address && width === 4 ? this.state.address : ones(width)),
      peek: (port, width) => (port === PciPort.address && width === 4 ? this.state.address : ones(width)),
      write: (port, width, value) => {
        if (port === PciPort.address && width === 4) this.state.address = (value & 0x80ff_fffc) >>> 0;
      },
    });
    const read = (port: number, width: Width) => {
      const { address } = this.state;
      const lane = port - PciPort.data;
      if ((address & configEnable) === 0 || lane + width > 4) return ones(width);
      return this.read(address >>> 8, (address & 0xfc) + lane, width);
    };
    bus.ports(PciPort.data, 4, {
      read,
      peek: read,
      write: (port, width, value) => {
        const { address } = this.state;
        const lane = port - PciPort.data;
        if ((address & configEnable) === 0 || lane + width > 4) return;
        this.write(address >>> 8, (address & 0xfc) + lane, width, value);
      },
    });
  }

  reset(): void {
    this.state.address = 0;
  }

  inspect(): ChipFacts {
    const functions = [...this.functions.values()].filter(({ present }) => present).sort(
      (a, b) => a.address.device - b.address.device || a.address.function - b.address.function,
    );
    const { address } = this.state;
    return {
      id: 'pci',
      title: 'PCI bus 0',
      place: 'ports cf8-cff',
      group: 'devices',
      facts: [{ name: 'CONFIG_ADDRESS', value: digits(address, 8), note: address & configEnable ? 'leads to a register' : 'disabled' }],
      tables: [
        {
          title: 'Functions',
          columns: ['Function', 'Identity', 'Class', 'Command', 'INTx, IRQ', 'Base addresses'],
          rows: functions.map((each) => {
            const { identity, classCode, command, bars, interrupt } = each.describe();
            return [`${digits(each.address.device, 2)}.${each.address.function}`, identity, classCode, command, interrupt, bars];
          }),
        },
      ],
    };
  }

  add(device: PciFunction): void {
    const key = (device.address.device << 3) | device.address.function;
    if (this.functions.has(key)) {
      throw new RangeError(`two PCI functions sit at ${device.address.device}.${device.address.function}`);
    }
    this.functions.set(key, device);
    device.attach(this);
  }

  connect(router: InterruptRouter): void {
    this.router = router;
  }

  /** `routing`: bus in bits 15-8, device in 7-3, function in 2-0; higher bits are not looked at. */
  private find(routing: number): PciFunction | undefined {
    const found = (routing & 0xff00) === 0 ? this.functions.get(routing & 0xff) : undefined;
    return found?.present === true ? found : undefined;
  }

  private read(routing: number, offset: number, width: Width): number {
    return this.find(routing)?.read(offset, width) ?? ones(width);
  }

  private write(routing: number, offset: number, width: Width, value: number): void {
    this.find(routing)?.write(offset, width, value);
  }

  /** The region that PCIEXBAR places: bits 27-20 bus, 19-15 device, 14-12 function, 11-0 offset. */
  readonly memoryMapped: MmioHandler = {
    read: (offset, width) => this.readMapped(offset, width),
    peek: (offset, width) => this.readMapped(offset, width),
    write: (offset, width, value) => {
      if ((offset & 0xfff) + width <= configSize) this.write(offset >>> 12, offset & 0xfff, width, value);
    },
  };

  private readMapped(offset: number, width: Width): number {
    // No function here has extended configuration space.
    return (offset & 0xfff) + width <= configSize ? this.read(offset >>> 12, offset & 0xfff, width) : ones(width);
  }

  setInterrupt(address: PciAddress, pin: number, asserted: boolean): void {
    this.router?.route(address, pin, asserted);
  }
}
