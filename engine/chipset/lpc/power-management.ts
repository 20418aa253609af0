import { array, defineBlock, scalar } from '../../layout/block.ts';
import { digits, register, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, InterruptLine, PortHandler, PortRegion, Timer } from '../../machine/bus.ts';
import { oscillator } from '../oscillator.ts';
import { Pm1, Pm1Control, PmRegister, SleepType, SmiEnable, SmiStatus, Tco } from './registers.ts';

/** The ACPI power management timer. */
export const pmTimerHertz = 3_579_545;
const timerMask = 0xff_ffff;
/** TMROF_STS is set whenever bit 23 changes. */
const overflowTicks = 2 ** 23;
const crystal = oscillator(pmTimerHertz);
export const pmPortCount = 128;
/** The highest byte first. */
const bytesOf = (bytes: Uint8Array): string => [...bytes].reverse().map((byte) => digits(byte, 2)).join('');

const pmBlock = defineBlock('lpc.power', 1, {
  pm1Status: scalar('u16'),
  pm1Enable: scalar('u16'),
  pm1Control: scalar('u32'),
  /** GPE0_STS and GPE0_EN, 64 bits each. */
  gpe0Status: array('u8', 8),
  gpe0Enable: array('u8', 8),
  smiEnable: scalar('u32'),
  smiStatus: scalar('u32'),
  /** TCO registers as written; the watchdog does not count. */
  tco: array('u8', 32),
  /** Tick of the PM timer up to which overflows are in `pm1Status`. */
  overflowsUntil: scalar('f64'),
});

/** Writable bits of the TCO registers, byte by byte, and those that a written one clears. */
const tcoWritable = new Uint8Array(32);
const tcoClearable = new Uint8Array(32);
tcoWritable.set([0xff, 0x03], Tco.reload);
tcoWritable.set([0x00, 0x1a], Tco.control1);
tcoWritable.set([0x3e, 0x00], Tco.control2);
tcoWritable.set([0xff, 0x03], Tco.timer);
tcoClearable.set([0x8f, 0x1f], Tco.status1);
tcoClearable.set([0x07, 0x00], Tco.status2);

export interface PowerManagementOptions {
  /**
   * False: no SMM in this machine. APMC_EN then is set from the start, as on QEMU without SMM: firmware takes it as "SMM is
   * set up already" and does not wait for a handler that never runs.
   */
  smm: boolean;
}

/**
 * The ACPI block of the ICH9 at PMBASE. Sleep: S5 and S4 power off. So does sleep type 0, which the ICH9 calls S0, because it is
 * S5 in the numbering of QEMU's tables, SeaBIOS's APM power-off writes it, and nobody enters S0. S1 and S3 wake at once.
 */
export class PowerManagement implements Chip {
  readonly handler: PortHandler;
  private readonly state;
  private readonly timer: Timer;
  private region: PortRegion | undefined;

  constructor(
    private readonly bus: Bus,
    /** Drives the IRQ that SCI is routed to. */
    private readonly sci: InterruptLine,
    private readonly options: PowerManagementOptions,
  ) {
    this.state = bus.block(pmBlock);
    this.timer = bus.timer('lpc.pmTimer', () => this.update());
    const read = (port: number, width: number) => {
      const offset = port - (this.region?.base ?? 0);
      const ticks = this.ticks();
      let value = 0;
      for (let index = 0; index < width; index++) value += this.byte(offset + index, ticks) * 2 ** (8 * index);
      return value;
    };
    this.handler = {
      read,
      peek: read,
      write: (port, width, value) => {
        this.collect();
        const offset = port - (this.region?.base ?? 0);
        for (let index = 0; index < width; index++) this.writeByte(offset + index, (value >>> (8 * index)) & 0xff);
        this.update();
      },
    };
  }

  /** The ports this block answers at; to be given once. */
  attach(region: PortRegion): void {
    this.region = region;
  }

  reset(): void {
    const { state } = this;
    state.pm1Status = 0;
    state.pm1Enable = 0;
    state.pm1Control = 0;
    state.gpe0Status.fill(0);
    state.gpe0Enable.fill(0);
    state.smiEnable = this.options.smm ? 0 : SmiEnable.apmControl;
    state.smiStatus = 0;
    state.tco.fill(0);
    state.tco[Tco.reload] = 4;
    state.tco[Tco.timer] = 4;
    state.overflowsUntil = this.ticks();
    this.update();
  }

  inspect(): ChipFacts {
    const { state } = this;
    const ticks = this.ticks();
    const pm1 = { TMROF: Pm1.timer, GBL: Pm1.global, PWRBTN: Pm1.powerButton, RTC: Pm1.rtc };
    const status = state.pm1Status | (this.overflowed(ticks) ? Pm1.timer : 0);
    const base = this.region?.base ?? 0;
    return {
      id: 'power-management',
      title: 'ACPI power management and SMI control',
      place: `ports ${digits(base, 4)}-${digits(base + pmPortCount - 1, 4)}`,
      group: 'devices',
      facts: [
        register('PM1_STS', status, 16, { ...pm1, WAK: Pm1.wake }),
        register('PM1_EN', state.pm1Enable, 16, pm1),
        register('PM1_CNT', state.pm1Control, 32, { SCI_EN: Pm1Control.sciEnable }),
        { name: 'PM1_TMR', value: digits(ticks & timerMask, 6), note: '3.579545 MHz' },
        register('SMI_EN', state.smiEnable, 32, {
          GBL: SmiEnable.global,
          BIOS: SmiEnable.biosRelease,
          SLP: SmiEnable.sleep,
          APMC: SmiEnable.apmControl,
        }),
        register('SMI_STS', state.smiStatus, 32, { BIOS: SmiStatus.bios, SLP: SmiStatus.sleep, APM: SmiStatus.apm }),
        { name: 'GPE0', value: `${bytesOf(state.gpe0Status)} status, ${bytesOf(state.gpe0Enable)} enabled` },
      ],
      tables: [],
    };
  }

  /** The power button: PWRBTN_STS, and SCI if the guest asked for it. True when the guest will get an interrupt. */
  pressPowerButton(): boolean {
    const { state } = this;
    state.pm1Status |= Pm1.powerButton;
    this.update();
    return (state.pm1Enable & Pm1.powerButton) !== 0 && (state.pm1Control & Pm1Control.sciEnable) !== 0;
  }

  /** A general-purpose event: its bit in GPE0_STS, and SCI if the guest asked for it. */
  raiseGeneralEvent(event: number): void {
    this.state.gpe0Status[event >> 3] = (this.state.gpe0Status[event >> 3] ?? 0) | (1 << (event & 7));
    this.update();
  }

  /** An operating system takes this general-purpose event. */
  takesGeneralEvent(event: number): boolean {
    const { state } = this;
    return (state.pm1Control & Pm1Control.sciEnable) !== 0 && ((state.gpe0Enable[event >> 3] ?? 0) & (1 << (event & 7))) !== 0;
  }

  /** The APM control port was written (ICH9 datasheet, section 13.8.3.7 and 13.8.3.8). */
  apmWritten(): void {
    if (this.options.smm) this.raiseSmi(SmiEnable.apmControl, SmiStatus.apm, 'apm');
  }

  /** True if it was: both its own and the global enable bit are set. */
  private raiseSmi(enable: SmiEnable, status: SmiStatus, cause: 'apm' | 'chipset'): boolean {
    const { state } = this;
    const needed = SmiEnable.global | enable;
    if ((state.smiEnable & needed) !== needed) return false;
    state.smiStatus |= status;
    this.bus.post({ kind: 'smi', cause });
    return true;
  }

  private ticks(): number {
    return crystal.ticksAt(this.bus.clock.now());
  }

  private overflowed(ticks: number): boolean {
    return Math.floor(ticks / overflowTicks) > Math.floor(this.state.overflowsUntil / overflowTicks);
  }

  private collect(): void {
    const ticks = this.ticks();
    if (this.overflowed(ticks)) this.state.pm1Status |= Pm1.timer;
    this.state.overflowsUntil = ticks;
  }

  private update(): void {
    this.collect();
    const { state } = this;
    const general = state.gpe0Status.some((byte, index) => (byte & (state.gpe0Enable[index] ?? 0)) !== 0);
    const fixed = (state.pm1Status & state.pm1Enable & Pm1.enable) !== 0;
    const enabled = (state.pm1Control & Pm1Control.sciEnable) !== 0;
    this.sci.set(enabled && (fixed || general));
    if (enabled && (state.pm1Enable & Pm1.timer) !== 0 && (state.pm1Status & Pm1.timer) === 0) {
      this.timer.arm(crystal.timeOf((Math.floor(this.ticks() / overflowTicks) + 1) * overflowTicks));
    } else {
      this.timer.cancel();
    }
  }

  private byte(offset: number, ticks: number): number {
    const { state } = this;
    const of = (value: number, register: number) => (value >>> (8 * (offset - register))) & 0xff;
    if (offset >= PmRegister.tco && offset < pmPortCount) return state.tco[offset - PmRegister.tco] ?? 0;
    if (offset >= PmRegister.smiStatus + 4) return offset < pmPortCount ? 0 : 0xff;
    if (offset >= PmRegister.smiStatus) return of(state.smiStatus, PmRegister.smiStatus);
    if (offset >= PmRegister.smiEnable) return of(state.smiEnable, PmRegister.smiEnable);
    if (offset >= PmRegister.gpe0Enable) return state.gpe0Enable[offset - PmRegister.gpe0Enable] ?? 0;
    if (offset >= PmRegister.gpe0Status) return state.gpe0Status[offset - PmRegister.gpe0Status] ?? 0;
    if (offset >= PmRegister.pm1Timer + 4) return 0;
    if (offset >= PmRegister.pm1Timer) return of(ticks & timerMask, PmRegister.pm1Timer);
    if (offset >= PmRegister.pm1Control) return of(state.pm1Control, PmRegister.pm1Control);
    if (offset >= PmRegister.pm1Enable) return of(state.pm1Enable, PmRegister.pm1Enable);
    return of(state.pm1Status | (this.overflowed(ticks) ? Pm1.timer : 0), PmRegister.pm1Status);
  }

  private writeByte(offset: number, byte: number): void {
    const { state } = this;
    const at = (register: number) => byte << (8 * (offset - register));
    const lane = (register: number) => 0xff << (8 * (offset - register));
    if (offset >= pmPortCount) return;
    if (offset >= PmRegister.tco) {
      const index = offset - PmRegister.tco;
      const writable = tcoWritable[index] ?? 0;
      const kept = (state.tco[index] ?? 0) & ~writable;
      state.tco[index] = (kept | (byte & writable)) & ~(byte & (tcoClearable[index] ?? 0));
    } else if (offset >= PmRegister.smiStatus + 4) {
      return;
    } else if (offset >= PmRegister.smiStatus) {
      state.smiStatus &= ~at(PmRegister.smiStatus);
    } else if (offset >= PmRegister.smiEnable) {
      state.smiEnable = (state.smiEnable & ~lane(PmRegister.smiEnable)) | at(PmRegister.smiEnable);
    } else if (offset >= PmRegister.gpe0Enable) {
      state.gpe0Enable[offset - PmRegister.gpe0Enable] = byte;
    } else if (offset >= PmRegister.gpe0Status) {
      const index = offset - PmRegister.gpe0Status;
      state.gpe0Status[index] = (state.gpe0Status[index] ?? 0) & ~byte;
    } else if (offset >= PmRegister.pm1Timer) {
      return;
    } else if (offset >= PmRegister.pm1Control) {
      const merged = (state.pm1Control & ~lane(PmRegister.pm1Control)) | at(PmRegister.pm1Control);
      state.pm1Control = merged & Pm1Control.writable;
      if (merged & Pm1Control.globalRelease) this.raiseSmi(SmiEnable.biosRelease, SmiStatus.bios, 'chipset');
      if (merged & Pm1Control.sleepEnable && !this.raiseSmi(SmiEnable.sleep, SmiStatus.sleep, 'chipset')) {
        this.sleep((merged & Pm1Control.sleepType) >> 10);
      }
    } else if (offset >= PmRegister.pm1Enable) {
      const merged = (state.pm1Enable & ~lane(PmRegister.pm1Enable)) | at(PmRegister.pm1Enable);
      state.pm1Enable = merged & Pm1.enable;
    } else {
      state.pm1Status &= ~(at(PmRegister.pm1Status) & Pm1.status);
    }
  }

  private sleep(type: number): void {
    if (type === SleepType.s5 || type === SleepType.s4 || type === SleepType.s0) {
      this.bus.post({ kind: 'powerOff', reason: 'the guest switched itself off (ACPI)' });
    } else {
      this.state.pm1Status |= Pm1.wake;
    }
  }
}
