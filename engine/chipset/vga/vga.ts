/**
 * A VGA as every PC has it on its ISA ports: registers, memory window, and the start-up text mode for guests without firmware.
 * Source: IBM PS/2 Hardware Interface Technical Reference, Video Subsystem.
 */
import { digits, register, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, PortHandler, Width } from '../../machine/bus.ts';
import { BankWindow } from './bank-window.ts';
import { Dispi, dispiBlock, dispiPort, dispiPortCount } from './dispi.ts';
import { font8x16, font8x8, glyphStride } from './font.ts';
import { VgaMemory, vgaWindowBase, vgaWindowSize } from './memory.ts';
import {
  Crtc,
  General,
  Graphics,
  Miscellaneous,
  Port,
  Sequencer,
  attributeCount,
  crtcCount,
  crtcLatchRead,
  crtcProtect,
  graphicsCount,
  overflowLineCompare8,
  planeAddresses,
  sequencerCount,
  vgaBlock,
} from './registers.ts';
import type { VgaRegisters } from './registers.ts';
import { beamStatus } from './retrace.ts';
import { displayMode } from './geometry.ts';
import { programTextMode } from './text-mode.ts';
import { textSize } from './text.ts';

/** Text modes that `setTextMode` can set: columns × rows, with 16-line characters where they fit, else 8-line ones. */
export const textColumns = [40, 80, 132] as const;
export const textRows = [25, 28, 30, 43, 50, 60] as const;

/** Bits that exist in the attribute controller's registers from 0x10 on. */
const attributeMask = [0xef, 0xff, 0x3f, 0x0f, 0x0f];

export class Vga implements Chip, PortHandler {
  /** The chip's block; whoever only looks (renderer, inspector) reads it here. */
  readonly registers: VgaRegisters;
  readonly memory: VgaMemory;
  /** Modes beyond the VGA's. */
  readonly dispi: Dispi;
  readonly vram: Uint8Array<SharedArrayBuffer>;

  /** Claims ports 0x1CE-0x1D0, 0x3B4-0x3B5, 0x3BA, 0x3C0-0x3CF, 0x3D4-0x3D5, 0x3DA and the window 0xA0000-0xBFFFF. */
  constructor(private readonly bus: Bus) {
    this.registers = bus.block(vgaBlock);
    this.vram = bus.vram;
    const written = (offset: number, bytes: number): void => bus.vramWritten(offset, bytes);
    this.memory = new VgaMemory(this.registers, bus.vram, (offset) => {
      bus.vramWritten(offset, 1);
      bus.displayChanged();
    });
    this.dispi = new Dispi(bus.block(dispiBlock), bus.vram, {
      written,
      changed: () => {
        bus.displayChanged();
      },
      dacWidthChanged: (eight) => {
        const { palette } = this.registers;
        for (let at = 0; at < palette.length; at++) palette[at] = eight ? (palette[at] ?? 0) << 2 : (palette[at] ?? 0) >> 2;
      },
    });
    bus.mmio('vga.window', vgaWindowBase, vgaWindowSize, new BankWindow(this.memory, this.dispi, bus.vram, written));
    for (let port = dispiPort; port < dispiPort + dispiPortCount; port++) bus.ports(port, 1, this.dispi);
    bus.ports(Port.crtcIndexMono, 2, this);
    bus.ports(Port.inputStatus1Mono, 1, this);
    bus.ports(Port.attribute, 16, this);
    bus.ports(Port.crtcIndexColour, 2, this);
    bus.ports(Port.inputStatus1Colour, 1, this);
  }

  /** Power-on state: memory not decoded, screen dark. Video memory keeps its content. */
  reset(): void {
    const r = this.registers;
    r.general.fill(0);
    r.sequencerIndex = 0;
    r.crtcIndex = 0;
    r.graphicsIndex = 0;
    r.attributeIndex = 0;
    r.attributeFlipFlop = 0;
    r.pelMask = 0xff;
    r.dacReadIndex = 0;
    r.dacWriteIndex = 0;
    r.dacState = 0;
    r.dacComponent = 0;
    r.dacPending.fill(0);
    r.sequencer.fill(0);
    r.crtc.fill(0);
    r.graphics.fill(0);
    r.attribute.fill(0);
    r.palette.fill(0);
    r.latch.fill(0);
    this.dispi.reset();
    this.bus.displayChanged();
  }

  inspect(): ChipFacts {
    const { registers } = this;
    const { mode } = this.dispi;
    const shown = displayMode(registers);
    const text = textSize(registers);
    const words = mode !== undefined
      ? `${mode.width} × ${mode.height}, ${mode.depth} bits (BGA)`
      : text !== undefined
        ? `text, ${text.columns} × ${text.rows}`
        : shown.kind === 'graphics'
          ? `graphics, ${shown.shift}, ${8 * shown.columns} × ${shown.lines}`
          : 'off';
    const indexed = (name: string, values: Uint8Array) => [name, [...values].map((value) => digits(value, 2)).join(' ')];
    const { registers: bga } = this.dispi.registers;
    return {
      id: 'vga',
      title: 'VGA',
      place: 'ports 3b4-3df, 1ce-1d0, memory a0000',
      group: 'devices',
      facts: [
        { name: 'Mode', value: words },
        { name: 'BGA', value: [...bga.subarray(0, 11)].map((value) => digits(value, 4)).join(' '), note: 'registers 0 to a' },
        register('Miscellaneous', registers.general[General.miscellaneousOutput] ?? 0, 8, {
          colour: Miscellaneous.ioAddressSelect,
          RAM: Miscellaneous.enableRam,
        }),
        { name: 'PEL mask', value: digits(registers.pelMask, 2) },
      ],
      tables: [
        {
          title: 'Registers',
          columns: ['Group', 'Values'],
          rows: [
            indexed('Sequencer', registers.sequencer),
            indexed('CRTC', registers.crtc),
            indexed('Graphics', registers.graphics),
            indexed('Attribute', registers.attribute),
          ],
        },
      ],
    };
  }

  /**
   * What a video BIOS leaves behind: a colour text mode at 0xB8000, blank (spaces, grey on black), the font in plane 2, the cursor at the
   * top left. `columns` is one of textColumns, `rows` one of textRows; others throw a RangeError. For loaders, before the guest runs.
   */
  setTextMode(columns = 80, rows = 25): void {
    if (!textColumns.some((known) => known === columns) || !textRows.some((known) => known === rows)) {
      throw new RangeError(
        `no text mode of ${columns}×${rows}; columns: ${textColumns.join(', ')}; rows: ${textRows.join(', ')}`,
      );
    }
    const font = rows * font8x16.height <= 480 ? font8x16 : font8x8;
    programTextMode(this.registers, columns, rows, font.height);
    const words = new Uint32Array(this.vram.buffer, this.vram.byteOffset, planeAddresses);
    // Plane 0: spaces, plane 1: light grey on black, plane 2: the font.
    words.fill(0x0720);
    for (let code = 0; code < 256; code++) {
      for (let row = 0; row < glyphStride; row++) {
        const bits = row < font.height ? (font.glyphs[code * font.height + row] ?? 0) : 0;
        this.vram[4 * (code * glyphStride + row) + 2] = bits;
      }
    }
    this.bus.vramWritten(0, 4 * planeAddresses);
    this.bus.displayChanged();
  }

  read(port: number, width: Width): number {
    let value = 0;
    for (let i = 0; i < width; i++) value |= this.readByte(port + i) << (8 * i);
    return value >>> 0;
  }

  peek(port: number, width: Width): number {
    let value = 0;
    for (let i = 0; i < width; i++) value |= this.peekByte(port + i) << (8 * i);
    return value >>> 0;
  }

  write(port: number, width: Width, value: number): void {
    for (let i = 0; i < width; i++) this.writeByte(port + i, (value >>> (8 * i)) & 0xff);
  }

  /** True when the port belongs to the half (monochrome 0x3Bx or colour 0x3Dx) that is not selected. */
  private hidden(port: number): boolean {
    const colour = ((this.registers.general[General.miscellaneousOutput] ?? 0) & Miscellaneous.ioAddressSelect) !== 0;
    return port < Port.attribute ? colour : port >= Port.crtcIndexColour && !colour;
  }

  private readByte(port: number): number {
    const value = this.peekByte(port);
    const r = this.registers;
    if (port === Port.dacData) {
      this.nextComponent();
      if (r.dacComponent === 0) r.dacReadIndex = (r.dacReadIndex + 1) & 0xff;
    } else if ((port === Port.inputStatus1Mono || port === Port.inputStatus1Colour) && !this.hidden(port)) {
      r.attributeFlipFlop = 0;
    }
    return value;
  }

  private peekByte(port: number): number {
    const r = this.registers;
    if (this.hidden(port)) return 0xff;
    switch (port) {
      case Port.crtcIndexMono:
      case Port.crtcIndexColour:
        return r.crtcIndex;
      case Port.crtcDataMono:
      case Port.crtcDataColour:
        return this.crtcValue();
      case Port.inputStatus1Mono:
      case Port.inputStatus1Colour:
        return beamStatus(r, this.bus.clock.now());
      case Port.attribute:
        return r.attributeIndex;
      case Port.attributeData:
        return r.attribute[r.attributeIndex & 0x1f] ?? 0;
      case Port.miscellaneousOutputWrite:
        // Input status 0: bit 4, switch sense, says that a colour monitor answers.
        return 0x10;
      case Port.videoSubsystemEnable:
        return r.general[General.videoSubsystemEnable] ?? 0;
      case Port.sequencerIndex:
        return r.sequencerIndex;
      case Port.sequencerData:
        return r.sequencer[r.sequencerIndex & 7] ?? 0;
      case Port.pelMask:
        return r.pelMask;
      case Port.dacReadIndex:
        return r.dacState;
      case Port.dacWriteIndex:
        return r.dacWriteIndex;
      case Port.dacData:
        return r.palette[3 * r.dacReadIndex + r.dacComponent] ?? 0;
      case Port.featureControlRead:
        return r.general[General.featureControl] ?? 0;
      case Port.miscellaneousOutputRead:
        return r.general[General.miscellaneousOutput] ?? 0;
      case Port.graphicsIndex:
        return r.graphicsIndex;
      case Port.graphicsData:
        return r.graphics[r.graphicsIndex & 15] ?? 0;
      default:
        return 0xff;
    }
  }

  private crtcValue(): number {
    const r = this.registers;
    if (r.crtcIndex === crtcLatchRead) return r.latch[(r.graphics[Graphics.readMapSelect] ?? 0) & 3] ?? 0;
    return r.crtcIndex < crtcCount ? (r.crtc[r.crtcIndex] ?? 0) : 0xff;
  }

  private writeByte(port: number, value: number): void {
    const r = this.registers;
    if (this.hidden(port)) return;
    switch (port) {
      case Port.crtcIndexMono:
      case Port.crtcIndexColour:
        r.crtcIndex = value;
        return;
      case Port.crtcDataMono:
      case Port.crtcDataColour:
        this.writeCrtc(r.crtcIndex, value);
        return;
      case Port.inputStatus1Mono:
      case Port.inputStatus1Colour:
        r.general[General.featureControl] = value & 3;
        return;
      case Port.attribute:
        this.writeAttribute(value);
        return;
      case Port.miscellaneousOutputWrite:
        r.general[General.miscellaneousOutput] = value;
        break;
      case Port.videoSubsystemEnable:
        r.general[General.videoSubsystemEnable] = value & 1;
        return;
      case Port.sequencerIndex:
        r.sequencerIndex = value;
        return;
      case Port.sequencerData:
        if (r.sequencerIndex >= sequencerCount) return;
        r.sequencer[r.sequencerIndex] = value;
        // These two steer the datapath only and are written in drawing loops.
        if (r.sequencerIndex === Sequencer.mapMask || r.sequencerIndex === Sequencer.memoryMode) return;
        break;
      case Port.pelMask:
        r.pelMask = value;
        break;
      case Port.dacReadIndex:
        r.dacReadIndex = value;
        r.dacState = 3;
        r.dacComponent = 0;
        return;
      case Port.dacWriteIndex:
        r.dacWriteIndex = value;
        r.dacState = 0;
        r.dacComponent = 0;
        return;
      case Port.dacData:
        this.writeDac(this.dispi.dac8 ? value : value & 0x3f);
        return;
      case Port.graphicsIndex:
        r.graphicsIndex = value;
        return;
      case Port.graphicsData:
        if (r.graphicsIndex >= graphicsCount) return;
        r.graphics[r.graphicsIndex] = value;
        // Only these two change what is shown; the others steer the datapath and are written in drawing loops.
        if (r.graphicsIndex !== Graphics.mode && r.graphicsIndex !== Graphics.miscellaneous) return;
        break;
      default:
        return;
    }
    this.bus.displayChanged();
  }

  private writeCrtc(index: number, value: number): void {
    const { crtc } = this.registers;
    if (index >= crtcCount) return;
    let stored = value;
    if (index <= Crtc.overflow && ((crtc[Crtc.verticalRetraceEnd] ?? 0) & crtcProtect) !== 0) {
      if (index !== Crtc.overflow) return;
      stored = ((crtc[index] ?? 0) & ~overflowLineCompare8) | (value & overflowLineCompare8);
    }
    if (crtc[index] === stored) return;
    crtc[index] = stored;
    this.bus.displayChanged();
  }

  private writeAttribute(value: number): void {
    const r = this.registers;
    if (r.attributeFlipFlop === 0) {
      r.attributeFlipFlop = 1;
      const before = r.attributeIndex;
      r.attributeIndex = value & 0x3f;
      if (((before ^ value) & 0x20) !== 0) this.bus.displayChanged();
      return;
    }
    r.attributeFlipFlop = 0;
    const index = r.attributeIndex & 0x1f;
    if (index >= attributeCount) return;
    // The palette registers can be reached only while the CPU has the palette (index bit 5 clear).
    if (index < 16 && (r.attributeIndex & 0x20) !== 0) return;
    r.attribute[index] = value & (index < 16 ? 0x3f : (attributeMask[index - 16] ?? 0));
    this.bus.displayChanged();
  }

  private nextComponent(): void {
    this.registers.dacComponent = (this.registers.dacComponent + 1) % 3;
  }

  private writeDac(value: number): void {
    const r = this.registers;
    if (r.dacComponent < 2) {
      r.dacPending[r.dacComponent] = value;
      this.nextComponent();
      return;
    }
    const at = 3 * r.dacWriteIndex;
    r.palette[at] = r.dacPending[0] ?? 0;
    r.palette[at + 1] = r.dacPending[1] ?? 0;
    r.palette[at + 2] = value;
    r.dacWriteIndex = (r.dacWriteIndex + 1) & 0xff;
    this.nextComponent();
    this.bus.displayChanged();
  }
}
