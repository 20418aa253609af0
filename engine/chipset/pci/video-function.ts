import { array, defineBlock } from '../../layout/block.ts';
import type { ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip } from '../../machine/bus.ts';
import { AdapterRegisters, adapterRegisterBytes } from '../vga/adapter-registers.ts';
import type { Vga } from '../vga/vga.ts';
import { PciFunction } from './function.ts';
import type { PciBus } from './pci.ts';
import { platformSubsystem } from './platform.ts';

const romBytes = 64 * 1024;

const videoRomBlock = defineBlock('pci.videoRom', 1, { bytes: array('u8', romBytes) });

/**
 * The VGA adapter's place on the PCI bus, 00:01.0, with the identity that QEMU's standard VGA has: BAR 0 shows VRAM, BAR 2 the registers
 * and the display's EDID, the expansion ROM is the VGA BIOS, which firmware copies to 0xC0000 and runs there. The adapter's legacy ports
 * and window are the VGA's own and answer whatever the command register says.
 */
export class VideoFunction extends PciFunction implements Chip {
  readonly registers: AdapterRegisters;
  private readonly rom: Uint8Array;

  constructor(bus: Bus, pci: PciBus, vga: Vga) {
    super(
      bus,
      { device: 1, function: 0 },
      {
        vendor: 0x1234,
        device: 0x1111,
        revision: 2,
        classCode: 0x030000,
        ...platformSubsystem,
      },
    );
    const frameBytes = 2 ** Math.floor(Math.log2(bus.vram.length));
    this.addMemoryBar(0, bus.frameBuffer('video.frameBuffer', undefined, frameBytes, 0), { prefetchable: true });
    this.registers = new AdapterRegisters(bus, vga);
    this.addMemoryBar(2, bus.mmio('video.registers', undefined, adapterRegisterBytes, this.registers));
    const { bytes: rom } = bus.block(videoRomBlock);
    this.rom = rom;
    const read = (offset: number, width: number) => {
      let value = 0;
      for (let index = 0; index < width; index++) value += (rom[offset + index] ?? 0xff) * 2 ** (8 * index);
      return value;
    };
    this.addRomBar(bus.mmio('video.rom', undefined, romBytes, { read, peek: read, write: () => undefined }));
    pci.add(this);
  }

  inspect(): ChipFacts {
    const hasRom = this.rom[0] === 0x55 && this.rom[1] === 0xaa;
    return {
      id: 'video-function',
      title: 'Video adapter on PCI',
      place: 'PCI 01.0',
      group: 'devices',
      facts: [
        { name: 'Expansion ROM', value: hasRom ? `${(this.rom[2] ?? 0) / 2} KiB` : 'empty' },
        { name: 'Base addresses', value: this.describe().bars },
      ],
      tables: [],
    };
  }

  /** Puts `bytes` (at most 64 KiB) in the ROM. It stays through resets; a ROM that was never set has no signature. */
  setRom(bytes: Uint8Array): void {
    if (bytes.length > romBytes) {
      throw new RangeError(`a VGA BIOS of ${bytes.length} bytes does not fit in a ROM of ${romBytes}`);
    }
    this.rom.fill(0xff);
    this.rom.set(bytes);
  }
}
