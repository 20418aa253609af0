/**
 * One channel: the registers that its two devices share, and the transfer of data between the host and the medium of the device
 * that has a command. Which commands there are is the devices' affair (ata-disk.ts, cdrom.ts).
 */
import { digits, register, setNames, type Fact } from '../../layout/facts.ts';
import type { Bus, DiskPort, DiskStatus, InterruptLine, PortHandler, Width } from '../../machine/bus.ts';
import { moveRegions, startTable, tableEnded } from './bus-master.ts';
import { bufferBytes, BusMaster, BusMasterCommand, BusMasterStatus, Command, ControlBit, DeviceBit, Register, Status } from './registers.ts';
import { channelBlock, deviceBlock, Direction, Phase, type ChannelState, type DeviceState } from './state.ts';

/** The pull-down on DD7 of a channel without devices. */
const floating = 0x7f;

/** A device on a channel. */
export interface Device {
  readonly kind: 'disk' | 'CD-ROM';
  readonly state: DeviceState;
  /** Power-on: everything in `state` as it leaves the factory. */
  powerOn(): void;
  /** Registers after a reset or EXECUTE DEVICE DIAGNOSTIC: the signature, and the status that goes with it. */
  sign(): void;
  /** Status is neither BSY nor DRQ, except for DEVICE RESET. */
  execute(command: number): void;
  /** A PACKET's command has come. */
  packet(command: Uint8Array): void;
  /** A block for the data register is about to be shown to the host. */
  presenting(bytes: number): void;
  /** Everything was moved. */
  transferEnded(): void;
  /** The host could not do its part. */
  transferFailed(status: DiskStatus): void;
}

/** As SET FEATURES numbers them. */
function transferModeName(mode: number): string {
  if (mode >= 0x40) return `Ultra DMA ${mode & 7}`;
  return mode >= 0x20 ? `DMA ${mode & 7}` : `PIO ${mode & 7}`;
}

export interface Transfer {
  offset: number;
  bytes: number;
  /** Bytes between two interrupts. */
  blockBytes: number;
  dma: boolean;
}

export class Channel {
  readonly state: ChannelState;
  private readonly devices: (Device | undefined)[] = [undefined, undefined];
  private readonly ports: DiskPort[];
  private readonly deviceStates: DeviceState[];

  constructor(
    private readonly bus: Bus,
    readonly number: number,
    private readonly line: InterruptLine,
    /** The PCI function may be a bus master. */
    private readonly mayMaster: () => boolean,
  ) {
    this.state = bus.block(channelBlock, String(number));
    this.deviceStates = [0, 1].map((device) => bus.block(deviceBlock, `${number}.${device}`));
    this.ports = [0, 1].map((device) =>
      bus.disk(`ide${number}.${device}`, { buffer: this.state.buffer, completed: (status) => this.completed(status) }),
    );
  }

  inspect(): Fact[] {
    const { state, number } = this;
    const phases = ['idle', 'image at work', 'data to host', 'data from host', 'packet', 'DMA'];
    const device = state.select & DeviceBit.device1 ? 1 : 0;
    return [
      {
        name: `Channel ${number}`,
        value: phases[state.phase] ?? '',
        note: `device ${device} selected${state.interrupt ? `, INTRQ${state.control & ControlBit.interruptDisable ? ' kept back' : ''}` : ''}`,
      },
      register(`Bus master ${number}`, state.masterStatus, 8, {
        active: BusMasterStatus.active,
        error: BusMasterStatus.error,
        interrupt: BusMasterStatus.interrupt,
      }),
    ];
  }

  inspectDevices(): string[][] {
    return this.devices.map((device, position) => {
      const name = `ide${this.number}.${position}`;
      const port = this.ports[position];
      if (device === undefined || port === undefined) return [name, 'none', '-', '-', '-'];
      const { status, error, transferMode } = device.state;
      const medium = port.bytes === 0 ? 'no medium' : `${Math.ceil(port.bytes / 2 ** 20)} MiB${port.readOnly ? ', read-only' : ''}`;
      const names = { BSY: Status.busy, DRDY: Status.ready, DF: Status.fault, DSC: Status.seekComplete, DRQ: Status.dataRequest, ERR: Status.error };
      return [name, `${device.kind}, ${medium}`, setNames(status, names), digits(error, 2), transferModeName(transferMode)];
    });
  }

  /** Puts a device in a position. Every thread does so in the same way. */
  attach(position: 0 | 1, make: (channel: Channel, state: DeviceState, port: DiskPort) => Device): void {
    const [state, port] = [this.deviceStates[position], this.ports[position]];
    if (state !== undefined && port !== undefined) this.devices[position] = make(this, state, port);
  }

  powerOn(): void {
    const { state } = this;
    for (const port of this.ports) port.cancel();
    state.select = 0;
    state.control = 0;
    state.phase = Phase.idle;
    state.masterCommand = 0;
    state.masterStatus = 0;
    state.table = 0;
    startTable(state);
    state.buffer.fill(0);
    for (const device of this.devices) {
      device?.powerOn();
      device?.sign();
    }
    this.setInterrupt(false);
  }

  private get selected(): Device | undefined {
    return this.devices[this.state.select & DeviceBit.device1 ? 1 : 0];
  }

  private get port(): DiskPort | undefined {
    return this.ports[this.state.select & DeviceBit.device1 ? 1 : 0];
  }

  private get empty(): boolean {
    return this.devices.every((device) => device === undefined);
  }

  // Interrupt

  private setInterrupt(pending: boolean): void {
    this.state.interrupt = pending ? 1 : 0;
    this.updateLine();
  }

  private updateLine(): void {
    const { state } = this;
    const asserted = state.interrupt !== 0 && (state.control & ControlBit.interruptDisable) === 0;
    if (asserted) state.masterStatus |= BusMasterStatus.interrupt;
    this.line.set(asserted);
  }

  // Registers

  /** Command block: eight ports. */
  readonly commandBlock: PortHandler = {
    read: (port, width) => this.readBlock(port & 7, width, (register) => this.readRegister(register)),
    peek: (port, width) => this.readBlock(port & 7, width, (register) => this.peekRegister(register), true),
    write: (port, width, value) => {
      const register = port & 7;
      if (register === (Register.data as number)) return this.writeData(width, value);
      for (let index = 0; index < width; index++) if (register + index < 8) this.writeRegister(register + index, (value >>> (8 * index)) & 0xff);
    },
  };

  /** Control block: one port. */
  readonly controlBlock: PortHandler = {
    read: () => this.status(),
    peek: () => this.status(),
    write: (_port, _width, value) => this.writeControl(value & 0xff),
  };

  private readBlock(register: number, width: Width, read: (register: number) => number, peek = false): number {
    if (register === (Register.data as number)) return peek ? 0 : this.readData(width);
    let value = 0;
    for (let index = 0; index < width; index++) value += (register + index < 8 ? read(register + index) : 0xff) * 2 ** (8 * index);
    return value;
  }

  private status(): number {
    if (this.empty) return floating;
    const device = this.selected;
    // Device 0 answers for a device 1 that is not there, saying so (ATA/ATAPI-6, 9.16.1).
    if (device === undefined) return this.devices[0] === undefined ? floating : 0;
    return device.state.status;
  }

  private peekRegister(register: number): number {
    if (register === (Register.command as number)) return this.status();
    const device = this.selected ?? this.devices[0];
    if (device === undefined) return floating;
    if (register === (Register.features as number)) return device.state.error;
    if (register === (Register.device as number)) return this.state.select;
    const bank = this.state.control & ControlBit.highOrder ? device.state.previous : device.state.registers;
    return bank[register] ?? 0;
  }

  private readRegister(register: number): number {
    const value = this.peekRegister(register);
    if (register === (Register.command as number)) this.setInterrupt(false);
    return value;
  }

  private writeRegister(register: number, value: number): void {
    const { state } = this;
    state.control &= ~ControlBit.highOrder;
    if (register === (Register.command as number)) return this.writeCommand(value);
    // Not while a transfer waits for the host either: it would go on with the other device (ATA-6, section 7: written only while BSY and DRQ are clear).
    if (this.busy || ((this.selected?.state.status ?? 0) & Status.dataRequest) !== 0) return;
    if (register === (Register.device as number)) {
      state.select = value;
      return;
    }
    for (const device of this.devices) {
      if (device === undefined) continue;
      device.state.previous[register] = device.state.registers[register] ?? 0;
      device.state.registers[register] = value;
    }
  }

  private get busy(): boolean {
    return this.devices.some((device) => device !== undefined && (device.state.status & Status.busy) !== 0);
  }

  private writeCommand(command: number): void {
    const device = this.selected;
    if (command === (Command.diagnostic as number) && !this.empty) {
      if (this.busy) return;
      this.stop();
      this.state.select &= ~DeviceBit.device1;
      for (const each of this.devices) each?.sign();
      this.setInterrupt(true);
      return;
    }
    if (device === undefined) return;
    const engaged = (device.state.status & (Status.busy | Status.dataRequest)) !== 0;
    if (engaged && command !== (Command.deviceReset as number)) return;
    this.setInterrupt(false);
    if (engaged) this.stop();
    device.state.error = 0;
    device.execute(command);
  }

  private writeControl(value: number): void {
    const { state } = this;
    const before = state.control;
    state.control = value;
    if (value & ~before & ControlBit.softwareReset) {
      this.stop();
      state.interrupt = 0;
      for (const device of this.devices) if (device !== undefined) device.state.status = Status.busy;
    } else if (before & ~value & ControlBit.softwareReset) {
      state.select &= ~DeviceBit.device1;
      for (const device of this.devices) device?.sign();
    }
    this.updateLine();
  }

  /** Drops the command that is under way. */
  stop(): void {
    for (const port of this.ports) port.cancel();
    this.state.phase = Phase.idle;
  }

  // What devices do

  get buffer(): Uint8Array {
    return this.state.buffer;
  }

  /** The command is done: status, and an interrupt unless told otherwise. */
  end(status: number, error = 0, interrupt = true): void {
    const device = this.selected;
    this.state.phase = Phase.idle;
    if (device === undefined) return;
    device.state.status = status;
    device.state.error = error;
    if (interrupt) this.setInterrupt(true);
  }

  /** Data of the command is in the buffer: `bytes` of it go to the host, in blocks. */
  reply(bytes: number, blockBytes: number, dma = false): void {
    const { state } = this;
    // A host that reads whole words of an odd length gets zeros behind it.
    state.buffer.fill(0, bytes, Math.min(bufferBytes, bytes + 4));
    state.direction = Direction.toHost;
    state.remaining = 0;
    state.blockBytes = blockBytes;
    state.dma = dma ? 1 : 0;
    this.filled(bytes);
  }

  read(transfer: Transfer): void {
    this.begin(transfer, Direction.toHost);
    this.request();
  }

  /** The first block is asked for without an interrupt. */
  write(transfer: Transfer): void {
    this.begin(transfer, Direction.toDevice);
    this.collect(false);
  }

  flush(): void {
    this.begin({ offset: 0, bytes: 0, blockBytes: 0, dma: false }, Direction.none);
    this.request();
  }

  /** A PACKET waits for its command. */
  awaitPacket(bytes: number): void {
    const { state } = this;
    state.at = 0;
    state.blockEnd = bytes;
    state.phase = Phase.packet;
    this.setStatus(Status.ready | Status.dataRequest);
  }

  private begin(transfer: Transfer, direction: Direction): void {
    const { state } = this;
    state.direction = direction;
    state.offset = transfer.offset;
    state.remaining = transfer.bytes;
    state.blockBytes = transfer.blockBytes;
    state.dma = transfer.dma ? 1 : 0;
  }

  private setStatus(status: number): void {
    const device = this.selected;
    if (device !== undefined) device.state.status = status;
  }

  // Between medium and buffer

  private request(): void {
    const { state } = this;
    const kind = state.direction === (Direction.toHost as number) ? 'read' : state.direction === (Direction.toDevice as number) ? 'write' : 'flush';
    state.phase = Phase.host;
    this.setStatus(Status.busy);
    if (kind === 'flush') this.port?.submit({ kind });
    else this.port?.submit({ kind, offset: state.offset, bytes: Math.min(state.remaining, bufferBytes) });
  }

  private completed(status: DiskStatus): void {
    const { state } = this;
    if (state.phase !== (Phase.host as number)) return;
    const device = this.selected;
    if (device === undefined) return;
    if (status !== 'done') {
      state.phase = Phase.idle;
      return device.transferFailed(status);
    }
    const moved = Math.min(state.remaining, bufferBytes);
    state.offset += moved;
    state.remaining -= moved;
    if (state.direction === (Direction.toHost as number)) this.filled(moved);
    else if (state.remaining > 0) this.collect(true);
    else this.ended();
  }

  private ended(): void {
    this.state.phase = Phase.idle;
    this.selected?.transferEnded();
  }

  // Between buffer and host

  /** The buffer holds `bytes` for the host. */
  private filled(bytes: number): void {
    const { state } = this;
    state.at = 0;
    state.bufferEnd = bytes;
    if (state.dma) this.awaitMaster();
    else this.presentIn();
  }

  private presentIn(): void {
    const { state } = this;
    state.blockEnd = Math.min(state.at + state.blockBytes, state.bufferEnd);
    state.phase = Phase.dataIn;
    this.selected?.presenting(state.blockEnd - state.at);
    this.setStatus(Status.ready | Status.seekComplete | Status.dataRequest);
    this.setInterrupt(true);
  }

  /** The buffer is empty and the host is to fill it. */
  private collect(interrupt: boolean): void {
    const { state } = this;
    state.at = 0;
    state.bufferEnd = Math.min(state.remaining, bufferBytes);
    if (state.dma) this.awaitMaster();
    else this.presentOut(interrupt);
  }

  private presentOut(interrupt: boolean): void {
    const { state } = this;
    state.blockEnd = Math.min(state.at + state.blockBytes, state.bufferEnd);
    state.phase = Phase.dataOut;
    this.setStatus(Status.ready | Status.seekComplete | Status.dataRequest);
    if (interrupt) this.setInterrupt(true);
  }

  private readData(width: Width): number {
    const { state } = this;
    if (state.phase !== (Phase.dataIn as number)) return 0;
    let value = 0;
    for (let index = 0; index < width; index++) value += (state.buffer[state.at + index] ?? 0) * 2 ** (8 * index);
    state.at += width;
    if (state.at >= state.blockEnd) this.blockTaken();
    return value;
  }

  private blockTaken(): void {
    const { state } = this;
    if (state.at < state.bufferEnd) this.presentIn();
    else if (state.remaining > 0) this.request();
    else this.ended();
  }

  private writeData(width: Width, value: number): void {
    const { state } = this;
    const packet = state.phase === (Phase.packet as number);
    if (!packet && state.phase !== (Phase.dataOut as number)) return;
    for (let index = 0; index < width && state.at < state.blockEnd; index++) {
      state.buffer[state.at] = (value >>> (8 * index)) & 0xff;
      state.at += 1;
    }
    if (state.at < state.blockEnd) return;
    if (packet) {
      state.phase = Phase.idle;
      this.selected?.packet(state.buffer.slice(0, state.blockEnd));
    } else if (state.at < state.bufferEnd) {
      this.presentOut(true);
    } else {
      this.request();
    }
  }

  // Bus master

  /** `register`: offset in this channel's eight ports. */
  readMaster(register: number): number {
    const { state } = this;
    if (register === (BusMaster.command as number)) return state.masterCommand;
    if (register === (BusMaster.status as number)) return state.masterStatus;
    return register >= BusMaster.table ? (state.table >>> (8 * (register - BusMaster.table))) & 0xff : 0;
  }

  writeMaster(register: number, value: number): void {
    const { state } = this;
    if (register === (BusMaster.command as number)) {
      const before = state.masterCommand;
      state.masterCommand = value & (BusMasterCommand.start | BusMasterCommand.read);
      const started = value & ~before & BusMasterCommand.start;
      if (started) startTable(state);
      if (started) state.masterStatus |= BusMasterStatus.active;
      if (before & ~value & BusMasterCommand.start) state.masterStatus &= ~BusMasterStatus.active;
      this.runMaster();
    } else if (register === (BusMaster.status as number)) {
      const cleared = value & (BusMasterStatus.error | BusMasterStatus.interrupt);
      state.masterStatus = (state.masterStatus & ~cleared & ~BusMasterStatus.capable) | (value & BusMasterStatus.capable);
    } else if (register >= BusMaster.table) {
      const shift = 8 * (register - BusMaster.table);
      const bytes = (state.table & ~(0xff << shift)) | (value << shift);
      state.table = (bytes & ~3) >>> 0;
    }
  }

  private awaitMaster(): void {
    this.state.phase = Phase.dma;
    this.setStatus(Status.ready | Status.seekComplete | Status.dataRequest);
    this.runMaster();
  }

  /** Moves what waits for the bus master, as far as its table goes. */
  runMaster(): void {
    const { state } = this;
    const toMemory = state.direction === (Direction.toHost as number);
    if (state.phase !== (Phase.dma as number) || (state.masterStatus & BusMasterStatus.active) === 0 || !this.mayMaster()) return;
    // A bus master that goes the other way never answers the device's request.
    if ((state.masterCommand & BusMasterCommand.read) !== 0 !== toMemory) return;
    state.at += moveRegions(state, this.bus.memory, state.buffer.subarray(state.at, state.bufferEnd), toMemory);
    // A table that is too short leaves the device waiting: no interrupt, and no longer active.
    if (tableEnded(state)) state.masterStatus &= ~BusMasterStatus.active;
    if (state.at < state.bufferEnd) return;
    if (!toMemory || state.remaining > 0) this.request();
    else this.ended();
  }
}
