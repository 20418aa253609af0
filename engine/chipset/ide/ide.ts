/**
 * The IDE controller at 00:1f.1: two channels on the legacy ports (0x1F0/0x3F6 with IRQ 14, 0x170/0x376 with IRQ 15) and their bus masters, with the
 * identity of the PIIX3's IDE function, whose drivers every system has. The legacy ports answer whatever the timing registers say.
 */
import type { ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, InterruptLine, Width } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';
import { PciFunction } from '../pci/function.ts';
import type { PciBus } from '../pci/pci.ts';
import { platformSubsystem } from '../pci/platform.ts';
import { ConfigRegister, PciCommand } from '../pci/registers.ts';
import { AtaDisk } from './ata-disk.ts';
import { Cdrom } from './cdrom.ts';
import { Channel } from './channel.ts';

/** What stands in the four positions: channel 0 device 0, channel 0 device 1, then channel 1. */
export type IdeDrives = readonly ['disk' | 'cdrom' | undefined, 'disk' | 'cdrom' | undefined, 'disk' | 'cdrom' | undefined, 'disk' | 'cdrom' | undefined];

const legacyPorts = [
  { command: 0x1f0, control: 0x3f6 },
  { command: 0x170, control: 0x376 },
] as const;
const masterPorts = 16;
/** IDETIM of each channel: bit 15 is IDE Decode Enable. */
const timingRegister = 0x40;
const decodeEnable = 0x8000;

export class Ide extends PciFunction implements Chip {
  private readonly channels: readonly [Channel, Channel];

  constructor(bus: Bus, pci: PciBus, irq14: InterruptLine, irq15: InterruptLine, drives: IdeDrives) {
    super(
      bus,
      { device: 31, function: 1 },
      { vendor: 0x8086, device: 0x7010, revision: 0, classCode: 0x010180, ...platformSubsystem },
    );
    this.declare(timingRegister, 2, decodeEnable, 0xf3ff);
    this.declare(timingRegister + 2, 2, decodeEnable, 0xf3ff);
    const mayMaster = () => (this.get16(ConfigRegister.command) & PciCommand.master) !== 0;
    this.channels = [new Channel(bus, 0, irq14, mayMaster), new Channel(bus, 1, irq15, mayMaster)];
    for (const [index, channel] of this.channels.entries()) {
      const { command, control } = legacyPorts[index === 0 ? 0 : 1];
      bus.ports(command, 8, channel.commandBlock);
      bus.ports(control, 1, channel.controlBlock);
    }
    for (const [index, kind] of drives.entries()) {
      const channel = this.channels[index < 2 ? 0 : 1];
      const serial = `VITRINE${index}`;
      if (kind === 'disk') channel.attach(index % 2 === 0 ? 0 : 1, (on, state, port) => new AtaDisk(on, state, port, serial));
      if (kind === 'cdrom') channel.attach(index % 2 === 0 ? 0 : 1, (on, state, port) => new Cdrom(on, state, port, serial));
    }
    const master = (port: number) => this.channels[port & 8 ? 1 : 0];
    const read = (port: number) => master(port).readMaster(port & 7);
    this.addIoBar(
      4,
      bus.ports(0xc000, masterPorts, bytePorts({ read, peek: read, write: (port, value) => master(port).writeMaster(port & 7, value) })),
    );
    pci.add(this);
  }

  override reset(): void {
    super.reset();
    for (const channel of this.channels) channel.powerOn();
  }

  inspect(): ChipFacts {
    return {
      id: 'ide',
      title: 'IDE controller',
      place: 'PCI 1f.1, ports 1f0, 170',
      group: 'devices',
      facts: this.channels.flatMap((channel) => channel.inspect()),
      tables: [
        {
          title: 'Drives',
          columns: ['Position', 'Drive', 'Status', 'Error', 'Transfer mode'],
          rows: this.channels.flatMap((channel) => channel.inspectDevices()),
        },
      ],
    };
  }

  protected override written(offset: number, width: Width): void {
    // Bus mastering may have been allowed just now.
    if (this.touches(offset, width, ConfigRegister.command, 2)) for (const channel of this.channels) channel.runMaster();
  }
}
