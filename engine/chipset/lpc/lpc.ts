/** The ICH9 LPC bridge at 00:1f.0: interrupt routing, power management, reset, fast A20, the APM ports. */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import { digits, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, InterruptLine, MmioRegion, PortRegion, Width } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';
import { PciFunction, type PciAddress } from '../pci/function.ts';
import type { InterruptRouter, PciBus } from '../pci/pci.ts';
import { platformSubsystem } from '../pci/platform.ts';
import { PowerManagement, pmPortCount } from './power-management.ts';
import { AcpiControl, LpcPort, LpcRegister, PirqRoute, Port92, ResetControl, RootComplex } from './registers.ts';
import { RootComplexRegisters } from './root-complex.ts';

/** IRQs that a PIRQ may be routed to. */
const routableIrqs = [3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15];
/** SCI_IRQ_SEL; IRQ 20-23 exist at the I/O APIC only. */
const sciIrqs = [9, 10, 11, undefined, 20, 21, 22, 23];
/** PIRQA# to PIRQH# are inputs 16-23 of the I/O APIC, whatever they are routed to. */
const firstPirqInput = 16;
const firstRoutedDevice = 25;

const lpcBlock = defineBlock('lpc', 1, {
  port92: scalar('u8'),
  resetControl: scalar('u8'),
  apmControl: scalar('u8'),
  apmStatus: scalar('u8'),
  /** Per device of bus 0: bits 0-3, INTA# to INTD# are asserted. */
  pins: array('u8', 32),
  sci: scalar('u8'),
});

export interface LpcOptions {
  /** A driver of an input of the interrupt controllers: `pic.line`. */
  line: (irq: number) => InterruptLine;
  /** A driver of an input of the I/O APIC. Absent: there is none. */
  apicLine?: (input: number) => InterruptLine;
  /** True when the machine has System Management Mode. See PowerManagementOptions. */
  smm?: boolean;
}

export class Lpc extends PciFunction implements Chip, InterruptRouter {
  private readonly state;
  private readonly power: PowerManagement;
  private readonly pmPorts: PortRegion;
  private readonly rootComplex: RootComplexRegisters;
  private readonly rootComplexRegion: MmioRegion;
  private readonly lines: ReadonlyMap<number, InterruptLine>;
  private readonly apicLines: ReadonlyMap<number, InterruptLine>;

  constructor(
    private readonly bus: Bus,
    pci: PciBus,
    options: LpcOptions,
  ) {
    super(
      bus,
      { device: 31, function: 0 },
      {
        vendor: 0x8086,
        device: 0x2918,
        revision: 2,
        classCode: 0x060100,
        headerType: 0x80,
        ...platformSubsystem,
      },
    );
    this.declareRegisters();
    this.state = bus.block(lpcBlock);
    this.lines = new Map(routableIrqs.map((irq) => [irq, options.line(irq)]));
    const { apicLine } = options;
    const apicInputs = apicLine === undefined ? [] : [9, 10, 11, ...Array.from({ length: 8 }, (_, pirq) => firstPirqInput + pirq)];
    this.apicLines = new Map(apicInputs.flatMap((input) => (apicLine === undefined ? [] : [[input, apicLine(input)] as const])));
    const sci = {
      set: (asserted: boolean) => {
        this.state.sci = asserted ? 1 : 0;
        this.updateLines();
      },
    };
    this.power = new PowerManagement(bus, sci, { smm: options.smm ?? false });
    this.pmPorts = bus.ports(0x600, pmPortCount, this.power.handler);
    this.power.attach(this.pmPorts);
    this.rootComplex = new RootComplexRegisters(bus, () => this.updateLines());
    this.rootComplexRegion = bus.mmio('lpc.rootComplex', undefined, RootComplex.size, this.rootComplex.handler);
    this.registerPort(
      LpcPort.port92,
      () => (this.state.port92 & ~Port92.a20) | (this.bus.memory.a20 ? Port92.a20 : 0),
      (value) => this.writePort92(value),
    );
    this.registerPort(
      LpcPort.resetControl,
      () => this.state.resetControl,
      (value) => this.writeResetControl(value),
    );
    this.registerPort(
      LpcPort.apmControl,
      () => this.state.apmControl,
      (value) => {
        this.state.apmControl = value;
        this.power.apmWritten();
      },
    );
    this.registerPort(
      LpcPort.apmStatus,
      () => this.state.apmStatus,
      (value) => {
        this.state.apmStatus = value;
      },
    );
    pci.add(this);
    pci.connect(this);
  }

  private declareRegisters(): void {
    this.declare(LpcRegister.pmBase, 4, 1, 0xff80);
    this.declare(LpcRegister.acpiControl, 1, 0, AcpiControl.enable | AcpiControl.sciSelect);
    this.declare(LpcRegister.gpioBase, 4, 1, 0xff80);
    this.declare(LpcRegister.gpioControl, 1, 0, 0x11);
    for (let index = 0; index < 4; index++) {
      this.declare(LpcRegister.pirqA + index, 1, PirqRoute.disabled, 0x8f);
      this.declare(LpcRegister.pirqE + index, 1, PirqRoute.disabled, 0x8f);
    }
    this.declare(LpcRegister.serialIrqControl, 1, 0x10, 0xff);
    this.declare(LpcRegister.ioDecode, 2, 0, 0x1377);
    this.declare(LpcRegister.enables, 2, 0, 0x3f0f);
    for (let index = 0; index < 4; index++) this.declare(LpcRegister.genericDecode + 4 * index, 4, 0, 0x00fc_fffd);
    this.declare(LpcRegister.powerManagement1, 2, 0, 0x06bb);
    this.declare(LpcRegister.powerManagement2, 1, 0, 0x10, 0x85);
    this.declare(LpcRegister.powerManagement3, 2, 0, 0xfffd, 0x02);
    this.declare(LpcRegister.firmwareSelect, 4, 0x0011_2233, 0xffff_ffff);
    this.declare(LpcRegister.firmwareSelect + 4, 2, 0x4567, 0xffff);
    this.declare(LpcRegister.firmwareDecode, 2, 0xffcf, 0xffcf);
    this.declare(LpcRegister.biosControl, 1, 0, 0x1f);
    this.declare(LpcRegister.rootComplexBase, 4, 0, 0xffff_c001);
  }

  private registerPort(at: LpcPort, get: () => number, set: (value: number) => void): void {
    const read = (port: number) => (port === at ? get() : 0xff);
    this.bus.ports(
      at,
      1,
      bytePorts({
        read,
        peek: read,
        write: (port, value) => {
          if (port === at) set(value);
        },
      }),
    );
  }

  override reset(): void {
    super.reset();
    const { state } = this;
    state.port92 = 0;
    state.resetControl = 0;
    state.apmControl = 0;
    state.apmStatus = 0;
    state.pins.fill(0);
    state.sci = 0;
    this.rootComplex.reset();
    this.power.reset();
    this.placeRegions();
    this.updateLines();
  }

  inspect(): ChipFacts {
    const { state } = this;
    const routes = Array.from({ length: 8 }, (_, pirq) => {
      const route = this.config[pirq < 4 ? LpcRegister.pirqA + pirq : LpcRegister.pirqE + pirq - 4] ?? 0;
      return [`PIRQ${'ABCDEFGH'[pirq] ?? ''}`, route & PirqRoute.disabled ? 'not routed' : `IRQ ${route & PirqRoute.irq}`, String(firstPirqInput + pirq)];
    });
    const sciIrq = sciIrqs[(this.config[LpcRegister.acpiControl] ?? 0) & AcpiControl.sciSelect];
    return {
      id: 'lpc',
      title: 'ICH9 LPC bridge',
      place: 'PCI 1f.0',
      group: 'devices',
      facts: [
        { name: 'A20', value: this.bus.memory.a20 ? 'open' : 'masked', note: 'address line 20, as the processors see it' },
        { name: 'APM control', value: digits(state.apmControl, 2), note: `status ${digits(state.apmStatus, 2)}; ports b2, b3` },
        { name: 'Reset control', value: digits(state.resetControl, 2), note: 'port cf9' },
        { name: 'SCI', value: sciIrq === undefined ? 'nowhere' : `IRQ ${sciIrq}`, note: state.sci ? 'asserted' : 'not asserted' },
        { name: 'RCBA', value: digits(this.get32(LpcRegister.rootComplexBase), 8) },
      ],
      tables: [{ title: 'PCI interrupts', columns: ['Line', '8259', 'I/O APIC input'], rows: routes }],
    };
  }

  /** ACPI and SMI control are a block of their own. */
  inspectPower(): ChipFacts {
    return this.power.inspect();
  }

  /** The power button. True when the guest will get an interrupt for it. Under the device lock. */
  pressPowerButton(): boolean {
    return this.power.pressPowerButton();
  }

  /** See PowerManagement. Under the device lock. */
  raiseGeneralEvent(event: number): void {
    this.power.raiseGeneralEvent(event);
  }

  takesGeneralEvent(event: number): boolean {
    return this.power.takesGeneralEvent(event);
  }

  route(address: PciAddress, pin: number, asserted: boolean): void {
    const { pins } = this.state;
    const bit = 1 << (pin - 1);
    const before = pins[address.device] ?? 0;
    pins[address.device] = asserted ? before | bit : before & ~bit;
    this.updateLines();
  }

  protected override written(offset: number, width: Width): void {
    if (this.touches(offset, width, LpcRegister.pmBase, 5) || this.touches(offset, width, LpcRegister.rootComplexBase, 4)) {
      this.placeRegions();
    }
    this.updateLines();
  }

  private placeRegions(): void {
    const acpi = ((this.config[LpcRegister.acpiControl] ?? 0) & AcpiControl.enable) !== 0;
    const pmBase = this.get16(LpcRegister.pmBase) & 0xff80;
    // The last place would end at 0x10000, which no port has; zero is where nobody puts it.
    const possible = pmBase !== 0 && pmBase + pmPortCount < 0x1_0000;
    this.pmPorts.place(acpi && possible ? pmBase : undefined);
    const rootComplex = this.get32(LpcRegister.rootComplexBase);
    this.rootComplexRegion.place(rootComplex & 1 ? (rootComplex & 0xffff_c000) >>> 0 : undefined);
  }

  /** PIRQ A-H as 0-7. Devices below 25 are wired in rotation to E-H, the others as the root complex registers say. */
  private pirq(device: number, pin: number): number {
    return device < firstRoutedDevice ? ((device + pin - 1) & 3) + 4 : this.rootComplex.pirq(device, pin);
  }

  private updateLines(): void {
    const { state } = this;
    let asserted = 0;
    let inputs = 0;
    for (let device = 0; device < 32; device++) {
      const pins = state.pins[device] ?? 0;
      for (let pin = 1; pins >> (pin - 1) !== 0; pin++) {
        if ((pins & (1 << (pin - 1))) === 0) continue;
        const pirq = this.pirq(device, pin);
        inputs |= 1 << (firstPirqInput + pirq);
        const route = this.config[pirq < 4 ? LpcRegister.pirqA + pirq : LpcRegister.pirqE + pirq - 4] ?? 0;
        if ((route & PirqRoute.disabled) === 0) asserted |= 1 << (route & PirqRoute.irq);
      }
    }
    const sciIrq = sciIrqs[(this.config[LpcRegister.acpiControl] ?? 0) & AcpiControl.sciSelect];
    if (state.sci && sciIrq !== undefined) {
      asserted |= 1 << sciIrq;
      inputs |= 1 << sciIrq;
    }
    for (const [input, line] of this.apicLines) line.set((inputs & (1 << input)) !== 0);
    for (const [irq, line] of this.lines) line.set((asserted & (1 << irq)) !== 0);
  }

  private writePort92(value: number): void {
    const rising = value & ~this.state.port92;
    this.state.port92 = value & (Port92.initNow | Port92.a20);
    // One gate, which the keyboard controller moves as well: the last word counts.
    this.bus.memory.a20 = (value & Port92.a20) !== 0;
    if (rising & Port92.initNow) this.bus.post({ kind: 'reset', reason: 'the guest asked for it at port 0x92' });
  }

  private writeResetControl(value: number): void {
    const rising = value & ~this.state.resetControl;
    this.state.resetControl = value & (ResetControl.system | ResetControl.cpu | ResetControl.full);
    if (rising & ResetControl.cpu) this.bus.post({ kind: 'reset', reason: 'the guest asked for it at port 0xCF9' });
  }
}
