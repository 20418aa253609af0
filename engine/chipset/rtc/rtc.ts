/** The real-time clock and its CMOS memory at 0x70-0x77, IRQ 8. */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import { digits, register, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, InterruptLine, Timer } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';
import { oscillator } from '../oscillator.ts';
import { calendarFrom, fromBcd, secondsFrom, toBcd, type CalendarTime } from './calendar.ts';
import { Cmos, Index, RegisterA, RegisterB, RegisterC, validRam } from './registers.ts';

const firstPort = 0x70;
const second = 1_000_000_000;
const secondsPerDay = 86_400;
/** UIP is on for this long before each update (8 cycles of the crystal). */
const updateNotice = 244_141;
/** Time from releasing the divider to the first update. */
const dividerRelease = 500_000_000;
const crystal = oscillator(32_768);
/** An alarm register with both top bits set matches anything. */
const dontCare = 0xc0;
// prettier-ignore
const timeRegisters: readonly number[] = [
  Index.seconds, Index.minutes, Index.hours, Index.dayOfWeek, Index.dayOfMonth, Index.month, Index.year, Cmos.century,
];

const rtcBlock = defineBlock('rtc', 1, {
  /** Both banks of 128 bytes. Time registers hold the time only while it stands still. */
  cmos: array('u8', 256),
  index: scalar('u8'),
  extendedIndex: scalar('u8'),
  /** Bit 7 of port 0x70. */
  nmiDisabled: scalar('u8'),
  flags: scalar('u8'),
  /** Until when `flags` takes events into account, guest nanoseconds. */
  flagsUntil: scalar('f64'),
  /** While time passes: it was `baseSeconds` (since 1970) at `base` (guest nanoseconds, may be negative). */
  base: scalar('f64'),
  baseSeconds: scalar('f64'),
  running: scalar('u8'),
  /** CMOS has been set up: a machine reset leaves it and the time alone. */
  powered: scalar('u8'),
});

export class Rtc implements Chip {
  private readonly state;
  private readonly timer: Timer;

  constructor(
    private readonly bus: Bus,
    private readonly irq8: InterruptLine,
  ) {
    this.state = bus.block(rtcBlock);
    this.timer = bus.timer('rtc', () => this.update());
    bus.ports(
      firstPort,
      8,
      bytePorts({
        read: (port) => {
          if (this.addressed(port) !== Index.c) return this.peek(port);
          this.collect(this.bus.clock.now());
          // By what was collected: an event that comes now is told by the next read, and by no two.
          const value = this.flagsRegister(this.state.flags);
          this.state.flags = 0;
          // The line falls even if the next event has come meanwhile: an edge-triggered input would never see it otherwise.
          this.irq8.set(false);
          this.update();
          return value;
        },
        peek: (port) => this.peek(port),
        write: (port, value) => this.write(port, value),
      }),
    );
  }

  /** RESET#: interrupts off. The first one is power-on, and sets time and CMOS up. */
  reset(): void {
    const { state } = this;
    if (!state.powered) {
      state.powered = 1;
      state.cmos.fill(0);
      state.cmos[Index.a] = RegisterA.running | 6;
      state.cmos[Index.b] = RegisterB.hours24;
      state.base = this.bus.clock.now();
      state.baseSeconds = this.bus.clock.startTime + Math.floor(state.base / second);
      state.running = 1;
    }
    state.index = 0;
    state.extendedIndex = 0;
    state.nmiDisabled = 0;
    state.cmos[Index.b] = this.controlB & ~RegisterB.interrupts;
    state.flags = 0;
    state.flagsUntil = this.bus.clock.now();
    this.update();
  }

  inspect(): ChipFacts {
    const { state } = this;
    const { cmos } = state;
    const alarm = [Index.hoursAlarm, Index.minutesAlarm, Index.secondsAlarm].map((at) => {
      const raw = cmos[at] ?? 0;
      return (raw & dontCare) === dontCare ? 'any' : digits(raw, 2);
    });
    const rows = Array.from({ length: 8 }, (_, row) => [
      digits(16 * row, 2),
      Array.from({ length: 16 }, (_, column) => digits(this.readRegister(16 * row + column), 2)).join(' '),
    ]);
    return {
      id: 'rtc',
      title: 'RTC and CMOS',
      place: 'ports 70-77',
      group: 'devices',
      facts: [
        { name: 'Time', value: new Date(this.seconds * 1000).toISOString().replace('T', ' ').slice(0, 19), note: state.running ? 'runs' : 'stands still' },
        { name: 'Alarm', value: alarm.join(':') },
        { name: 'Index', value: digits(state.index, 2), note: state.nmiDisabled ? 'NMI disabled' : 'NMI enabled' },
        register('Register A', this.readRegister(Index.a), 8, { UIP: RegisterA.updateInProgress, DV: RegisterA.divider, RS: RegisterA.rate }),
        register('Register B', this.controlB, 8, {
          SET: RegisterB.set,
          PIE: RegisterB.periodicInterrupt,
          AIE: RegisterB.alarmInterrupt,
          UIE: RegisterB.updateInterrupt,
          DM: RegisterB.binary,
          '24H': RegisterB.hours24,
        }),
        register('Register C', this.readRegister(Index.c), 8, {
          IRQF: RegisterC.request,
          PF: RegisterC.periodic,
          AF: RegisterC.alarm,
          UF: RegisterC.update,
        }),
      ],
      tables: [{ title: 'CMOS', columns: ['At', 'Bytes'], rows }],
    };
  }

  /** Tells firmware whether the guest brings its own SMI handler; as setMemory. */
  setGuestSmm(bringsOwn: boolean): void {
    this.state.cmos[Cmos.smm] = bringsOwn ? 1 : 0;
  }

  /**
   * Fills in what firmware reads: `ramBytes` of memory below 4 GiB in one piece; `floppies` are CMOS drive types (4: 1.44 MB);
   * `bootOrder` has up to three of 1 floppy, 2 disk, 3 CD-ROM, and none means all of them. To be called after the first `reset`, before the machine runs.
   */
  setMemory(ramBytes: number, floppies: readonly [number, number] = [0, 0], bootOrder: readonly number[] = [], cpus = 1): void {
    if (!Number.isInteger(ramBytes) || ramBytes < 0 || ramBytes > 2 ** 32) {
      throw new RangeError(`CMOS cannot tell of ${ramBytes} bytes of memory`);
    }
    const { cmos } = this.state;
    const word = (index: number, value: number) => {
      cmos[index] = value & 0xff;
      cmos[index + 1] = value >> 8;
    };
    const extended = Math.min(0xffff, Math.max(0, Math.floor(ramBytes / 1024) - 1024));
    word(Cmos.baseMemory, Math.min(640, Math.floor(ramBytes / 1024)));
    word(Cmos.extendedMemory, extended);
    word(Cmos.extendedMemoryActual, extended);
    word(Cmos.memoryAbove16M, Math.max(0, Math.floor(ramBytes / 65_536) - 256));
    cmos.fill(0, Cmos.memoryAbove4G, Cmos.memoryAbove4G + 3);
    cmos[Cmos.processors] = cpus - 1;
    cmos[Cmos.floppyTypes] = (floppies[0] << 4) | floppies[1];
    cmos[Cmos.diskTypes] = 0;
    const drives = floppies.filter((type) => type !== 0).length;
    // Coprocessor, PS/2 mouse, and the number of floppy drives if there are any.
    cmos[Cmos.equipment] = 0x06 | (drives > 0 ? 1 | ((drives - 1) << 6) : 0);
    const [first = 0, second = 0, third = 0] = bootOrder.length === 0 ? [1, 3, 2] : bootOrder;
    cmos[Cmos.bootFlag2] = (second << 4) | first;
    cmos[Cmos.bootFlag1] = third << 4;
    let sum = 0;
    for (let index = 0x10; index < Cmos.checksumHigh; index++) sum += cmos[index] ?? 0;
    cmos[Cmos.checksumHigh] = (sum >> 8) & 0xff;
    cmos[Cmos.checksumLow] = sum & 0xff;
  }

  /**
   * The battery kept the calendar going while the machine was suspended: it shows `seconds` more (whole, not negative). An alarm in between
   * is not made up for; a calendar that the guest has stopped stays stopped.
   */
  passTime(seconds: number): void {
    if (!Number.isSafeInteger(seconds) || seconds < 0) throw new RangeError(`The clock cannot go on by ${seconds} seconds.`);
    if (!this.state.running) return;
    this.collect(this.bus.clock.now());
    this.state.baseSeconds += seconds;
    this.update();
  }

  /** True while the guest keeps NMIs away (bit 7 of port 0x70). */
  get nmiDisabled(): boolean {
    return this.state.nmiDisabled !== 0;
  }

  /** Seconds since 1970 that the clock shows. */
  get seconds(): number {
    return this.secondsAt(this.bus.clock.now());
  }

  private get controlA(): number {
    return this.state.cmos[Index.a] ?? 0;
  }

  private get controlB(): number {
    return this.state.cmos[Index.b] ?? 0;
  }

  private secondsAt(now: number): number {
    const { state } = this;
    if (!state.running) return secondsFrom(this.decode());
    return state.baseSeconds + Math.floor((now - state.base) / second);
  }

  /** Index into CMOS that a data port leads to, or -1. Ports 0x74-0x75 are aliases of 0x70-0x71, 0x76-0x77 of 0x72-0x73. */
  private addressed(port: number): number {
    if (port > firstPort + 7 || (port & 1) === 0) return -1;
    return port & 2 ? 128 + this.state.extendedIndex : this.state.index;
  }

  private peek(port: number): number {
    const { state } = this;
    const index = this.addressed(port);
    if (index >= 0) return this.readRegister(index);
    // The index is read back at 0x74 only; 0x70 is write-only.
    if (port === firstPort + 4) return state.index;
    if (port === firstPort + 2 || port === firstPort + 6) return state.extendedIndex;
    return 0xff;
  }

  private write(port: number, value: number): void {
    const { state } = this;
    const index = this.addressed(port);
    if (index >= 0) {
      this.writeRegister(index, value);
    } else if (port === firstPort || port === firstPort + 4) {
      state.index = value & 0x7f;
      if (port === firstPort) state.nmiDisabled = value >> 7;
    } else if (port <= firstPort + 7) {
      state.extendedIndex = value & 0x7f;
    }
  }

  private readRegister(index: number): number {
    const { state } = this;
    const now = this.bus.clock.now();
    if (index === Index.a) return (this.controlA & 0x7f) | (this.updating(now) ? RegisterA.updateInProgress : 0);
    if (index === Index.c) return this.flagsRegister(state.flags | this.eventsSince(state.flagsUntil, now));
    if (index === Index.d) return validRam;
    if (state.running && timeRegisters.includes(index)) return this.encode(calendarFrom(this.secondsAt(now)), index);
    return state.cmos[index] ?? 0xff;
  }

  private flagsRegister(flags: number): number {
    return flags | (flags & this.controlB & RegisterC.flags ? RegisterC.request : 0);
  }

  private updating(now: number): boolean {
    const { state } = this;
    if (!state.running) return false;
    const passed = (now - state.base) % second;
    return second - passed <= updateNotice;
  }

  private writeRegister(index: number, value: number): void {
    const { state } = this;
    const now = this.bus.clock.now();
    this.collect(now);
    if (index === Index.c || index === Index.d) return;
    if (index === Index.a || index === Index.b) {
      this.writeControl(index, value, now);
    } else if (state.running && timeRegisters.includes(index)) {
      // The time goes on from what it is with this register changed; the second goes on where it is.
      const whole = Math.floor((now - state.base) / second);
      this.freeze(now);
      state.cmos[index] = value;
      state.baseSeconds = secondsFrom(this.decode());
      state.base += whole * second;
      state.running = 1;
    } else {
      state.cmos[index] = value;
    }
    this.update();
  }

  private writeControl(index: number, value: number, now: number): void {
    const { state } = this;
    const dividerBefore = this.controlA & RegisterA.divider;
    const a = index === Index.a ? value & 0x7f : this.controlA;
    const b = index === Index.b ? value : this.controlB;
    const run = (a & RegisterA.divider) === RegisterA.running && (b & RegisterB.set) === 0;
    if (state.running && !run) this.freeze(now);
    state.cmos[Index.a] = a;
    // SET switches the update interrupt off.
    state.cmos[Index.b] = b & RegisterB.set ? b & ~RegisterB.updateInterrupt : b;
    if (!state.running && run) {
      const released = dividerBefore !== RegisterA.running;
      state.baseSeconds = secondsFrom(this.decode());
      // SET leaves the divider alone: the second ends when it would have.
      state.base = released ? now - (second - dividerRelease) : now - ((((now - state.base) % second) + second) % second);
      state.running = 1;
    }
  }

  private freeze(now: number): void {
    const { state } = this;
    const time = calendarFrom(this.secondsAt(now));
    for (const register of timeRegisters) state.cmos[register] = this.encode(time, register);
    state.running = 0;
  }

  private encode(time: CalendarTime, index: number): number {
    const form = (value: number) => (this.controlB & RegisterB.binary ? value : toBcd(value));
    switch (index) {
      case Index.seconds:
        return form(time.seconds);
      case Index.minutes:
        return form(time.minutes);
      case Index.hours:
        if (this.controlB & RegisterB.hours24) return form(time.hours);
        return form(time.hours % 12 || 12) | (time.hours >= 12 ? 0x80 : 0);
      case Index.dayOfWeek:
        return time.weekday;
      case Index.dayOfMonth:
        return form(time.day);
      case Index.month:
        return form(time.month);
      case Index.year:
        return form(time.year % 100);
      default:
        return toBcd(Math.floor(time.year / 100) % 100);
    }
  }

  private value(index: number): number {
    const raw = this.state.cmos[index] ?? 0;
    return this.controlB & RegisterB.binary ? raw : fromBcd(raw);
  }

  private hour(raw: number): number {
    const form = (value: number) => (this.controlB & RegisterB.binary ? value : fromBcd(value));
    if (this.controlB & RegisterB.hours24) return form(raw);
    return (form(raw & 0x7f) % 12) + (raw & 0x80 ? 12 : 0);
  }

  private decode(): CalendarTime {
    const { cmos } = this.state;
    return {
      year: fromBcd(cmos[Cmos.century] ?? 0) * 100 + this.value(Index.year),
      month: this.value(Index.month),
      day: this.value(Index.dayOfMonth),
      weekday: cmos[Index.dayOfWeek] ?? 1,
      hours: this.hour(cmos[Index.hours] ?? 0),
      minutes: this.value(Index.minutes),
      seconds: this.value(Index.seconds),
    };
  }

  // Interrupts

  /** Crystal cycles between periodic interrupts, 0: none. */
  private get period(): number {
    const rate = this.controlA & RegisterA.rate;
    if (rate === 0 || (this.controlA & RegisterA.divider) !== RegisterA.running) return 0;
    return 2 ** (rate < 3 ? rate + 6 : rate - 1);
  }

  private nextPeriodic(after: number): number {
    const { period } = this;
    if (period === 0) return Infinity;
    return crystal.timeOf((Math.floor(crystal.ticksAt(after) / period) + 1) * period);
  }

  private nextUpdate(after: number): number {
    const { state } = this;
    if (!state.running) return Infinity;
    return state.base + (Math.floor((after - state.base) / second) + 1) * second;
  }

  private nextAlarm(after: number): number {
    const { state } = this;
    if (!state.running) return Infinity;
    const matches = (index: number, value: number, decoded: (raw: number) => number) => {
      const raw = state.cmos[index] ?? 0;
      return (raw & dontCare) === dontCare || decoded(raw) === value;
    };
    const plain = (raw: number) => (this.controlB & RegisterB.binary ? raw : fromBcd(raw));
    const start = this.secondsAt(after);
    for (let seconds = start + 1; seconds <= start + secondsPerDay;) {
      const ofDay = ((seconds % secondsPerDay) + secondsPerDay) % secondsPerDay;
      if (!matches(Index.hoursAlarm, Math.floor(ofDay / 3600), (raw) => this.hour(raw))) seconds += 3600 - (ofDay % 3600);
      else if (!matches(Index.minutesAlarm, Math.floor(ofDay / 60) % 60, plain)) seconds += 60 - (ofDay % 60);
      else if (!matches(Index.secondsAlarm, ofDay % 60, plain)) seconds++;
      else return state.base + (seconds - state.baseSeconds) * second;
    }
    return Infinity;
  }

  private eventsSince(since: number, now: number): number {
    return (
      (this.nextPeriodic(since) <= now ? RegisterC.periodic : 0) |
      (this.nextUpdate(since) <= now ? RegisterC.update : 0) |
      (this.nextAlarm(since) <= now ? RegisterC.alarm : 0)
    );
  }

  private collect(now: number): void {
    const { state } = this;
    state.flags |= this.eventsSince(state.flagsUntil, now);
    state.flagsUntil = now;
  }

  /** Flags up to now, the line, and the timer for the next event that would raise it. */
  private update(): void {
    const { state } = this;
    const now = this.bus.clock.now();
    this.collect(now);
    const requested = (state.flags & this.controlB & RegisterC.flags) !== 0;
    this.irq8.set(requested);
    const next = Math.min(
      this.controlB & RegisterB.periodicInterrupt ? this.nextPeriodic(now) : Infinity,
      this.controlB & RegisterB.updateInterrupt ? this.nextUpdate(now) : Infinity,
      this.controlB & RegisterB.alarmInterrupt ? this.nextAlarm(now) : Infinity,
    );
    // The line stays up until register C is read, so there is nothing to wait for before that.
    if (requested || next === Infinity) this.timer.cancel();
    else this.timer.arm(next);
  }
}
