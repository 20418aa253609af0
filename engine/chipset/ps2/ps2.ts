/** The i8042 keyboard controller at 0x60 and 0x64 with a keyboard (IRQ 1) and a mouse (IRQ 12). */
import { defineBlock, scalar } from '../../layout/block.ts';
import { digits, register, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, InterruptLine, PortHandler, Timer } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';
import { ByteQueue, queueBlock } from './byte-queue.ts';
import type { Ps2Device } from './device.ts';
import { Keyboard } from './keyboard.ts';
import { Mouse, type MouseEvent } from './mouse.ts';
import { Command, CommandByte, OutputPort, Port, Status } from './registers.ts';
import { releasePrefix, translateToSet1 } from './scancodes.ts';

/** From the moment the output buffer is free to the next byte in it, in nanoseconds. On real wires it is near a millisecond. */
const deliveryDelay = 20_000;

const selfTestPassed = 0x55;
const interfaceTestPassed = 0x00;
/** What the input port P1 shows: keyboard not locked. */
const inputPort = 0x80;

const enum Source {
  controller = 0,
  keyboard = 1,
  mouse = 2,
}

const controllerBlock = defineBlock('ps2.controller', 1, {
  /** Byte 0 of the controller's RAM. */
  commandByte: scalar('u8'),
  outputPort: scalar('u8'),
  /** Output buffer, whether it is full, and from whom. */
  buffer: scalar('u8'),
  full: scalar('u8'),
  source: scalar('u8'),
  /** The last write was to the command port. */
  commandWritten: scalar('u8'),
  /** The command whose data byte is awaited at 0x60, or 0. */
  command: scalar('u8'),
  /** Translation has seen the release prefix. */
  releasing: scalar('u8'),
});

export interface Ps2Wiring {
  /** IRQ 1 and IRQ 12. */
  keyboardIrq: InterruptLine;
  mouseIrq: InterruptLine;
}

/** Source: IBM PS/2 Technical Reference, "Keyboard and auxiliary device controller"; Intel UPI-41AH/42AH manual. */
export class Ps2 implements Chip {
  private readonly state;
  private readonly keyboard: Keyboard;
  private readonly mouseDevice: Mouse;
  /** Answers of the controller itself, which go before what devices have to say. */
  private readonly answers: ByteQueue;
  private readonly delivery: Timer;

  constructor(
    private readonly bus: Bus,
    private readonly wiring: Ps2Wiring,
  ) {
    this.state = bus.block(controllerBlock);
    this.keyboard = new Keyboard(bus);
    this.mouseDevice = new Mouse(bus);
    this.answers = new ByteQueue(bus.block(queueBlock, 'controller'));
    this.delivery = bus.timer('ps2.delivery', () => this.deliver());
    bus.ports(
      Port.data,
      1,
      this.oneBytePort(Port.data, {
        read: () => this.readData(),
        peek: () => this.state.buffer,
        write: (value) => this.writeData(value),
      }),
    );
    bus.ports(
      Port.command,
      1,
      this.oneBytePort(Port.command, {
        read: () => this.status,
        peek: () => this.status,
        write: (value) => this.writeCommand(value),
      }),
    );
  }

  private oneBytePort(at: Port, register: { read(): number; peek(): number; write(value: number): void }): PortHandler {
    return bytePorts({
      read: (port) => (port === at ? register.read() : 0xff),
      peek: (port) => (port === at ? register.peek() : 0xff),
      write: (port, value) => {
        if (port === at) register.write(value);
      },
    });
  }

  reset(): void {
    const { state } = this;
    // As firmware finds it: both devices on the wire, no interrupts, translation on.
    state.commandByte = CommandByte.translate;
    state.outputPort = OutputPort.notReset | OutputPort.a20;
    state.buffer = 0;
    state.full = 0;
    state.source = Source.controller;
    state.commandWritten = 0;
    state.command = 0;
    state.releasing = 0;
    this.answers.clear();
    this.keyboard.reset();
    this.mouseDevice.reset();
    this.delivery.cancel();
    this.updateInterrupts();
  }

  inspect(): ChipFacts {
    const { state } = this;
    return {
      id: 'ps2',
      title: 'i8042, keyboard and mouse',
      place: 'ports 60, 64',
      group: 'devices',
      facts: [
        register('Status', this.status, 8, {
          OBF: Status.outputFull,
          SYS: CommandByte.system,
          CMD: Status.command,
          KEYL: Status.notLocked,
          AUX: Status.mouseData,
        }),
        register('Command byte', state.commandByte, 8, {
          INT1: CommandByte.keyboardInterrupt,
          INT12: CommandByte.mouseInterrupt,
          SYS: CommandByte.system,
          'KBD off': CommandByte.keyboardDisabled,
          'AUX off': CommandByte.mouseDisabled,
          XLAT: CommandByte.translate,
        }),
        register('Output port', state.outputPort, 8, { A20: OutputPort.a20, RESET: OutputPort.notReset }),
        { name: 'Buffer', value: digits(state.buffer, 2), note: state.full ? 'not read yet' : 'was read' },
        ...this.keyboard.inspect(),
        ...this.mouseDevice.inspect(),
      ],
      tables: [],
    };
  }

  /**
   * Bytes of scancode set 1 with their prefixes, from the host, under the device lock: gives how many were accepted, from the
   * first on, whole keys only. 0 with scanning switched off by the guest.
   */
  keyboardScancodes(bytes: readonly number[]): number {
    const accepted = this.keyboard.type(bytes);
    this.schedule();
    return accepted;
  }

  /** A mouse event from the host, under the device lock. False: not accepted, try again later or forget it. */
  mouse(event: MouseEvent): boolean {
    const accepted = this.mouseDevice.move(event);
    this.schedule();
    return accepted;
  }

  /** Keyboard lights: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
  get indicators(): number {
    return this.keyboard.indicators;
  }

  private setOutputPort(value: number): void {
    this.state.outputPort = value;
    // One gate, which port 0x92 moves as well: the last word counts.
    this.bus.memory.a20 = (value & OutputPort.a20) !== 0;
  }

  private get status(): number {
    const { state } = this;
    return (
      Status.notLocked |
      (state.full ? Status.outputFull : 0) |
      (state.full && state.source === Source.mouse ? Status.mouseData : 0) |
      (state.commandByte & CommandByte.system) |
      (state.commandWritten ? Status.command : 0)
    );
  }

  private readData(): number {
    const { state } = this;
    const value = state.buffer;
    if (state.full) {
      state.full = 0;
      this.updateInterrupts();
      this.schedule();
    }
    return value;
  }

  private updateInterrupts(): void {
    const { full, source, commandByte } = this.state;
    const fromMouse = source === Source.mouse;
    this.wiring.keyboardIrq.set(full !== 0 && !fromMouse && (commandByte & CommandByte.keyboardInterrupt) !== 0);
    this.wiring.mouseIrq.set(full !== 0 && fromMouse && (commandByte & CommandByte.mouseInterrupt) !== 0);
  }

  private get keyboardReady(): boolean {
    return (this.state.commandByte & CommandByte.keyboardDisabled) === 0 && this.keyboard.hasData;
  }

  private get mouseReady(): boolean {
    return (this.state.commandByte & CommandByte.mouseDisabled) === 0 && this.mouseDevice.hasData;
  }

  private schedule(): void {
    if (this.state.full || this.delivery.deadline !== Infinity) return;
    if (this.answers.length > 0 || this.keyboardReady || this.mouseReady) {
      this.delivery.arm(this.bus.clock.now() + deliveryDelay);
    }
  }

  private deliver(): void {
    if (this.state.full) return;
    const answer = this.answers.shift();
    if (answer !== undefined) this.fill(answer, Source.controller);
    else if (this.keyboardReady) this.deliverKeyboard();
    else if (this.mouseReady) this.fill(this.mouseDevice.take() ?? 0, Source.mouse);
    // A release prefix that translation swallowed leaves the buffer free.
    this.schedule();
  }

  private deliverKeyboard(): void {
    const { state } = this;
    const byte = this.keyboard.take() ?? 0;
    if ((state.commandByte & CommandByte.translate) === 0) {
      this.fill(byte, Source.keyboard);
    } else if (byte === releasePrefix) {
      state.releasing = 1;
      if (this.keyboardReady) this.deliverKeyboard();
    } else {
      const code = translateToSet1(byte);
      const release = state.releasing !== 0 && code < 0x80 ? 0x80 : 0;
      if (release) state.releasing = 0;
      this.fill(code | release, Source.keyboard);
    }
  }

  private fill(byte: number, source: Source): void {
    const { state } = this;
    state.buffer = byte;
    state.full = 1;
    state.source = source;
    this.updateInterrupts();
  }

  /** An answer of the controller: at once if the buffer is free, as guests expect that wait only shortly. */
  private answer(byte: number, source: Source = Source.controller): void {
    if (this.state.full) this.answers.push(byte);
    else this.fill(byte, source);
  }

  private writeCommand(value: number): void {
    const { state } = this;
    state.commandWritten = 1;
    state.command = 0;
    if (value >= Command.readRam && value < Command.readRam + 0x20) {
      this.answer(value === Command.readRam ? state.commandByte : 0);
      return;
    }
    if (value >= Command.writeRam && value < Command.writeRam + 0x20) {
      state.command = value;
      return;
    }
    if (value >= Command.pulseOutput) {
      // A zero in bit 0 pulls the reset line.
      if ((value & 1) === 0) this.bus.post({ kind: 'reset', reason: 'the keyboard controller pulsed the reset line' });
      return;
    }
    switch (value) {
      case Command.disableMouse:
        this.setCommandByte(state.commandByte | CommandByte.mouseDisabled);
        break;
      case Command.enableMouse:
        this.setCommandByte(state.commandByte & ~CommandByte.mouseDisabled);
        break;
      case Command.testMouse:
      case Command.testKeyboard:
        this.answer(interfaceTestPassed);
        break;
      case Command.selfTest:
        this.setCommandByte(state.commandByte | CommandByte.system);
        this.answer(selfTestPassed);
        break;
      case Command.disableKeyboard:
        this.setCommandByte(state.commandByte | CommandByte.keyboardDisabled);
        break;
      case Command.enableKeyboard:
        this.setCommandByte(state.commandByte & ~CommandByte.keyboardDisabled);
        break;
      case Command.readInputPort:
        this.answer(inputPort);
        break;
      case Command.readOutputPort:
        this.answer(
          (state.outputPort & ~OutputPort.a20) |
            (this.bus.memory.a20 ? OutputPort.a20 : 0) |
            (state.full && state.source !== Source.mouse ? OutputPort.keyboardFull : 0) |
            (state.full && state.source === Source.mouse ? OutputPort.mouseFull : 0),
        );
        break;
      case Command.writeOutputPort:
      case Command.writeKeyboardBuffer:
      case Command.writeMouseBuffer:
      case Command.writeMouse:
        state.command = value;
        break;
      case Command.disableA20:
        this.setOutputPort(state.outputPort & ~OutputPort.a20);
        break;
      case Command.enableA20:
        this.setOutputPort(state.outputPort | OutputPort.a20);
        break;
      case Command.readTestInputs:
        this.answer(0);
        break;
      default:
        break;
    }
  }

  private setCommandByte(value: number): void {
    this.state.commandByte = value;
    this.updateInterrupts();
    this.schedule();
  }

  private writeData(value: number): void {
    const { state } = this;
    const { command } = state;
    state.commandWritten = 0;
    state.command = 0;
    switch (command) {
      case 0:
        // Talking to the keyboard opens its interface again.
        state.commandByte &= ~CommandByte.keyboardDisabled;
        this.sendTo(this.keyboard, value);
        break;
      case Command.writeMouse:
        state.commandByte &= ~CommandByte.mouseDisabled;
        this.sendTo(this.mouseDevice, value);
        break;
      case Command.writeRam:
        this.setCommandByte(value);
        break;
      case Command.writeOutputPort:
        this.setOutputPort(value & OutputPort.writable);
        if ((value & OutputPort.notReset) === 0) {
          state.outputPort |= OutputPort.notReset;
          this.bus.post({ kind: 'reset', reason: 'the keyboard controller asserted the reset line' });
        }
        break;
      case Command.writeKeyboardBuffer:
        this.fill(value, Source.keyboard);
        break;
      case Command.writeMouseBuffer:
        this.fill(value, Source.mouse);
        break;
      default:
        // The other bytes of the controller's RAM have no function.
        break;
    }
  }

  private sendTo(device: Ps2Device, value: number): void {
    device.receive(value);
    this.schedule();
  }
}
