/** A CD-ROM drive: the PACKET feature set (ATA/ATAPI-6) and the packet commands of MMC-3 that systems use to read a data disc. */
import type { DiskPort, DiskStatus } from '../../machine/bus.ts';
import type { Channel, Device } from './channel.ts';
import { identifyCdrom } from './identify.ts';
import {
  be16,
  be32,
  configurationData,
  inquiryData,
  modePages,
  packetBytes,
  PacketCommand,
  Profile,
  SenseCode,
  SenseKey,
  tocData,
} from './packet.ts';
import { cdSectorBytes, Command, ErrorBit, Feature, Reason, Register, sectorBytes, Status } from './registers.ts';
import type { DeviceState } from './state.ts';

const idle = Status.ready;
/** Features register of PACKET: the data goes by DMA. */
const packetDma = 1;
/** The signature that tells an ATAPI device from a disk, in LBA mid and high. */
const signature = [0x14, 0xeb] as const;
const newMedia = 2;
const mediaRemoval = 3;
/** Commands that report a unit attention when one is there; the others are done without a look. */
const silent: readonly number[] = [PacketCommand.requestSense, PacketCommand.inquiry, PacketCommand.getConfiguration, PacketCommand.getEventStatus];
/** Commands that need a disc. */
const needDisc: readonly number[] = [
  PacketCommand.testUnitReady,
  PacketCommand.readCapacity,
  PacketCommand.read10,
  PacketCommand.read12,
  PacketCommand.readCd,
  PacketCommand.seek10,
  PacketCommand.readToc,
  PacketCommand.readSubchannel,
  PacketCommand.readDiscInformation,
];

export class Cdrom implements Device {
  readonly kind = 'CD-ROM';

  constructor(
    private readonly channel: Channel,
    readonly state: DeviceState,
    private readonly port: DiskPort,
    private readonly serial: string,
  ) {}

  private get sectors(): number {
    return Math.floor(this.port.bytes / cdSectorBytes);
  }

  private get hasDisc(): boolean {
    return this.state.open === 0 && this.port.bytes > 0;
  }

  powerOn(): void {
    const { state } = this;
    state.registers.fill(0);
    state.previous.fill(0);
    state.transferMode = 0;
    state.open = 0;
    state.locked = 0;
    state.attention = this.hasDisc ? 1 : 0;
    state.mediaEvent = this.hasDisc ? newMedia : 0;
    this.sense(SenseKey.none, SenseCode.none);
  }

  sign(): void {
    this.putSignature();
    this.state.status = 0;
    this.state.error = 1;
  }

  private putSignature(): void {
    const { registers, previous } = this.state;
    registers.fill(0);
    previous.fill(0);
    registers[Register.sectorCount] = 1;
    registers[Register.lbaLow] = 1;
    registers.set(signature, Register.lbaMid);
  }

  execute(command: number): void {
    const { state } = this;
    state.identifying = command === Command.identifyPacket ? 1 : 0;
    switch (command) {
      case Command.packet:
        state.registers[Register.sectorCount] = Reason.command;
        return this.channel.awaitPacket(packetBytes);
      case Command.identifyPacket:
        identifyCdrom(this.channel.buffer, state, this.serial);
        return this.channel.reply(sectorBytes, sectorBytes);
      case Command.deviceReset:
        this.sign();
        return this.channel.end(0, 1, false);
      case Command.identify:
      case Command.readSectors:
        this.putSignature();
        return this.abort();
      case Command.setFeatures:
        return this.setFeatures();
      case Command.checkPower:
        state.registers[Register.sectorCount] = 0xff;
        return this.channel.end(idle);
      case Command.standby:
      case Command.standbyImmediate:
      case Command.idle:
      case Command.idleImmediate:
      case Command.sleep:
      case Command.flush:
        return this.channel.end(idle);
      default:
        return this.abort();
    }
  }

  private abort(): void {
    this.channel.end(idle | Status.error, ErrorBit.abort);
  }

  private setFeatures(): void {
    const { registers } = this.state;
    if (registers[Register.features] !== Feature.setTransferMode) return this.abort();
    this.state.transferMode = registers[Register.sectorCount] ?? 0;
    this.channel.end(idle);
  }

  // Ends of packet commands

  private sense(key: SenseKey, code: SenseCode): void {
    this.state.senseKey = key;
    this.state.senseCode = code >> 8;
    this.state.senseQualifier = code & 0xff;
  }

  private get reason(): number {
    return Reason.command | Reason.toHost;
  }

  private good(): void {
    this.state.registers[Register.sectorCount] = this.reason;
    this.channel.end(idle);
  }

  /** CHECK CONDITION. */
  private fail(key: SenseKey, code: SenseCode): void {
    this.sense(key, code);
    this.state.registers[Register.sectorCount] = this.reason;
    this.channel.end(idle | Status.error, (key << 4) | ErrorBit.abort);
  }

  /** IDENTIFY PACKET DEVICE is a plain PIO command: no byte count, no interrupt at its end. */
  private get identifying(): boolean {
    return this.state.identifying !== 0;
  }

  private get dma(): boolean {
    return ((this.state.registers[Register.features] ?? 0) & packetDma) !== 0;
  }

  /** Bytes of a block at most, as the host asked with the PACKET command: even, and 0 says as much as can be said. */
  private get byteLimit(): number {
    const asked = (this.state.registers[Register.lbaMid] ?? 0) | ((this.state.registers[Register.lbaHigh] ?? 0) << 8);
    return (asked === 0 ? 0xfffe : asked === 1 ? 2 : asked) & ~1;
  }

  private answer(data: readonly number[], allocated: number): void {
    const bytes = Math.min(data.length, allocated);
    if (bytes === 0) return this.good();
    this.channel.buffer.set(data.slice(0, bytes));
    this.channel.reply(bytes, this.byteLimit, this.dma);
  }

  presenting(bytes: number): void {
    if (this.identifying) return;
    const { registers } = this.state;
    registers[Register.sectorCount] = Reason.toHost;
    registers[Register.lbaMid] = bytes & 0xff;
    registers[Register.lbaHigh] = bytes >> 8;
  }

  transferEnded(): void {
    if (this.identifying) this.channel.end(idle, 0, false);
    else this.good();
  }

  transferFailed(_status: DiskStatus): void {
    this.fail(SenseKey.mediumError, SenseCode.unrecoveredRead);
  }

  // Packet commands

  packet(command: Uint8Array): void {
    const { state } = this;
    const view = new DataView(command.buffer, command.byteOffset, command.byteLength);
    const code = view.getUint8(0);
    if (state.attention && !silent.includes(code)) {
      state.attention = 0;
      return this.fail(SenseKey.unitAttention, SenseCode.mediumChanged);
    }
    if (needDisc.includes(code) && !this.hasDisc) {
      return this.fail(SenseKey.notReady, state.open ? SenseCode.noMediumTrayOpen : SenseCode.noMedium);
    }
    // A command that is done well leaves no sense behind; the one that asks for it reports the last.
    if (code !== PacketCommand.requestSense) this.sense(SenseKey.none, SenseCode.none);
    switch (code) {
      case PacketCommand.testUnitReady:
      case PacketCommand.setSpeed:
        return this.good();
      case PacketCommand.requestSense:
        return this.requestSense(view.getUint8(4));
      case PacketCommand.inquiry:
        if (view.getUint8(1) & 1) return this.fail(SenseKey.illegalRequest, SenseCode.invalidField);
        return this.answer(inquiryData(), view.getUint16(3));
      case PacketCommand.readCapacity:
        return this.answer([...be32(this.sectors - 1), ...be32(cdSectorBytes)], 8);
      case PacketCommand.read10:
        return this.readBlocks(view.getUint32(2), view.getUint16(7));
      case PacketCommand.read12:
        return this.readBlocks(view.getUint32(2), view.getUint32(6));
      case PacketCommand.readCd:
        return this.readCd(view);
      case PacketCommand.seek10:
        return view.getUint32(2) < this.sectors ? this.good() : this.fail(SenseKey.illegalRequest, SenseCode.addressOutOfRange);
      case PacketCommand.readToc:
        return this.readToc(view);
      case PacketCommand.modeSense6:
        return this.modeSense(view, 6);
      case PacketCommand.modeSense10:
        return this.modeSense(view, 10);
      case PacketCommand.startStop:
        return this.startStop(view.getUint8(4));
      case PacketCommand.preventRemoval:
        state.locked = view.getUint8(4) & 1;
        return this.good();
      case PacketCommand.getEventStatus:
        return this.eventStatus(view);
      case PacketCommand.mechanismStatus:
        return this.answer([0, state.open ? 0x10 : 0, 0, 0, 0, 0, ...be16(0)], view.getUint16(8));
      case PacketCommand.getConfiguration: {
        const requested = view.getUint8(1) & 3;
        const profile = this.hasDisc ? Profile.cdRom : Profile.none;
        return this.answer(configurationData(profile, view.getUint16(2), requested === 2, requested === 1), view.getUint16(7));
      }
      case PacketCommand.readDiscInformation:
        // A finished disc with one session and one track.
        return this.answer([...be16(32), 0x0e, 1, 1, 1, 1, 0x20, 0, ...new Array<number>(25).fill(0)], view.getUint16(7));
      default:
        return this.fail(SenseKey.illegalRequest, SenseCode.invalidCommand);
    }
  }

  private requestSense(allocated: number): void {
    const { state } = this;
    if (state.attention) {
      state.attention = 0;
      this.sense(SenseKey.unitAttention, SenseCode.mediumChanged);
    }
    const data = [0x70, 0, state.senseKey, 0, 0, 0, 0, 10, 0, 0, 0, 0, state.senseCode, state.senseQualifier, 0, 0, 0, 0];
    this.sense(SenseKey.none, SenseCode.none);
    this.answer(data, allocated);
  }

  private readBlocks(lba: number, count: number): void {
    if (lba + count > this.sectors) return this.fail(SenseKey.illegalRequest, SenseCode.addressOutOfRange);
    if (count === 0) return this.good();
    this.channel.read({ offset: lba * cdSectorBytes, bytes: count * cdSectorBytes, blockBytes: this.byteLimit, dma: this.dma });
  }

  /** READ CD, for the 2048 bytes of user data only. */
  private readCd(view: DataView): void {
    const count = view.getUint32(5) & 0xff_ffff;
    const parts = view.getUint8(9) & 0xf8;
    if (parts === 0 || count === 0) return this.good();
    if (parts !== 0x10) return this.fail(SenseKey.illegalRequest, SenseCode.invalidField);
    this.readBlocks(view.getUint32(2), count);
  }

  private readToc(view: DataView): void {
    // MMC-3 has the format in byte 2; SFF-8020i had it in the upper bits of byte 9.
    const format = view.getUint8(2) & 0x0f || view.getUint8(9) >> 6;
    const data = tocData(format, (view.getUint8(1) & 2) !== 0, view.getUint8(6), this.sectors);
    if (data === undefined) return this.fail(SenseKey.illegalRequest, SenseCode.invalidField);
    this.answer(data, view.getUint16(7));
  }

  private modeSense(view: DataView, form: 6 | 10): void {
    const saved = view.getUint8(2) >> 6 === 3;
    if (saved) return this.fail(SenseKey.illegalRequest, SenseCode.savingNotSupported);
    const pages = modePages(view.getUint8(2) & 0x3f, this.state.locked !== 0);
    if (pages === undefined) return this.fail(SenseKey.illegalRequest, SenseCode.invalidField);
    // Medium type: 120 mm data disc, or no disc.
    const medium = this.hasDisc ? 0x01 : this.state.open ? 0x71 : 0x70;
    if (form === 6) this.answer([3 + pages.length, medium, 0, 0, ...pages], view.getUint8(4));
    else this.answer([...be16(6 + pages.length), medium, 0, 0, 0, 0, 0, ...pages], view.getUint16(7));
  }

  private startStop(action: number): void {
    const { state } = this;
    const [start, loadEject] = [action & 1, action & 2];
    if (!loadEject) return this.good();
    if (!start) {
      if (state.locked) return this.fail(SenseKey.illegalRequest, SenseCode.removalPrevented);
      if (!state.open) state.mediaEvent = mediaRemoval;
      state.open = 1;
    } else if (state.open) {
      state.open = 0;
      if (this.hasDisc) {
        state.attention = 1;
        state.mediaEvent = newMedia;
      }
    }
    this.good();
  }

  /** Polled only, class 4 (media) only. */
  private eventStatus(view: DataView): void {
    const { state } = this;
    if ((view.getUint8(1) & 1) === 0) return this.fail(SenseKey.illegalRequest, SenseCode.invalidField);
    const supported = 1 << 4;
    if ((view.getUint8(4) & supported) === 0) return this.answer([...be16(2), 0x80, supported], view.getUint16(7));
    const event = state.mediaEvent;
    state.mediaEvent = 0;
    this.answer([...be16(6), 4, supported, event, (state.open ? 1 : 0) | (this.hasDisc ? 2 : 0), 0, 0], view.getUint16(7));
  }
}
