/** Packet commands, sense codes and pages of a CD-ROM drive (T10 MMC-3, SPC-2; SFF-8020i). */

export const packetBytes = 12;

export const enum PacketCommand {
  testUnitReady = 0x00,
  requestSense = 0x03,
  inquiry = 0x12,
  modeSelect6 = 0x15,
  modeSense6 = 0x1a,
  startStop = 0x1b,
  preventRemoval = 0x1e,
  readCapacity = 0x25,
  read10 = 0x28,
  seek10 = 0x2b,
  readSubchannel = 0x42,
  readToc = 0x43,
  getConfiguration = 0x46,
  getEventStatus = 0x4a,
  readDiscInformation = 0x51,
  modeSelect10 = 0x55,
  modeSense10 = 0x5a,
  read12 = 0xa8,
  setSpeed = 0xbb,
  mechanismStatus = 0xbd,
  readCd = 0xbe,
}

export const enum SenseKey {
  none = 0,
  notReady = 2,
  mediumError = 3,
  illegalRequest = 5,
  unitAttention = 6,
}

/** Additional sense code in bits 15-8, qualifier in 7-0. */
export const enum SenseCode {
  none = 0x0000,
  unrecoveredRead = 0x1100,
  invalidCommand = 0x2000,
  addressOutOfRange = 0x2100,
  invalidField = 0x2400,
  mediumChanged = 0x2800,
  savingNotSupported = 0x3900,
  noMedium = 0x3a00,
  noMediumTrayOpen = 0x3a02,
  removalPrevented = 0x5302,
}

/** Profiles of GET CONFIGURATION. */
export const enum Profile {
  none = 0x0000,
  cdRom = 0x0008,
}

export function be16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

export function be32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

const asciiBytes = (text: string, length: number): number[] => [...text.padEnd(length).slice(0, length)].map((character) => character.charCodeAt(0));

/** SPC-2, 7.3: standard data of a removable CD-ROM drive. */
export function inquiryData(): number[] {
  return [0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0, ...asciiBytes('VITRINE', 8), ...asciiBytes('CD-ROM', 16), ...asciiBytes('1.0', 4)];
}

/** Minutes, seconds and frames of an absolute address: two seconds of lead-in count. */
function msf(lba: number): number[] {
  const frames = lba + 150;
  return [0, Math.floor(frames / (75 * 60)) & 0xff, Math.floor(frames / 75) % 60, frames % 75];
}

/** READ TOC/PMA/ATIP of a disc with one data track; undefined for a format or track that there is not. */
export function tocData(format: number, inMinutes: boolean, firstTrack: number, sectors: number): number[] | undefined {
  const address = (lba: number) => (inMinutes ? msf(lba) : be32(lba));
  const dataTrack = 0x14;
  const leadOut = 0xaa;
  switch (format) {
    case 0: {
      if (firstTrack > 1 && firstTrack !== leadOut) return undefined;
      const track = firstTrack <= 1 ? [0, dataTrack, 1, 0, ...address(0)] : [];
      const body = [1, 1, ...track, 0, dataTrack, leadOut, 0, ...address(sectors)];
      return [...be16(body.length), ...body];
    }
    case 1:
      return [...be16(10), 1, 1, 0, dataTrack, 1, 0, ...address(0)];
    case 2: {
      const entry = (point: number, time: number[]) => [1, dataTrack, 0, point, 0, 0, 0, ...time];
      const point = (track: number) => [0, track, 0, 0];
      const body = [1, 1, ...entry(0xa0, point(1)), ...entry(0xa1, point(1)), ...entry(0xa2, msf(sectors)), ...entry(1, msf(0))];
      return [...be16(body.length), ...body];
    }
    default:
      return undefined;
  }
}

const readErrorRecovery = [0x01, 0x06, 0x00, 0x05, 0, 0, 0, 0];
const capabilities = (locked: boolean): number[] => [
  0x2a,
  0x12,
  0x00, // reads neither CD-R nor CD-RW as such
  0x00,
  0x70, // mode 2 and multisession
  0x00,
  0x29 | (locked ? 2 : 0), // tray, eject, lock
  0x00,
  ...be16(706), // 4x
  ...be16(0),
  ...be16(512), // KiB of buffer
  ...be16(706),
  0,
  0,
  0,
  0,
];

/** Pages of MODE SENSE behind their header; undefined for a page that there is not. */
export function modePages(page: number, locked: boolean): number[] | undefined {
  switch (page) {
    case 0x01:
      return readErrorRecovery;
    case 0x2a:
      return capabilities(locked);
    case 0x3f:
      return [...readErrorRecovery, ...capabilities(locked)];
    default:
      return undefined;
  }
}

/** GET CONFIGURATION: features from `first` on; `onlyOne` is RT = 10b, `current` RT = 01b. */
export function configurationData(profile: Profile, first: number, onlyOne: boolean, current: boolean): number[] {
  const present = profile === Profile.cdRom;
  const features: { code: number; always: boolean; bytes: number[] }[] = [
    { code: 0x0000, always: true, bytes: [...be16(0), 0x03, 4, ...be16(Profile.cdRom), present ? 1 : 0, 0] }, // profile list
    { code: 0x0001, always: true, bytes: [...be16(1), 0x03, 4, ...be32(2)] }, // core: ATAPI
    { code: 0x0003, always: true, bytes: [...be16(3), 0x03, 4, 0x29, 0, 0, 0] }, // removable medium: tray
    { code: 0x0010, always: false, bytes: [...be16(0x10), present ? 1 : 0, 8, ...be32(2048), ...be16(1), 0, 0] }, // random readable
    { code: 0x001e, always: false, bytes: [...be16(0x1e), present ? 1 : 0, 4, 0, 0, 0, 0] }, // CD read
  ];
  const chosen = features.filter(({ code, always }) => (onlyOne ? code === first : code >= first) && (!current || always || present));
  const body = chosen.flatMap(({ bytes }) => bytes);
  return [...be32(body.length + 4), 0, 0, ...be16(profile), ...body];
}
