/** A 16550A serial port: COM1 at 0x3F8 on IRQ 4, COM2 at 0x2F8 on IRQ 3. */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import { digits, register, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, InterruptLine, OutputStream, Timer } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';
import {
  FifoControl,
  Identification,
  InterruptEnable,
  LineControl,
  LineStatus,
  ModemControl,
  ModemStatus,
  Register,
} from './registers.ts';

const fifoSize = 16;
const triggerLevels = [1, 4, 8, 14] as const;
/** Bytes the host has sent and the receiver has not taken. */
const inputSize = 16_384;
/** 1.8432 MHz / 16: the bit rate at divisor 1. */
const baudBase = 115_200;
/** How often a transmitter that waits for space in the output looks again, in nanoseconds. */
const retryDelay = 1_000_000;

export const serialBlock = defineBlock('serial', 1, {
  interruptEnable: scalar('u8'),
  lineControl: scalar('u8'),
  modemControl: scalar('u8'),
  modemStatus: scalar('u8'),
  scratch: scalar('u8'),
  /** Divisor latch. */
  divisor: scalar('u16'),
  /** OE and BI, until LSR is read. */
  errors: scalar('u8'),
  fifoEnabled: scalar('u8'),
  /** FCR bits 7-6. */
  trigger: scalar('u8'),
  /** The transmitter became empty and IIR has not told so yet. */
  emptyPending: scalar('u8'),
  /** Characters waited in the FIFO for four character times. */
  timedOut: scalar('u8'),
  receiver: array('u8', fifoSize),
  received: scalar('u8'),
  transmitter: array('u8', fifoSize),
  waiting: scalar('u8'),
  /** Input ring: where the oldest byte is, how many there are. */
  input: array('u8', inputSize),
  inputFirst: scalar('u32'),
  inputCount: scalar('u32'),
});

export interface SerialOptions {
  /** Unique; the name of the output stream too: `com1`. */
  name: string;
  /** 0x3F8 or 0x2F8. */
  port: number;
}

/**
 * Differences from the chip: bytes are sent as fast as the host takes them (while it does not, THRE stays clear), and they
 * arrive in bursts of what the receiver has room for, a character time apart, so the receiver never overruns.
 */
export class Serial implements Chip {
  private readonly state;
  private readonly output: OutputStream;
  private readonly arrival: Timer;
  private readonly timeOut: Timer;
  private readonly retry: Timer;

  constructor(
    private readonly bus: Bus,
    private readonly irq: InterruptLine,
    private readonly options: SerialOptions,
  ) {
    const { name, port: base } = options;
    this.state = bus.block(serialBlock, name);
    this.output = bus.output(name);
    this.arrival = bus.timer(`${name}.arrival`, () => this.deliver());
    this.timeOut = bus.timer(`${name}.timeOut`, () => {
      this.state.timedOut = this.state.received > 0 ? 1 : 0;
      this.updateInterrupt();
    });
    this.retry = bus.timer(`${name}.transmit`, () => this.transmit());
    bus.ports(
      base,
      8,
      bytePorts({
        read: (port) => {
          const value = this.peek(port - base);
          this.readEffects(port - base);
          return value;
        },
        peek: (port) => this.peek(port - base),
        write: (port, value) => this.write(port - base, value),
      }),
    );
  }

  inspect(): ChipFacts {
    const { state } = this;
    const format = `${5 + (state.lineControl & LineControl.wordLength)}${state.lineControl & LineControl.parity ? 'P' : 'N'}${state.lineControl & LineControl.twoStopBits ? 2 : 1}`;
    return {
      id: this.options.name,
      title: `${this.options.name.toUpperCase()}, 16550A`,
      place: `ports ${digits(this.options.port, 3)}-${digits(this.options.port + 7, 3)}`,
      group: 'devices',
      facts: [
        {
          name: 'Line',
          value: `${state.divisor === 0 ? 'no rate' : `${Math.round(baudBase / state.divisor)} baud`}, ${format}`,
          note: `divisor ${state.divisor}`,
        },
        {
          name: 'FIFO',
          value: state.fifoEnabled ? `on, ${triggerLevels[state.trigger] ?? 1} to trigger` : 'off',
          note: `${state.received} received, ${state.waiting} to send, ${state.inputCount} on the wire`,
        },
        register('IER', state.interruptEnable, 8, {
          ERBFI: InterruptEnable.received,
          ETBEI: InterruptEnable.transmitterEmpty,
          ELSI: InterruptEnable.lineStatus,
          EDSSI: InterruptEnable.modemStatus,
        }),
        register('LSR', this.peek(Register.lineStatus), 8, {
          DR: LineStatus.dataReady,
          OE: LineStatus.overrun,
          BI: LineStatus.breakInterrupt,
          THRE: LineStatus.holdingEmpty,
          TEMT: LineStatus.transmitterEmpty,
        }),
        register('MCR', state.modemControl, 8, {
          DTR: ModemControl.dataTerminalReady,
          RTS: ModemControl.requestToSend,
          OUT1: ModemControl.out1,
          OUT2: ModemControl.out2,
          LOOP: ModemControl.loop,
        }),
        register('MSR', this.peek(Register.modemStatus), 8, {
          CTS: ModemStatus.clearToSend,
          DSR: ModemStatus.dataSetReady,
          RI: ModemStatus.ring,
          DCD: ModemStatus.carrier,
        }),
      ],
      tables: [],
    };
  }

  /** Bytes that wait in either direction stay: they are on the wire. */
  reset(): void {
    const { state } = this;
    state.interruptEnable = 0;
    state.lineControl = 0;
    state.modemControl = 0;
    // A terminal is connected: CTS, DSR and DCD are on.
    state.modemStatus = ModemStatus.clearToSend | ModemStatus.dataSetReady | ModemStatus.carrier;
    state.scratch = 0;
    state.divisor = 12;
    state.errors = 0;
    state.fifoEnabled = 0;
    state.trigger = 0;
    state.emptyPending = 0;
    state.received = 0;
    state.timedOut = 0;
    this.timeOut.cancel();
    this.transmit();
    this.scheduleArrival();
    this.updateInterrupt();
  }

  /** Bytes from the host, under the device lock: gives how many of them were accepted, from the first on. */
  receive(bytes: Uint8Array): number {
    const { state } = this;
    const accepted = Math.min(bytes.length, inputSize - state.inputCount);
    for (let index = 0; index < accepted; index++) {
      state.input[(state.inputFirst + state.inputCount + index) % inputSize] = bytes[index] ?? 0;
    }
    state.inputCount += accepted;
    this.scheduleArrival();
    return accepted;
  }

  /** Bytes that `receive` would accept now. */
  get inputSpace(): number {
    return inputSize - this.state.inputCount;
  }

  /** Nanoseconds that one character takes on the wire. */
  private get characterTime(): number {
    const { lineControl, divisor } = this.state;
    const dataBits = 5 + (lineControl & LineControl.wordLength);
    const bits = 2 + dataBits + (lineControl & LineControl.parity ? 1 : 0) + (lineControl & LineControl.twoStopBits ? 1 : 0);
    return Math.round((bits * (divisor || 65_536) * 1_000_000_000) / baudBase);
  }

  private get capacity(): number {
    return this.state.fifoEnabled ? fifoSize : 1;
  }

  private scheduleArrival(): void {
    const { state } = this;
    const blocked = state.inputCount === 0 || state.received >= this.capacity || state.modemControl & ModemControl.loop;
    if (blocked) this.arrival.cancel();
    else if (this.arrival.deadline === Infinity) this.arrival.arm(this.bus.clock.now() + this.characterTime);
  }

  private deliver(): void {
    const { state } = this;
    while (state.inputCount > 0 && state.received < this.capacity) {
      this.enqueue(state.input[state.inputFirst] ?? 0);
      state.inputFirst = (state.inputFirst + 1) % inputSize;
      state.inputCount--;
    }
    this.updateInterrupt();
  }

  private enqueue(byte: number): void {
    const { state } = this;
    if (state.received >= this.capacity) {
      // Without FIFO the new character replaces the old one; with it the new one is lost.
      state.errors |= LineStatus.overrun;
      if (!state.fifoEnabled) state.receiver[0] = byte;
    } else {
      state.receiver[state.received] = byte;
      state.received++;
    }
    this.restartTimeOut();
  }

  private restartTimeOut(): void {
    const { state } = this;
    state.timedOut = 0;
    if (state.fifoEnabled && state.received > 0) this.timeOut.arm(this.bus.clock.now() + 4 * this.characterTime);
    else this.timeOut.cancel();
  }

  private transmit(): void {
    const { state } = this;
    let sent = 0;
    while (sent < state.waiting && this.output.push(state.transmitter[sent] ?? 0)) sent++;
    state.transmitter.copyWithin(0, sent, state.waiting);
    state.waiting -= sent;
    if (state.waiting > 0) this.retry.arm(this.bus.clock.now() + retryDelay);
    else this.retry.cancel();
    if (sent > 0 && state.waiting === 0) state.emptyPending = 1;
    this.updateInterrupt();
  }

  private send(byte: number): void {
    const { state } = this;
    state.emptyPending = 0;
    this.updateInterrupt();
    if (state.modemControl & ModemControl.loop) {
      this.enqueue(byte);
      state.emptyPending = 1;
      this.updateInterrupt();
      return;
    }
    // A guest that writes without looking at THRE overwrites the last byte, as the chip does.
    if (state.waiting >= this.capacity) state.waiting = this.capacity - 1;
    state.transmitter[state.waiting] = byte;
    state.waiting++;
    this.transmit();
  }

  private receivedEnough(): boolean {
    const { state } = this;
    return state.received >= (state.fifoEnabled ? (triggerLevels[state.trigger] ?? 1) : 1);
  }

  private interrupt(): Identification {
    const { state } = this;
    const enabled = state.interruptEnable;
    if (enabled & InterruptEnable.lineStatus && state.errors) return Identification.lineStatus;
    if (enabled & InterruptEnable.received && this.receivedEnough()) return Identification.received;
    if (enabled & InterruptEnable.received && state.timedOut) return Identification.timeOut;
    if (enabled & InterruptEnable.transmitterEmpty && state.emptyPending) return Identification.transmitterEmpty;
    if (enabled & InterruptEnable.modemStatus && state.modemStatus & ModemStatus.changes) return Identification.modemStatus;
    return Identification.none;
  }

  /** OUT2 connects the interrupt to the bus in a PC; in loop-back mode that pin is off. */
  private updateInterrupt(): void {
    const { modemControl } = this.state;
    const connected = (modemControl & ModemControl.out2) !== 0 && (modemControl & ModemControl.loop) === 0;
    this.irq.set(connected && this.interrupt() !== Identification.none);
  }

  private get latchSelected(): boolean {
    return (this.state.lineControl & LineControl.divisorLatch) !== 0;
  }

  private peek(register: number): number {
    const { state } = this;
    switch (register) {
      case Register.data:
        return this.latchSelected ? state.divisor & 0xff : state.received > 0 ? (state.receiver[0] ?? 0) : 0;
      case Register.interruptEnable:
        return this.latchSelected ? state.divisor >> 8 : state.interruptEnable;
      case Register.identification:
        return this.interrupt() | (state.fifoEnabled ? Identification.fifoEnabled : 0);
      case Register.lineControl:
        return state.lineControl;
      case Register.modemControl:
        return state.modemControl;
      case Register.lineStatus: {
        const empty = state.waiting === 0 ? LineStatus.holdingEmpty | LineStatus.transmitterEmpty : 0;
        return state.errors | empty | (state.received > 0 ? LineStatus.dataReady : 0);
      }
      case Register.modemStatus:
        return state.modemStatus;
      case Register.scratch:
        return state.scratch;
      default:
        return 0xff;
    }
  }

  private readEffects(register: number): void {
    const { state } = this;
    switch (register) {
      case Register.data:
        if (this.latchSelected || state.received === 0) return;
        state.receiver.copyWithin(0, 1, state.received);
        state.received--;
        this.restartTimeOut();
        this.scheduleArrival();
        break;
      case Register.identification:
        if (this.interrupt() === Identification.transmitterEmpty) state.emptyPending = 0;
        break;
      case Register.lineStatus:
        state.errors = 0;
        break;
      case Register.modemStatus:
        state.modemStatus &= ~ModemStatus.changes;
        break;
      default:
        return;
    }
    this.updateInterrupt();
  }

  private write(register: number, value: number): void {
    const { state } = this;
    switch (register) {
      case Register.data:
        if (this.latchSelected) state.divisor = (state.divisor & 0xff00) | value;
        else this.send(value);
        break;
      case Register.interruptEnable:
        if (this.latchSelected) {
          state.divisor = (state.divisor & 0xff) | (value << 8);
        } else {
          const turnedOn = value & ~state.interruptEnable;
          // Enabling the interrupt of an empty transmitter asks for it at once.
          if (turnedOn & InterruptEnable.transmitterEmpty && state.waiting === 0) state.emptyPending = 1;
          state.interruptEnable = value & InterruptEnable.writable;
        }
        break;
      case Register.identification:
        this.writeFifoControl(value);
        break;
      case Register.lineControl:
        // A break that is sent in loop-back mode comes back.
        if (value & ~state.lineControl & LineControl.breakControl && state.modemControl & ModemControl.loop) {
          this.enqueue(0);
          state.errors |= LineStatus.breakInterrupt;
        }
        state.lineControl = value;
        break;
      case Register.modemControl:
        state.modemControl = value & ModemControl.writable;
        this.updateModemStatus();
        this.scheduleArrival();
        break;
      case Register.scratch:
        state.scratch = value;
        break;
      default:
        break;
    }
    this.updateInterrupt();
  }

  private writeFifoControl(value: number): void {
    const { state } = this;
    const enable = value & FifoControl.enable;
    const toggled = enable !== state.fifoEnabled;
    state.fifoEnabled = enable;
    if (enable) state.trigger = value >> 6;
    if (toggled || value & FifoControl.resetReceiver) {
      state.received = 0;
      this.restartTimeOut();
      this.scheduleArrival();
    }
    if ((toggled || value & FifoControl.resetTransmitter) && state.waiting > 0) {
      state.waiting = 0;
      state.emptyPending = 1;
      this.retry.cancel();
    }
  }

  private updateModemStatus(): void {
    const { state } = this;
    const control = state.modemControl;
    let levels = ModemStatus.clearToSend | ModemStatus.dataSetReady | ModemStatus.carrier;
    if (control & ModemControl.loop) {
      levels =
        (control & ModemControl.requestToSend ? ModemStatus.clearToSend : 0) |
        (control & ModemControl.dataTerminalReady ? ModemStatus.dataSetReady : 0) |
        (control & ModemControl.out1 ? ModemStatus.ring : 0) |
        (control & ModemControl.out2 ? ModemStatus.carrier : 0);
    }
    const before = state.modemStatus;
    const changed = (before ^ levels) >> 4;
    // The ring indicator counts only when it goes off.
    const ringEnded = before & ~levels & ModemStatus.ring ? ModemStatus.ringEnded : 0;
    state.modemStatus = levels | (before & ModemStatus.changes) | (changed & ~ModemStatus.ringEnded) | ringEnded;
  }
}
