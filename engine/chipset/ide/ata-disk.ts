/** A hard disk: the commands of the General feature set with 28- and 48-bit addresses and CHS (ATA/ATAPI-6, chapter 8). */
import type { DiskPort, DiskStatus } from '../../machine/bus.ts';
import type { Channel, Device } from './channel.ts';
import { geometryOf, identifyDisk } from './identify.ts';
import { Command, DeviceBit, ErrorBit, Feature, mostMultiple, Register, sectorBytes, Status } from './registers.ts';
import type { DeviceState } from './state.ts';

const idle = Status.ready | Status.seekComplete;
/** Sectors that one command moves when its count is zero. */
const most28 = 256;
const most48 = 65_536;

interface Range {
  lba: number;
  count: number;
}

const enum Addressing {
  short,
  extended,
}

export class AtaDisk implements Device {
  readonly kind = 'disk';

  constructor(
    private readonly channel: Channel,
    readonly state: DeviceState,
    private readonly port: DiskPort,
    private readonly serial: string,
  ) {}

  private get sectors(): number {
    return Math.floor(this.port.bytes / sectorBytes);
  }

  powerOn(): void {
    const { state } = this;
    const { heads, sectorsPerTrack } = geometryOf(this.sectors);
    state.registers.fill(0);
    state.previous.fill(0);
    state.multiple = 0;
    state.heads = heads;
    state.sectorsPerTrack = sectorsPerTrack;
    state.transferMode = 0;
    state.writeCache = 1;
  }

  sign(): void {
    const { state } = this;
    state.registers.fill(0);
    state.previous.fill(0);
    state.registers[Register.sectorCount] = 1;
    state.registers[Register.lbaLow] = 1;
    state.status = idle;
    // Diagnostic code: no error.
    state.error = 1;
  }

  packet(): void {}

  presenting(): void {}

  execute(command: number): void {
    if ((command >= Command.recalibrate && command <= Command.recalibrateEnd) || command === Command.nop) {
      return command === Command.nop ? this.abort() : this.channel.end(idle);
    }
    if (command >= Command.seek && command <= Command.seekEnd) {
      return this.inRange({ ...this.range(Addressing.short), count: 1 }) ? this.channel.end(idle) : this.notFound();
    }
    switch (command) {
      case Command.readSectors:
      case Command.readSectorsOnce:
        return this.move('read', Addressing.short, 1);
      case Command.readSectorsExt:
        return this.move('read', Addressing.extended, 1);
      case Command.writeSectors:
      case Command.writeSectorsOnce:
        return this.move('write', Addressing.short, 1);
      case Command.writeSectorsExt:
        return this.move('write', Addressing.extended, 1);
      case Command.readMultiple:
        return this.move('read', Addressing.short, this.state.multiple);
      case Command.readMultipleExt:
        return this.move('read', Addressing.extended, this.state.multiple);
      case Command.writeMultiple:
        return this.move('write', Addressing.short, this.state.multiple);
      case Command.writeMultipleExt:
        return this.move('write', Addressing.extended, this.state.multiple);
      case Command.readDma:
      case Command.readDmaOnce:
        return this.move('read', Addressing.short, 'dma');
      case Command.readDmaExt:
        return this.move('read', Addressing.extended, 'dma');
      case Command.writeDma:
      case Command.writeDmaOnce:
        return this.move('write', Addressing.short, 'dma');
      case Command.writeDmaExt:
        return this.move('write', Addressing.extended, 'dma');
      case Command.verify:
      case Command.verifyOnce:
        return this.inRange(this.range(Addressing.short)) ? this.channel.end(idle) : this.notFound();
      case Command.verifyExt:
        return this.inRange(this.range(Addressing.extended)) ? this.channel.end(idle) : this.notFound();
      case Command.flush:
      case Command.flushExt:
        return this.channel.flush();
      case Command.identify:
        identifyDisk(this.channel.buffer, this.state, this.sectors, this.serial);
        return this.channel.reply(sectorBytes, sectorBytes);
      case Command.initializeParameters:
        return this.initializeParameters();
      case Command.setMultiple:
        return this.setMultiple();
      case Command.setFeatures:
        return this.setFeatures();
      case Command.readNativeMax:
        return this.readNativeMax(Addressing.short);
      case Command.readNativeMaxExt:
        return this.readNativeMax(Addressing.extended);
      case Command.checkPower:
      case Command.checkPowerOld:
        this.state.registers[Register.sectorCount] = 0xff; // active or idle
        return this.channel.end(idle);
      case Command.standby:
      case Command.standbyImmediate:
      case Command.idle:
      case Command.idleImmediate:
      case Command.sleep:
      case Command.standbyOld:
      case Command.standbyImmediateOld:
      case Command.idleOld:
      case Command.idleImmediateOld:
      case Command.sleepOld:
        return this.channel.end(idle);
      default:
        return this.abort();
    }
  }

  private abort(): void {
    this.channel.end(idle | Status.error, ErrorBit.abort);
  }

  private notFound(): void {
    this.channel.end(idle | Status.error, ErrorBit.notFound);
  }

  private get select(): number {
    return this.channel.state.select;
  }

  /** What the command's registers address. A CHS address with sector 0 gives a negative number. */
  private range(addressing: Addressing): Range {
    const { registers, previous, heads, sectorsPerTrack } = this.state;
    const [count = 0, low = 0, mid = 0, high = 0] = registers.subarray(Register.sectorCount);
    if (addressing === Addressing.extended) {
      const [highCount = 0, low2 = 0, mid2 = 0, high2 = 0] = previous.subarray(Register.sectorCount);
      const upper = (high2 << 16) | (mid2 << 8) | low2;
      return { lba: upper * 2 ** 24 + ((high << 16) | (mid << 8) | low), count: ((highCount << 8) | count) || most48 };
    }
    const head = this.select & DeviceBit.head;
    if (this.select & DeviceBit.lba) return { lba: (head << 24) | (high << 16) | (mid << 8) | low, count: count || most28 };
    const cylinder = (high << 8) | mid;
    const inTrack = low >= 1 && low <= sectorsPerTrack && head < heads;
    return { lba: inTrack ? (cylinder * heads + head) * sectorsPerTrack + low - 1 : -1, count: count || most28 };
  }

  private inRange({ lba, count }: Range): boolean {
    return lba >= 0 && lba + count <= this.sectors;
  }

  /** Puts the address of a sector into the registers, in the form in which the command had it. */
  private report(lba: number): void {
    const { registers, previous, heads, sectorsPerTrack } = this.state;
    if (this.select & DeviceBit.lba) {
      registers[Register.lbaLow] = lba & 0xff;
      registers[Register.lbaMid] = Math.floor(lba / 2 ** 8) & 0xff;
      registers[Register.lbaHigh] = Math.floor(lba / 2 ** 16) & 0xff;
      previous[Register.lbaLow] = Math.floor(lba / 2 ** 24) & 0xff;
      previous[Register.lbaMid] = Math.floor(lba / 2 ** 32) & 0xff;
      previous[Register.lbaHigh] = Math.floor(lba / 2 ** 40) & 0xff;
      return;
    }
    const track = Math.floor(lba / sectorsPerTrack);
    const cylinder = Math.floor(track / heads);
    registers[Register.lbaLow] = (lba % sectorsPerTrack) + 1;
    registers[Register.lbaMid] = cylinder & 0xff;
    registers[Register.lbaHigh] = cylinder >> 8;
    this.channel.state.select = (this.select & ~DeviceBit.head) | (track % heads);
  }

  private move(kind: 'read' | 'write', addressing: Addressing, perBlock: number | 'dma'): void {
    const range = this.range(addressing);
    if (perBlock === 0 || (kind === 'write' && this.port.readOnly)) return this.abort();
    if (!this.inRange(range)) return this.notFound();
    const dma = perBlock === 'dma';
    this.channel[kind]({
      offset: range.lba * sectorBytes,
      bytes: range.count * sectorBytes,
      blockBytes: (dma ? 1 : perBlock) * sectorBytes,
      dma,
    });
  }

  transferEnded(): void {
    const { state } = this.channel;
    this.state.registers[Register.sectorCount] = 0;
    // The last block of PIO input was announced before it was taken.
    const pioIn = state.direction === 0 && state.dma === 0;
    this.channel.end(idle, 0, !pioIn);
  }

  /** The sector that is reported is the first one of what the host could not do. */
  transferFailed(_status: DiskStatus): void {
    const { direction, offset } = this.channel.state;
    this.report(Math.floor(offset / sectorBytes));
    if (direction === 0) this.channel.end(idle | Status.error, ErrorBit.uncorrectable);
    else this.channel.end(idle | Status.fault | Status.error, ErrorBit.abort);
  }

  private initializeParameters(): void {
    const { state } = this;
    const sectorsPerTrack = state.registers[Register.sectorCount] ?? 0;
    if (sectorsPerTrack === 0) return this.abort();
    state.heads = (this.select & DeviceBit.head) + 1;
    state.sectorsPerTrack = sectorsPerTrack;
    this.channel.end(idle);
  }

  private setMultiple(): void {
    const count = this.state.registers[Register.sectorCount] ?? 0;
    if (count > mostMultiple || (count & (count - 1)) !== 0) return this.abort();
    this.state.multiple = count;
    this.channel.end(idle);
  }

  private setFeatures(): void {
    const { state } = this;
    const mode = state.registers[Register.sectorCount] ?? 0;
    switch (state.registers[Register.features]) {
      case Feature.enableWriteCache:
        state.writeCache = 1;
        return this.channel.end(idle);
      case Feature.disableWriteCache:
        // What was written goes to the medium before the command is done; later writes are flushed one by one by who wants that.
        state.writeCache = 0;
        return this.channel.flush();
      case Feature.setTransferMode:
        if (mode > 0x45 || (mode > 0x22 && mode < 0x40) || (mode > 0x0c && mode < 0x20)) return this.abort();
        state.transferMode = mode;
        return this.channel.end(idle);
      case Feature.enableReadAhead:
      case Feature.disableReadAhead:
      case Feature.enableRevert:
      case Feature.disableRevert:
        return this.channel.end(idle);
      default:
        return this.abort();
    }
  }

  private readNativeMax(addressing: Addressing): void {
    const last = this.sectors - 1;
    const shown = addressing === Addressing.short ? Math.min(last, 0x0fff_fffe) : last;
    this.channel.state.select |= DeviceBit.lba;
    this.report(shown);
    if (addressing === Addressing.short) this.channel.state.select = (this.select & ~DeviceBit.head) | (Math.floor(shown / 2 ** 24) & 0x0f);
    this.channel.end(idle);
  }
}
