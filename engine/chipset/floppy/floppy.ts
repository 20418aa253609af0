/**
 * The 82077AA floppy disk controller at 0x3F0-0x3F7 with IRQ 6 and DMA channel 2, and up to two drives. Seeks take no time; data goes sector
 * by sector between image and buffer, and by DMA or byte by byte between buffer and host.
 */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import { digits, register, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, DiskPort, DiskStatus, InterruptLine } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';
import type { Dma } from '../dma/dma.ts';
import { disketteOf, type Diskette } from './media.ts';
import { CommandFlag, DigitalOutput, dmaChannel, FloppyCommand, FloppyPort, MainStatus, sectorBytes, Status0, Status1, Status3 } from './registers.ts';

const drives = 2;
/** What FORMAT TRACK takes for each sector. */
const idBytes = 4;
const commandLimit = 9;
const resultLimit = 10;
/** From the end of a reset, or of a seek, to its interrupt, in nanoseconds. */
const reactionTime = 20_000;

/** How often a masked DMA channel is looked at, in nanoseconds. */
const dmaInterval = 1_000_000;

const enum Phase {
  command,
  /** The image is being read or written. */
  host,
  /** The host moves the sector in the buffer, without DMA. */
  dataIn,
  dataOut,
  /** A sector is in the buffer and DMA channel 2 is masked. */
  dmaWait,
  result,
}

/** What an interrupt without a result phase reports to SENSE INTERRUPT STATUS. */
const nothing = 0xff;

const floppyBlock = defineBlock('floppy', 1, {
  digitalOutput: scalar('u8'),
  tapeDrive: scalar('u8'),
  dataRate: scalar('u8'),
  phase: scalar('u8'),
  command: array('u8', commandLimit),
  commandLength: scalar('u8'),
  result: array('u8', resultLimit),
  resultLength: scalar('u8'),
  resultAt: scalar('u8'),
  interrupt: scalar('u8'),
  /** ST0 that SENSE INTERRUPT STATUS gives for each of four drives; 0xFF: none. */
  pending: array('u8', 4),
  /** Where the heads of four drives stand. */
  cylinder: array('u8', 4),
  /** The diskette was taken out, or never looked at, since the last step: DSKCHG. */
  changed: array('u8', 4),
  specify: array('u8', 2),
  configure: array('u8', 2),
  perpendicular: scalar('u8'),
  locked: scalar('u8'),
  // The data command under way
  drive: scalar('u8'),
  head: scalar('u8'),
  sector: scalar('u8'),
  track: scalar('u8'),
  at: scalar('u32'),
  end: scalar('u32'),
  /** DMA signalled terminal count. */
  terminal: scalar('u8'),
  /** Sectors of FORMAT TRACK that are still to come. */
  formatLeft: scalar('u8'),
  buffer: array('u8', sectorBytes),
});

/** Bytes of each command, the first one included; absent: invalid. */
const lengths = new Map<number, number>([
  [FloppyCommand.specify, 3],
  [FloppyCommand.senseDrive, 2],
  [FloppyCommand.writeData, 9],
  [FloppyCommand.readData, 9],
  [FloppyCommand.recalibrate, 2],
  [FloppyCommand.senseInterrupt, 1],
  [FloppyCommand.writeDeleted, 9],
  [FloppyCommand.readId, 2],
  [FloppyCommand.readDeleted, 9],
  [FloppyCommand.format, 6],
  [FloppyCommand.dumpRegisters, 1],
  [FloppyCommand.seek, 3],
  [FloppyCommand.version, 1],
  [FloppyCommand.perpendicular, 2],
  [FloppyCommand.configure, 4],
  [FloppyCommand.lock, 1],
  [FloppyCommand.verify, 9],
]);

export class Floppy implements Chip {
  private readonly state;
  private readonly ports: readonly DiskPort[];
  private readonly timer;
  private readonly dmaTimer;

  constructor(
    private readonly bus: Bus,
    private readonly dma: Dma,
    private readonly irq: InterruptLine,
  ) {
    this.state = bus.block(floppyBlock);
    this.ports = Array.from({ length: drives }, (_, drive) =>
      bus.disk(`floppy${drive}`, { buffer: this.state.buffer, completed: (status) => this.completed(status) }),
    );
    this.timer = bus.timer('floppy', () => this.raise());
    this.dmaTimer = bus.timer('floppy.dma', () => this.retry());
    const registers = { read: (port: number) => this.read(port), peek: (port: number) => this.peek(port), write: (port: number, value: number) => this.write(port, value) };
    // 0x3F6 belongs to the IDE controller.
    bus.ports(FloppyPort.statusA, 6, bytePorts(registers));
    bus.ports(FloppyPort.digitalInput, 1, bytePorts(registers));
  }

  reset(): void {
    const { state } = this;
    this.stop();
    state.digitalOutput = 0;
    state.tapeDrive = 0;
    state.dataRate = 2;
    state.locked = 0;
    state.cylinder.fill(0);
    state.changed.fill(1);
    state.specify.fill(0);
    state.perpendicular = 0;
    state.buffer.fill(0);
    state.command.fill(0);
    state.result.fill(0);
    state.pending.fill(nothing);
    state.configure.set([0, 0]);
    this.lower();
  }

  inspect(): ChipFacts {
    const { state } = this;
    const phases = ['waits for a command', 'image at work', 'data to host', 'data from host', 'waits for DMA', 'result'];
    const rows = this.ports.map((port, drive) => {
      const diskette = this.diskette(drive);
      const medium = diskette === undefined ? 'none' : `${diskette.cylinders} × ${diskette.heads} × ${diskette.sectors}${port.readOnly ? ', read-only' : ''}`;
      const motor = (state.digitalOutput & (DigitalOutput.motor0 << drive)) !== 0 ? 'on' : 'off';
      return [String(drive), medium, motor, String(state.cylinder[drive] ?? 0), state.changed[drive] ? 'changed' : '-'];
    });
    return {
      id: 'floppy',
      title: '82077AA floppy controller',
      place: 'ports 3f0-3f7',
      group: 'devices',
      facts: [
        { name: 'Phase', value: phases[state.phase] ?? '', note: state.interrupt ? 'IRQ 6 raised' : '' },
        register('DOR', state.digitalOutput, 8, { 'not reset': DigitalOutput.notReset, DMA: DigitalOutput.dmaGate }),
        register('MSR', this.mainStatus(), 8, {
          RQM: MainStatus.request,
          DIO: MainStatus.toHost,
          'non-DMA': MainStatus.nonDma,
          CB: MainStatus.busy,
        }),
        { name: 'Command', value: [...state.command.subarray(0, state.commandLength)].map((byte) => digits(byte, 2)).join(' ') || '-' },
      ],
      tables: [{ title: 'Drives', columns: ['Drive', 'Medium', 'Motor', 'Cylinder', 'DSKCHG'], rows }],
    };
  }

  /** CMOS type of drive 0 or 1, 0 without one; an image tells which drive it is. */
  driveType(drive: 0 | 1): number {
    return this.diskette(drive)?.driveType ?? 0;
  }

  private diskette(drive: number): Diskette | undefined {
    const bytes = this.ports[drive]?.bytes ?? 0;
    return bytes === 0 ? undefined : disketteOf(bytes);
  }

  private get running(): boolean {
    return (this.state.digitalOutput & DigitalOutput.notReset) !== 0;
  }

  private get withoutDma(): boolean {
    return ((this.state.specify[1] ?? 0) & 1) !== 0;
  }

  // Interrupt

  private raise(): void {
    this.state.interrupt = 1;
    this.updateLine();
  }

  /** A byte was taken. The interrupt of a seek or a reset that is to come has nothing to do with it. */
  private acknowledge(): void {
    this.state.interrupt = 0;
    this.updateLine();
  }

  private lower(): void {
    this.timer.cancel();
    this.acknowledge();
  }

  private updateLine(): void {
    const { interrupt, digitalOutput } = this.state;
    this.irq.set(interrupt !== 0 && (digitalOutput & DigitalOutput.dmaGate) !== 0);
  }

  private raiseLater(): void {
    this.timer.arm(this.bus.clock.now() + reactionTime);
  }

  // Registers

  private peek(port: number): number {
    const { state } = this;
    switch (port) {
      case FloppyPort.statusA:
        return state.interrupt ? 0x80 : 0;
      case FloppyPort.statusB:
        return 0xc0;
      case FloppyPort.digitalOutput:
        return state.digitalOutput;
      case FloppyPort.tapeDrive:
        return state.tapeDrive;
      case FloppyPort.mainStatus:
        return this.mainStatus();
      case FloppyPort.fifo:
        if (state.phase === (Phase.dataIn as number)) return state.buffer[state.at] ?? 0;
        return state.phase === (Phase.result as number) ? (state.result[state.resultAt] ?? 0) : 0;
      case FloppyPort.digitalInput:
        return this.diskChanged() ? 0x80 : 0;
      default:
        return 0xff;
    }
  }

  private diskChanged(): boolean {
    const { digitalOutput, changed } = this.state;
    const drive = digitalOutput & DigitalOutput.drive;
    const turning = (digitalOutput & (DigitalOutput.motor0 << drive)) !== 0;
    return turning && (this.diskette(drive) === undefined || changed[drive] !== 0);
  }

  private mainStatus(): number {
    const { state } = this;
    if (!this.running) return 0;
    switch (state.phase) {
      case Phase.command:
        return MainStatus.request | (state.commandLength > 0 ? MainStatus.busy : 0);
      case Phase.dataIn:
        return MainStatus.request | MainStatus.toHost | MainStatus.nonDma | MainStatus.busy;
      case Phase.dataOut:
        return MainStatus.request | MainStatus.nonDma | MainStatus.busy;
      case Phase.result:
        return MainStatus.request | MainStatus.toHost | MainStatus.busy;
      default:
        return MainStatus.busy;
    }
  }

  private read(port: number): number {
    const value = this.peek(port);
    if (port === (FloppyPort.fifo as number)) this.taken();
    // A host that polls for DMA's end finds a channel that was unmasked meanwhile.
    else if (port === (FloppyPort.mainStatus as number)) this.retry();
    return value;
  }

  private write(port: number, value: number): void {
    const { state } = this;
    switch (port) {
      case FloppyPort.digitalOutput:
        return this.writeDigitalOutput(value);
      case FloppyPort.tapeDrive:
        state.tapeDrive = value & 3;
        return;
      case FloppyPort.mainStatus:
        state.dataRate = value & 3;
        // Software reset: clears itself.
        if (value & 0x80 && this.running) this.softReset();
        return;
      case FloppyPort.fifo:
        return this.given(value);
      case FloppyPort.digitalInput:
        state.dataRate = value & 3;
        return;
      default:
    }
  }

  private writeDigitalOutput(value: number): void {
    const { state } = this;
    const before = state.digitalOutput;
    state.digitalOutput = value;
    if (before & ~value & DigitalOutput.notReset) {
      this.stop();
      this.lower();
    } else if (value & ~before & DigitalOutput.notReset) {
      this.softReset();
    }
    this.updateLine();
    this.retry();
  }

  private stop(): void {
    const { state } = this;
    this.dmaTimer.cancel();
    for (const port of this.ports) port.cancel();
    state.phase = Phase.command;
    state.commandLength = 0;
    state.resultLength = 0;
    state.resultAt = 0;
    state.at = 0;
    state.end = 0;
    state.terminal = 0;
    state.formatLeft = 0;
  }

  private softReset(): void {
    const { state } = this;
    this.stop();
    this.lower();
    if (!state.locked) state.configure.fill(0);
    // Drive polling: one ready change is reported for each drive.
    for (let drive = 0; drive < 4; drive++) state.pending[drive] = Status0.polled | drive;
    this.raiseLater();
  }

  // Command and result bytes

  private given(value: number): void {
    const { state } = this;
    if (!this.running) return;
    if (state.phase === (Phase.dataOut as number)) return this.dataGiven(value);
    if (state.phase !== (Phase.command as number)) return;
    state.command[state.commandLength] = value;
    state.commandLength += 1;
    const length = lengths.get((state.command[0] ?? 0) & 0x1f);
    if (length === undefined) return this.finish([Status0.invalid]);
    if (state.commandLength === length) this.execute();
  }

  private taken(): void {
    const { state } = this;
    if (state.phase === (Phase.dataIn as number)) {
      this.acknowledge();
      state.at += 1;
      if (state.at === state.end) this.sectorDone();
      else this.raise();
      return;
    }
    if (state.phase !== (Phase.result as number)) return;
    this.acknowledge();
    state.resultAt += 1;
    if (state.resultAt === state.resultLength) this.stop();
  }

  /** Result phase, without an interrupt. */
  private finish(result: readonly number[]): void {
    const { state } = this;
    state.result.fill(0);
    state.result.set(result);
    state.resultLength = result.length;
    state.resultAt = 0;
    state.commandLength = 0;
    state.phase = Phase.result;
  }

  private execute(): void {
    const { state } = this;
    const [first = 0, second = 0, third = 0] = state.command;
    const drive = second & 3;
    switch (first & 0x1f) {
      case FloppyCommand.specify:
        state.specify.set([second, third]);
        return this.stop();
      case FloppyCommand.senseDrive:
        return this.finish([this.status3(drive, second)]);
      case FloppyCommand.recalibrate:
        return this.seek(drive, 0);
      case FloppyCommand.seek:
        return this.seek(drive, third);
      case FloppyCommand.senseInterrupt:
        return this.senseInterrupt();
      case FloppyCommand.readId:
        return this.readId(drive, (second >> 2) & 1);
      case FloppyCommand.version:
        return this.finish([0x90]); // an enhanced controller
      case FloppyCommand.dumpRegisters:
        return this.finish([
          ...state.cylinder,
          ...state.specify,
          this.diskette(0)?.sectors ?? 0,
          (state.locked << 7) | (state.perpendicular & 0x7f),
          ...state.configure,
        ]);
      case FloppyCommand.perpendicular:
        state.perpendicular = second;
        return this.stop();
      case FloppyCommand.configure:
        state.configure.set([third, state.command[3] ?? 0]);
        return this.stop();
      case FloppyCommand.lock:
        state.locked = first & CommandFlag.multiTrackOrLock ? 1 : 0;
        return this.finish([state.locked << 4]);
      case FloppyCommand.format:
        return this.beginFormat(drive, (second >> 2) & 1);
      default:
        return this.beginData(drive, (second >> 2) & 1);
    }
  }

  private status3(drive: number, select: number): number {
    const { state } = this;
    const port = this.ports[drive];
    const medium = this.diskette(drive);
    return (
      (select & 7) |
      (medium === undefined || medium.heads === 2 ? Status3.twoSides : 0) |
      (state.cylinder[drive] === 0 ? Status3.track0 : 0) |
      Status3.ready |
      (port !== undefined && port.readOnly ? Status3.writeProtected : 0)
    );
  }

  private seek(drive: number, cylinder: number): void {
    const { state } = this;
    this.stop();
    const head = (state.command[1] ?? 0) & Status0.head;
    if (this.ports[drive] === undefined) {
      // A drive that is not there never finds track 0.
      state.pending[drive] = Status0.seekEnd | Status0.equipmentCheck | Status0.abnormal | head | drive;
    } else {
      state.cylinder[drive] = cylinder;
      if (this.diskette(drive) !== undefined) state.changed[drive] = 0;
      state.pending[drive] = Status0.seekEnd | head | drive;
    }
    this.raiseLater();
  }

  private senseInterrupt(): void {
    const { state } = this;
    const drive = state.pending.findIndex((status) => status !== nothing);
    if (drive < 0) return this.finish([Status0.invalid]);
    const status = state.pending[drive] ?? 0;
    state.pending[drive] = nothing;
    this.lower();
    this.finish([status, state.cylinder[drive] ?? 0]);
  }

  // Sectors

  private sizeCode(): number {
    return 2;
  }

  /** Result of a data command: status and where it ended; with an interrupt. */
  private endData(status1: number, status2 = 0): void {
    const { state } = this;
    const failed = status1 !== 0 || status2 !== 0;
    const status0 = (failed ? Status0.abnormal : 0) | (state.head << 2) | state.drive;
    this.finish([status0, status1, status2, state.track, state.head, state.sector, this.sizeCode()]);
    this.raise();
  }

  private readId(drive: number, head: number): void {
    const { state } = this;
    const medium = this.diskette(drive);
    state.drive = drive;
    state.head = head;
    state.track = state.cylinder[drive] ?? 0;
    state.sector = 1;
    const readable = medium !== undefined && head < medium.heads && state.track < medium.cylinders && this.rateFits(medium);
    this.endData(readable ? 0 : Status1.missingAddressMark);
  }

  /** Data rates in kbit/s: 0 500, 1 300, 2 250, 3 1000; a diskette is read at its own. */
  private rateFits({ sectors, cylinders }: Diskette): boolean {
    const { dataRate } = this.state;
    if (sectors >= 36) return dataRate === 3;
    if (sectors >= 15) return dataRate === 0;
    // 360K in a 1.2M drive turns faster.
    return dataRate === 2 || (dataRate === 1 && cylinders <= 80);
  }

  private beginData(drive: number, head: number): void {
    const { state } = this;
    const [, , track = 0, headId = 0, sector = 0, size = 0] = state.command;
    state.drive = drive;
    state.head = head;
    state.track = track;
    state.sector = sector;
    state.terminal = 0;
    const medium = this.diskette(drive);
    if (medium === undefined || !this.rateFits(medium)) return this.endData(Status1.missingAddressMark);
    if (this.writing && this.ports[drive]?.readOnly) return this.endData(Status1.notWritable);
    if (size !== this.sizeCode() || headId !== head || track !== state.cylinder[drive]) return this.endData(Status1.noData);
    this.nextSector();
  }

  private get code(): number {
    return (this.state.command[0] ?? 0) & 0x1f;
  }

  private get writing(): boolean {
    return this.code === FloppyCommand.writeData || this.code === FloppyCommand.writeDeleted || this.code === FloppyCommand.format;
  }

  /** Byte of the image at which the sector begins; undefined when there is no such sector. */
  private offset(): number | undefined {
    const { state } = this;
    const medium = this.diskette(state.drive);
    if (medium === undefined) return undefined;
    if (state.track >= medium.cylinders || state.head >= medium.heads || state.sector < 1 || state.sector > medium.sectors) return undefined;
    const offset = ((state.track * medium.heads + state.head) * medium.sectors + state.sector - 1) * sectorBytes;
    return offset + sectorBytes <= (this.ports[state.drive]?.bytes ?? 0) ? offset : undefined;
  }

  private nextSector(): void {
    const { state } = this;
    const offset = this.offset();
    if (offset === undefined) return this.endData(Status1.noData);
    if (this.writing) return this.exchange();
    state.phase = Phase.host;
    this.ports[state.drive]?.submit({ kind: 'read', offset, bytes: sectorBytes });
  }

  private completed(status: DiskStatus): void {
    const { state } = this;
    if (state.phase !== (Phase.host as number)) return;
    if (status !== 'done') return this.endData(Status1.dataError, this.writing ? 0 : 0x20);
    if (this.code === FloppyCommand.format) return this.formatted();
    if (this.writing) return this.advance();
    if (this.code === FloppyCommand.verify) return this.advance();
    this.exchange();
  }

  /** Moves the sector between buffer and host. */
  private exchange(): void {
    const { state } = this;
    state.at = 0;
    state.end = this.code === FloppyCommand.format ? idBytes : sectorBytes;
    if (this.withoutDma) {
      state.phase = this.writing ? Phase.dataOut : Phase.dataIn;
      this.raise();
      return;
    }
    state.phase = Phase.dmaWait;
    this.retry();
  }

  /** Lets the DMA controller do what it can of what waits for it. */
  private retry(): void {
    const { state, bus } = this;
    if (state.phase !== (Phase.dmaWait as number) || (state.digitalOutput & DigitalOutput.dmaGate) === 0) return;
    const channel = this.dma.channel(dmaChannel);
    // Nobody tells a device that its channel was unmasked.
    if (channel.masked) return this.dmaTimer.arm(this.bus.clock.now() + dmaInterval);
    const bytes = Math.min(channel.bytes, state.end - state.at);
    const part = state.buffer.subarray(state.at, state.at + bytes);
    const transfer = (channel.mode >> 2) & 3;
    const down = (channel.mode & 0x20) !== 0;
    const start = down ? channel.address - bytes + 1 : channel.address;
    if (this.writing) {
      if (transfer !== 2) return;
      bus.memory.dmaRead(start, part);
      if (down) part.reverse();
    } else if (transfer === 1) {
      bus.memory.dmaWrite(start, down ? Uint8Array.from(part).reverse() : part);
    } else if (transfer !== 0) {
      // 00 is a verify transfer: counted, not stored.
      return;
    }
    state.terminal = bytes === channel.bytes ? 1 : 0;
    this.dma.transferred(dmaChannel, bytes);
    state.at += bytes;
    if (state.at === state.end) return this.sectorDone();
    // Terminal count in the middle of a sector: the rest is zeros when written, and dropped when read.
    if (!state.terminal) return;
    if (this.writing) state.buffer.fill(0, state.at);
    this.sectorDone();
  }

  private dataGiven(value: number): void {
    const { state } = this;
    this.acknowledge();
    state.buffer[state.at] = value;
    state.at += 1;
    if (state.at === state.end) this.sectorDone();
    else this.raise();
  }

  /** The buffer's bytes have been moved. */
  private sectorDone(): void {
    const { state } = this;
    if (this.code === FloppyCommand.format) return this.formatSector();
    if (!this.writing) return this.advance();
    const offset = this.offset();
    if (offset === undefined) return this.endData(Status1.noData);
    state.phase = Phase.host;
    this.ports[state.drive]?.submit({ kind: 'write', offset, bytes: sectorBytes });
  }

  /** On to the next sector, to the other side with MT, or to the end. */
  private advance(): void {
    const { state } = this;
    const last = state.command[6] ?? 0;
    const multiTrack = ((state.command[0] ?? 0) & CommandFlag.multiTrackOrLock) !== 0;
    const atEnd = state.sector === last;
    state.sector += 1;
    if (atEnd) {
      state.sector = 1;
      if (multiTrack && state.head === 0 && this.diskette(state.drive)?.heads === 2) {
        state.head = 1;
        if (state.terminal) return this.endData(0);
        return this.nextSector();
      }
      state.track += 1;
      if (multiTrack) state.head = 0;
      // Without DMA nobody says that it is enough: the last sector is the end, an abnormal one (datasheet, 5.1.5).
      const enough = state.terminal !== 0 || this.code === FloppyCommand.verify;
      return this.endData(enough ? 0 : Status1.endOfCylinder);
    }
    if (state.terminal) return this.endData(0);
    this.nextSector();
  }

  // FORMAT TRACK: four bytes (C, H, R, N) from the host for each sector

  private beginFormat(drive: number, head: number): void {
    const { state } = this;
    const sectors = state.command[3] ?? 0;
    state.drive = drive;
    state.head = head;
    state.track = state.cylinder[drive] ?? 0;
    state.sector = 1;
    const medium = this.diskette(drive);
    if (medium === undefined) return this.endData(Status1.missingAddressMark);
    if (this.ports[drive]?.readOnly) return this.endData(Status1.notWritable);
    if (sectors === 0 || sectors > medium.sectors) return this.endData(Status1.noData);
    state.formatLeft = sectors;
    this.exchange();
  }

  private formatSector(): void {
    const { state } = this;
    const [track = 0, head = 0, sector = 0] = state.buffer;
    state.track = track;
    state.head = head & 1;
    state.sector = sector;
    const offset = this.offset();
    if (offset === undefined) return this.endData(Status1.noData);
    state.buffer.fill(state.command[5] ?? 0);
    state.phase = Phase.host;
    this.ports[state.drive]?.submit({ kind: 'write', offset, bytes: sectorBytes });
  }

  private formatted(): void {
    const { state } = this;
    state.formatLeft -= 1;
    if (state.formatLeft === 0 || state.terminal) return this.endData(0);
    this.exchange();
  }
}
