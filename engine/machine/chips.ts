/**
 * Which chips a machine has and how they are wired. Every thread of a machine calls this once, with the same
 * configuration, so that all of them make the same chips, lines and timers in the same order over the same blocks.
 */
import { DebugPort } from '../chipset/debug-port/debug-port.ts';
import { Dma } from '../chipset/dma/dma.ts';
import { Floppy } from '../chipset/floppy/floppy.ts';
import { HostBridge } from '../chipset/host-bridge/host-bridge.ts';
import { Ide } from '../chipset/ide/ide.ts';
import { Lpc } from '../chipset/lpc/lpc.ts';
import { PciBus } from '../chipset/pci/pci.ts';
import { VideoFunction } from '../chipset/pci/video-function.ts';
import { Pic } from '../chipset/pic/pic.ts';
import { Pit } from '../chipset/pit/pit.ts';
import { Ps2 } from '../chipset/ps2/ps2.ts';
import { Rtc } from '../chipset/rtc/rtc.ts';
import { Serial } from '../chipset/serial/serial.ts';
import { displayMode } from '../chipset/vga/geometry.ts';
import { sizeOf, VgaRenderer } from '../chipset/vga/render.ts';
import { VgaScreen } from '../chipset/vga/screen.ts';
import { textScreen, textSize } from '../chipset/vga/text.ts';
import { Vga } from '../chipset/vga/vga.ts';
import type { FrameSource } from '../display/frame.ts';
import { Attention } from '../isa/state.ts';
import type { Chip } from './bus.ts';
import type { MachineControl } from './control.ts';
import { bootOrder, placeDrives, type DrivePosition } from './drives.ts';
import type { MachineBus } from './machine-bus.ts';
import type { MachineConfiguration, MachineInput, Picture } from './machine.ts';

/** What the machine itself wants of its chips. All but `interruptPending` under the device lock. */
export interface MachineChips {
  reset(): void;
  /** INTR. Any thread, no lock. */
  interruptPending(): boolean;
  /** The INTA cycle: a vector. */
  acknowledgeInterrupt(): number;
  /** Which event the bytes of an output stream become. */
  readonly outputs: Readonly<Record<string, 'serial' | 'debugConsole'>>;
  /** Scancodes that the keyboard takes now: how many of them. */
  typeScancodes(bytes: readonly number[]): number;
  moveMouse(event: Extract<MachineInput, { kind: 'mouse' }>): boolean;
  /** Bytes that COM1 takes now: how many of them. */
  receiveSerial(bytes: Uint8Array): number;
  pressPowerButton(): void;
  /** The machine stood still for so many seconds of the world's time: its calendar catches up. */
  passTime(seconds: number): void;
  setTextMode(): void;
  setVideoRom(bytes: Uint8Array): void;
  /** What display servers show; service worker only. */
  readonly screen: FrameSource;
  screenshot(): Picture;
  screenText(): string[] | undefined;
  screenShape(): { width: number; height: number; text: { columns: number; rows: number } | undefined };
}

export function constructChips(bus: MachineBus, control: MachineControl, configuration: MachineConfiguration): MachineChips {
  const pic = new Pic(bus, { onInterruptRequest: () => control.attend(0, Attention.interrupt) });
  const pit = new Pit(bus, pic.line(0));
  const ps2 = new Ps2(bus, { keyboardIrq: pic.line(1), mouseIrq: pic.line(12) });
  const rtc = new Rtc(bus, pic.line(8));
  const dma = new Dma(bus);
  const pci = new PciBus(bus);
  const hostBridge = new HostBridge(bus, pci);
  const lpc = new Lpc(bus, pci, { line: (irq) => pic.line(irq) });
  const com1 = new Serial(bus, pic.line(4), { name: 'com1', port: 0x3f8 });
  const debugPort = new DebugPort(bus);
  const vga = new Vga(bus);
  const video = new VideoFunction(bus, pci);
  const drives = placeDrives(configuration.drives);
  const ideKind = (position: DrivePosition) => {
    const kind = drives.get(position)?.kind;
    return kind === 'floppy' ? undefined : kind;
  };
  const ide = new Ide(bus, pci, pic.line(14), pic.line(15), [ideKind('ide0.0'), ideKind('ide0.1'), ideKind('ide1.0'), ideKind('ide1.1')]);
  const floppy = new Floppy(bus, dma, pic.line(6));
  const order = bootOrder(configuration.bootOrder, [...drives.values()].map(({ kind }) => kind));
  const all: readonly Chip[] = [pic, pit, rtc, dma, ps2, pci, hostBridge, lpc, com1, debugPort, vga, video, ide, floppy];

  return {
    reset: () => {
      for (const chip of all) chip.reset();
      // Firmware without another channel reads the size of memory from CMOS.
      rtc.setMemory(bus.memory.ramBytes, [floppy.driveType(0), floppy.driveType(1)], order);
    },
    interruptPending: () => pic.pending(),
    acknowledgeInterrupt: () => pic.acknowledge(),
    outputs: { com1: 'serial', debugConsole: 'debugConsole' },
    typeScancodes: (bytes) => ps2.keyboardScancodes(bytes),
    moveMouse: (event) => ps2.mouse(event),
    receiveSerial: (bytes) => com1.receive(bytes),
    passTime: (seconds) => rtc.passTime(seconds),
    pressPowerButton: () => void lpc.pressPowerButton(),
    setTextMode: () => vga.setTextMode(),
    setVideoRom: (bytes) => video.setRom(bytes),
    screen: new VgaScreen(
      vga,
      () => control.displayChanges(),
      () => bus.clock.now(),
    ),
    // A renderer of its own: whoever shows the screen compares with what it drew last.
    screenshot: () => {
      const { width, height, rgba } = new VgaRenderer(vga.registers, bus.vram, vga.dispi.registers).render();
      return { width, height, rgba };
    },
    screenText: () => (vga.dispi.mode === undefined ? textScreen(vga.registers, bus.vram)?.lines : undefined),
    screenShape: () => {
      const { mode } = vga.dispi;
      if (mode !== undefined) return { width: mode.width, height: mode.height, text: undefined };
      return { ...sizeOf(displayMode(vga.registers)), text: textSize(vga.registers) };
    },
  };
}
