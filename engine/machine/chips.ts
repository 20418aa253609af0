/**
 * Which chips a machine has and how they are wired. Every thread of a machine calls this once, with the same
 * configuration, so that all of them make the same chips, lines and timers in the same order over the same blocks.
 */
import { DisplayFunction } from '../chipset/display/display-function.ts';
import { ScanoutScreen } from '../chipset/display/scanout-screen.ts';
import { DebugPort } from '../chipset/debug-port/debug-port.ts';
import { Dma } from '../chipset/dma/dma.ts';
import { Floppy } from '../chipset/floppy/floppy.ts';
import { HotPlug } from '../chipset/hot-plug/hot-plug.ts';
import { HostBridge } from '../chipset/host-bridge/host-bridge.ts';
import { Ide } from '../chipset/ide/ide.ts';
import { IoApic } from '../chipset/ioapic/ioapic.ts';
import { Lpc } from '../chipset/lpc/lpc.ts';
import { GeneralEvent } from '../chipset/lpc/registers.ts';
import { PciBus } from '../chipset/pci/pci.ts';
import { VideoFunction } from '../chipset/pci/video-function.ts';
import { Pic } from '../chipset/pic/pic.ts';
import { Pit } from '../chipset/pit/pit.ts';
import { Ps2 } from '../chipset/ps2/ps2.ts';
import { Rtc } from '../chipset/rtc/rtc.ts';
import { Serial } from '../chipset/serial/serial.ts';
import { VirtioGpu } from '../chipset/virtio-gpu/virtio-gpu.ts';
import { MachineInputs } from '../chipset/virtio-input/inputs.ts';
import { displayMode } from '../chipset/vga/geometry.ts';
import { sizeOf, VgaRenderer } from '../chipset/vga/render.ts';
import { VgaScreen } from '../chipset/vga/screen.ts';
import { textScreen, textSize } from '../chipset/vga/text.ts';
import { Vga } from '../chipset/vga/vga.ts';
import { edidOfOutput } from '../display/edid-output.ts';
import { defaultDisplay, edidOf } from '../display/edid.ts';
import type { FrameSource } from '../display/frame.ts';
import { checkRequest } from '../display/properties.ts';
import { inspectLocalApic } from '../cpu/apic/inspection.ts';
import { LocalApics } from '../cpu/apic/local-apic.ts';
import { localApicState } from '../cpu/apic/state.ts';
import { Attention, vcpuState } from '../isa/state.ts';
import type { ChipFacts } from '../layout/facts.ts';
import { everyPage, type Chip, type InterruptLine, type Timer } from './bus.ts';
import type { MachineControl } from './control.ts';
import { mostOutputs, type DisplayDeviceState, type DisplayProperties } from './display-face.ts';
import { bootOrder, placeDrives, type DrivePosition } from './drives.ts';
import type { MachineBus } from './machine-bus.ts';
import type { MachineConfiguration, MachineInput, Picture } from './machine.ts';
import type { SmiCause } from './smm-face.ts';

/** What the machine itself wants of its chips. All but the first three under the device lock. */
export interface MachineChips {
  readonly apics: LocalApics;
  /** Whether a vCPU has an interrupt to take. Any thread, no lock. */
  interruptPending(cpu: number): boolean;
  /** The vCPU takes its interrupt: a vector, or -1 when the request is gone. Its own thread. */
  acknowledgeInterrupt(cpu: number): number;
  reset(): void;
  /** Which event the bytes of an output stream become. */
  readonly outputs: Readonly<Record<string, 'serial' | 'debugConsole'>>;
  /** Scancodes that the keyboard takes now: how many of them. */
  typeScancodes(bytes: readonly number[]): number;
  moveMouse(event: Extract<MachineInput, { kind: 'mouse' }>): boolean;
  /** Bytes that COM1 takes now: how many of them. */
  receiveSerial(bytes: Uint8Array): number;
  pressPowerButton(): void;
  /** What the host bridge says of SMRAM. */
  smramControl(): { open: boolean; closed: boolean; locked: boolean };
  /** The machine stood still for so many seconds of the world's time: its calendar catches up. */
  passTime(seconds: number): void;
  setTextMode(): void;
  setVideoRom(bytes: Uint8Array): void;
  /** What display servers show of an output; service worker only. */
  screen(output: number): FrameSource;
  /** The display and its input devices become what a client has. True when anything is different. */
  configureDisplay(properties: DisplayProperties, session: number): boolean;
  displayState(): DisplayDeviceState;
  /** Absolute pointer and touch; false where the guest has no such device or output. */
  point(event: Extract<MachineInput, { kind: 'pointer' }>): boolean;
  touch(event: Extract<MachineInput, { kind: 'touch' }>): boolean;
  pen(event: Extract<MachineInput, { kind: 'pen' }>): boolean;
  /** What every chip does now. Without side effects; under the device lock. */
  inspect(): ChipFacts[];
  screenshot(output: number): Picture;
  screenText(): string[] | undefined;
  screenShape(): { width: number; height: number; text: { columns: number; rows: number } | undefined };
}

/** Sends an SMI to a vCPU: SystemManagement.send. */
type SendSmi = (cpu: number, cause: SmiCause) => void;

/** What the local APICs want of the interrupt controllers of the board. */
interface Controllers {
  endOfInterrupt(vector: number): void;
  listening(): void;
  externalAsserted(): boolean;
}

function constructApics(bus: MachineBus, control: MachineControl, sendSmi: SendSmi, controllers: Controllers): LocalApics {
  const timers: Timer[] = [];
  const apics = new LocalApics(
    Array.from({ length: control.cpus }, (_, cpu) => ({
      state: control.memory.block(localApicState, String(cpu)),
      vcpu: control.memory.block(vcpuState, String(cpu)),
    })),
    {
      now: () => bus.clock.now(),
      timestamp: () => bus.clock.timestamp(),
      attend: (cpu, bits) => {
        if (bits === Attention.smi) sendSmi(cpu, 'ipi');
        else control.attend(cpu, bits);
      },
      withdraw: (cpu, bits) => control.withdraw(cpu, bits),
      armTimer: (cpu, deadline) =>
        bus.lock.with(() => {
          if (deadline === undefined) timers[cpu]?.cancel();
          else timers[cpu]?.arm(deadline);
        }),
      whileNoneExpires: (body) => bus.lock.with(body),
      endOfInterrupt: (vector) => bus.lock.with(() => controllers.endOfInterrupt(vector)),
      listening: () => bus.lock.with(() => controllers.listening()),
      externalAsserted: () => controllers.externalAsserted(),
    },
  );
  for (let cpu = 0; cpu < control.cpus; cpu++) timers.push(bus.timer(`apic.timer${cpu}`, () => apics.timerExpired(cpu)));
  return apics;
}

export function constructChips(bus: MachineBus, control: MachineControl, configuration: MachineConfiguration, sendSmi: SendSmi): MachineChips {
  const apics = constructApics(bus, control, sendSmi, {
    endOfInterrupt: (vector) => ioapic.endOfInterrupt(vector),
    listening: () => ioapic.retry(),
    externalAsserted: () => pic.pending(),
  });
  const pic = new Pic(bus, {
    // INTR is LINT0 of every processor, and input 0 of the I/O APIC (MP specification, section 3.6.2).
    onInterruptRequest: () => {
      for (let cpu = 0; cpu < control.cpus; cpu++) apics.localInput(cpu);
      ioapic.externalRequest();
    },
  });
  const ioapic = new IoApic(bus, { deliver: (message) => apics.deliver(message) });
  const takesExternal = (cpu: number): boolean => {
    if (!pic.pending()) return false;
    if (apics.passesExternal(cpu)) return true;
    const { external } = ioapic;
    return external !== undefined && apics.concerns(cpu, external);
  };
  /** ISA interrupts reach both controllers; the timer's is input 2 of the I/O APIC (ICH9 datasheet, table 5-14). */
  const isaLine = (irq: number): InterruptLine => {
    const lines = [pic.line(irq), ioapic.line(irq === 0 ? 2 : irq)];
    return {
      set: (asserted) => {
        for (const line of lines) line.set(asserted);
      },
    };
  };
  const pit = new Pit(bus, isaLine(0));
  const ps2 = new Ps2(bus, { keyboardIrq: isaLine(1), mouseIrq: isaLine(12) });
  const rtc = new Rtc(bus, isaLine(8));
  const dma = new Dma(bus);
  const pci = new PciBus(bus);
  const hostBridge = new HostBridge(bus, pci);
  const lpc = new Lpc(bus, pci, { line: (irq) => pic.line(irq), apicLine: (input) => ioapic.line(input), smm: true });
  const com1 = new Serial(bus, isaLine(4), { name: 'com1', port: 0x3f8 });
  const debugPort = new DebugPort(bus);
  const vga = new Vga(bus);
  const video = new VideoFunction(bus, pci, vga);
  const display = new DisplayFunction(bus, pci);
  const { device } = display;
  const gpu = configuration.virtioGpu === true ? new VirtioGpu(bus, pci, device) : undefined;
  const hotPlug = new HotPlug(bus, {
    listens: () => lpc.takesGeneralEvent(GeneralEvent.hotPlug),
    announce: () => lpc.raiseGeneralEvent(GeneralEvent.hotPlug),
  });
  const inputs = new MachineInputs(bus, pci, hotPlug, device, ps2, configuration.virtioInput !== false);
  const drives = placeDrives(configuration.drives);
  const ideKind = (position: DrivePosition) => {
    const kind = drives.get(position)?.kind;
    return kind === 'floppy' ? undefined : kind;
  };
  const ide = new Ide(bus, pci, isaLine(14), isaLine(15), [
    ideKind('ide0.0'),
    ideKind('ide0.1'),
    ideKind('ide1.0'),
    ideKind('ide1.1'),
  ]);
  const floppy = new Floppy(bus, dma, isaLine(6));
  const order = bootOrder(
    configuration.bootOrder,
    [...drives.values()].map(({ kind }) => kind),
  );
  const all: readonly Chip[] = [pic, ioapic, pit, rtc, dma, ps2, pci, hostBridge, lpc, com1, debugPort, vga, video, display, ...(gpu === undefined ? [] : [gpu]), hotPlug, ...inputs.chips, ide, floppy];

  /** Output 0 is the VGA's too: one plug, one display. */
  const configureDisplay = (properties: DisplayProperties, session: number): boolean => {
    const edids = properties.outputs.map((output, index) => output && edidOfOutput(output, index));
    const changed = device.configure(properties, edids, session);
    if (!changed) return false;
    video.registers.setEdid(edids[0]);
    gpu?.displayChanged();
    inputs.follow();
    hotPlug.settle();
    return true;
  };
  const { frames } = bus.memory;
  const { memory } = control;
  const vgaSize = () => {
    const { mode } = vga.dispi;
    return mode ?? sizeOf(displayMode(vga.registers));
  };
  const vgaScreen = () =>
    new VgaScreen(
      vga,
      () => control.displayChanges(),
      () => bus.clock.now(),
      () => frames.watch(memory.vramBase),
    );
  const wiring = {
    device,
    memory: bus.scanoutMemory,
    changes: () => control.displayChanges(),
    watch: () => frames.watch(memory.scanoutBase),
    vga: vga.registers,
  };
  return {
    reset: () => {
      if (device.bare) device.configure(usualDisplay(), [edidOf(defaultDisplay)], 0);
      inputs.follow();
      for (const chip of all) chip.reset();
      inputs.reset();
      if (video.registers.bare) video.registers.setEdid(edidOf(defaultDisplay));
      // Firmware without another channel reads the size of memory from CMOS.
      rtc.setMemory(bus.memory.ramBytes, [floppy.driveType(0), floppy.driveType(1)], order, control.cpus);
      rtc.setGuestSmm(configuration.guestSmm === true);
    },
    apics,
    interruptPending: (cpu) => apics.pending(cpu) || takesExternal(cpu),
    acknowledgeInterrupt: (cpu) => {
      const vector = apics.acknowledge(cpu);
      if (vector >= 0 || !takesExternal(cpu)) return vector;
      return bus.lock.with(() => (pic.pending() ? pic.acknowledge() : -1));
    },
    outputs: { com1: 'serial', debugConsole: 'debugConsole' },
    typeScancodes: (bytes) => inputs.type(bytes),
    moveMouse: (event) => inputs.moveMouse(event),
    receiveSerial: (bytes) => com1.receive(bytes),
    smramControl: () => ({ open: hostBridge.smramOpen, closed: hostBridge.smramClosed, locked: hostBridge.smramLocked }),
    inspect: () => [
      ...Array.from({ length: control.cpus }, (_, cpu) =>
        inspectLocalApic(apics, cpu, Number(control.memory.block(vcpuState, String(cpu)).apicBase)),
      ),
      ...all.map((chip) => chip.inspect()),
      lpc.inspectPower(),
    ],
    passTime: (seconds) => rtc.passTime(seconds),
    pressPowerButton: () => void lpc.pressPowerButton(),
    setTextMode: () => vga.setTextMode(),
    setVideoRom: (bytes) => video.setRom(bytes),
    screen: (output) => new ScanoutScreen(output, wiring, output === 0 ? vgaScreen() : undefined),
    configureDisplay,
    displayState: () => ({
      generation: device.generation,
      session: device.session,
      outputs: Array.from({ length: mostOutputs }, (_, output) => device.look(output, vgaSize())),
      input: device.input,
      takesPositions: inputs.takesPositions,
      devices: inputs.states,
      memoryBytes: bus.scanoutMemory.length,
    }),
    point: (event) => inputs.point(event),
    touch: (event) => inputs.touch(event),
    pen: (event) => inputs.pen(event),
    // A renderer of its own: whoever shows the screen compares with what it drew last.
    screenshot: (output) => {
      const plain = output === 0 && device.frame(0) === undefined;
      const screen = plain
        ? new VgaRenderer(vga.registers, bus.vram, vga.dispi.registers)
        : new ScanoutScreen(output, { ...wiring, watch: () => everyPage });
      const { width, height, rgba } = screen.render();
      return { width, height, rgba };
    },
    screenText: () =>
      vga.dispi.mode === undefined && device.frame(0) === undefined ? textScreen(vga.registers, bus.vram)?.lines : undefined,
    screenShape: () => {
      const { width, height } = device.frame(0) ?? vgaSize();
      return { width, height, text: device.frame(0) ?? vga.dispi.mode ? undefined : textSize(vga.registers) };
    },
  };
}

/** One display of a usual size, a keyboard and a mouse: until a client says what it has. */
function usualDisplay(): DisplayProperties {
  const { width, height } = defaultDisplay;
  const checked = checkRequest({ outputs: [{ width, height }], input: { keyboard: true, mouse: true } }, width * height * 4);
  if (!checked.ok) throw new Error(checked.reason);
  return checked.properties;
}
