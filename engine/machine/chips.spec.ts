/**
 * All chips of a machine at once, under a guest that does anything: random port, MMIO and configuration accesses, DMA programmed to
 * everywhere, input, time. VITRINE_LITMUS multiplies the runs.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Width } from './bus.ts';
import { constructChips, type MachineChips } from './chips.ts';
import { DeviceLock } from './device-lock.ts';
import { DiskService, type Image } from './disk-service.ts';
import type { DriveConfiguration, MachineConfiguration } from './machine.ts';
import { mebibyte } from './memory.ts';
import { BareMachine } from './testing/bare-machine.ts';

const factor = Number(process.env['VITRINE_LITMUS'] ?? 1);
const runs = 8 * factor;
const operations = 3000;
const patience = 120_000 * factor;

/** A small generator whose whole state is the seed that a failure names. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 32 bits. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  of<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }
}

/** An image in memory that fails when an access does not lie in it. */
class CheckedImage implements Image {
  readonly readOnly: boolean;
  readonly content: Uint8Array;

  constructor(kind: DriveConfiguration['kind']) {
    this.readOnly = kind === 'cdrom';
    this.content = new Uint8Array(kind === 'floppy' ? 1_474_560 : mebibyte).fill(0x5a);
  }

  get bytes(): number {
    return this.content.length;
  }

  #check(offset: number, bytes: number): void {
    if (!Number.isInteger(offset) || offset < 0 || bytes <= 0 || offset + bytes > this.bytes)
      outside.push(`an image: ${bytes} bytes at ${offset}`);
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    this.#check(offset, into.length);
    accesses.reads++;
    into.set(this.content.subarray(offset, offset + into.length));
    return Promise.resolve();
  }

  write(offset: number, from: Uint8Array): Promise<void> {
    this.#check(offset, from.length);
    accesses.writes++;
    if (this.readOnly) outside.push('a write to a medium that is read-only');
    this.content.set(from, offset);
    return Promise.resolve();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

const outside: string[] = [];
/** How often the guest's commands came to an image. */
const accesses = { reads: 0, writes: 0 };
const drives: DriveConfiguration[] = (['floppy', 'disk', 'cdrom', 'disk'] as const).map((kind) => ({ kind, path: `/${kind}` }));
const configuration: MachineConfiguration = {
  name: 'anything',
  cpus: 2,
  memoryBytes: 2 * mebibyte,
  clock: 'wall',
  boot: { kind: 'boot-sector', image: new Uint8Array(512) },
  drives,
};

let bare: BareMachine;
let chips: MachineChips;
let disks: DiskService;
/** What no chip ever has to do with: the lowest 64 KiB, ROM, the caches of the vCPUs. */
let moats: Uint8Array[];
const touched = () => moats.findIndex((moat) => moat.some((byte) => byte !== 0));

beforeAll(async () => {
  bare = BareMachine.create({ ramBytes: configuration.memoryBytes, cpus: configuration.cpus });
  chips = constructChips(bare.bus, bare.control, configuration, () => undefined);
  bare.clock.resume();
  const lock = new DeviceLock(bare.memory.words, bare.control.stopWords, bare.control.lockWord, -1);
  disks = new DiskService(drives, bare.bus.disks, lock, (drive) => new CheckedImage(drive.kind), {
    isRunning: () => true,
    isVirtual: () => false,
    onEvent: () => undefined,
  });
  bare.memory.directory.seal();
  await disks.open();
  const { memory } = bare;
  const afterVram = memory.vramBase + memory.vram.length;
  // A part of the caches is enough: what runs over the end of video memory comes there first.
  moats = [new Uint8Array(memory.buffer, 0, 65_536), memory.rom, new Uint8Array(memory.buffer, afterVram, 4 * mebibyte)];
});
afterAll(() => disks.close());

type Range = readonly [first: number, count: number];
// prettier-ignore
const ports: readonly [Range, ...Range[]] = [
  [0x00, 0x20], [0x20, 2], [0x40, 4], [0x60, 5], [0x70, 8], [0x80, 16], [0x92, 1], [0xa0, 2], [0xb2, 2], [0xc0, 32], [0xe9, 1], [0xf4, 1],
  [0x170, 8], [0x1ce, 3], [0x1f0, 8], [0x376, 1], [0x3b0, 48], [0x3c0, 32], [0x3f0, 8], [0x3f6, 1], [0x3f8, 8], [0x402, 1], [0x4d0, 2],
  [0x600, 128], [0xc000, 16], [0xcf8, 8], [0, 0x1_0000],
];
const frameBuffer = 0xe000_0000;
const adapter = 0xf000_0000;
const videoRom = 0xf010_0000;
const rootComplex = 0xf020_0000;
const mmconfig = 0xb000_0000;
const busMaster = 0xc000;
// prettier-ignore
const places: readonly [Range, ...Range[]] = [
  [0xa_0000, 0x2_0000], [0xc_0000, 0x4_0000], [frameBuffer, 0x10_0000], [adapter, 0x1000], [videoRom, 0x1_0000],
  [rootComplex, 0x4000], [mmconfig, 0x10_0000], [0xfec0_0000, 0x1000], [0xfee0_0000, 0x1000], [0, 0xffff_f000],
];
const functions: readonly [number, ...number[]] = [0x00, 0x08, 0xf8, 0xf9, 0xfa, 0xfb];
const widths: readonly [Width, ...Width[]] = [1, 2, 4];
// prettier-ignore
const ataCommands: readonly [number, ...number[]] = [
  0x20, 0x20, 0x25, 0x30, 0x30, 0x35, 0xc8, 0xc8, 0xc8, 0xca, 0xca, 0xca, 0xc4, 0xc5,
  0x08, 0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0x40, 0x42, 0x90, 0xa0, 0xa1, 0xb0, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0xe0, 0xe7, 0xea, 0xec, 0xef, 0xf8,
];
// prettier-ignore
const packetCommands: readonly [number, ...number[]] = [0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xbe];
const floppyCommands: readonly [number, ...number[]] = [
  0x03, 0x04, 0x07, 0x08, 0x0e, 0x0f, 0x10, 0x13, 0x14, 0x45, 0x46, 0x4a, 0x4d, 0xc5, 0xe6,
];

const out = (port: number, value: number, width: Width = 1) => bare.bus.portWrite(port, width, value);
const read = (port: number, width: Width = 1) => bare.bus.portRead(port, width);

/** A place for DMA: mostly RAM, at its ends, in holes, on chips. */
function somewhere(dice: Dice): number {
  const near = dice.of([0, 0x9_fff0, 0xa_0000, 0xf_fff0, 0x1f_fff0, 0x20_0000, 0xffff_fff0, frameBuffer, adapter, 0xfee0_0000]);
  return dice.below(3) === 0 ? (near + dice.below(64)) >>> 0 : dice.below(2) === 0 ? dice.below(2 * mebibyte) : dice.next();
}

function configure(address: number, offset: number, value: number): void {
  out(0xcf8, (0x8000_0000 | (address << 8) | offset) >>> 0, 4);
  out(0xcfc, value, 4);
}

/** What firmware would do, so that there is something to hit. */
function setUp(): void {
  configure(0x08, 0x10, frameBuffer);
  configure(0x08, 0x18, adapter);
  configure(0x08, 0x30, videoRom + 1);
  configure(0x08, 0x04, 7);
  configure(0xf9, 0x20, busMaster + 1);
  configure(0xf9, 0x04, 7);
  configure(0xf8, 0xf0, rootComplex + 1);
  configure(0xf8, 0x40, 0x601);
  configure(0xf8, 0x44, 0x80);
  configure(0x00, 0x60, mmconfig + 1);
}

/** An ATA command with bus-master DMA from or to anywhere; now and then a packet. */
function ata(dice: Dice): void {
  if (dice.below(4) !== 0) setUp();
  const channel = dice.of([0, 0, 0, 1]);
  const base = channel === 0 ? 0x1f0 : 0x170;
  const table = (somewhere(dice) & ~3) >>> 0;
  const entries = new DataView(new ArrayBuffer(64));
  for (let entry = 0; entry < 8; entry++) {
    entries.setUint32(8 * entry, somewhere(dice), true);
    entries.setUint32(
      8 * entry + 4,
      (dice.below(3) === 0 ? 0x8000_0000 : 0) + dice.of([0, 1, 2, 511, 512, 0x1000, 0xfffe, 0xffff]),
      true,
    );
  }
  bare.bus.memory.dmaWrite(table, new Uint8Array(entries.buffer));
  out(busMaster + 8 * channel + 4, table, 4);
  // Not held in reset; sometimes interrupts off, sometimes a reset on the way.
  out(base + 0x206, dice.of([0, 0, 0, 2]));
  if (dice.below(6) === 0) for (const value of [4, 0]) out(base + 0x206, value);
  out(
    base + 6,
    0xa0 |
      (dice.below(channel === 0 ? 2 : 8) === 0 ? 0 : channel === 0 ? 0x10 : 0) |
      (dice.below(4) === 0 ? dice.below(16) : 0x40),
  );
  // Mostly inside of the medium.
  for (const [register, limit] of [
    [1, 2],
    [2, 12],
    [3, 256],
    [4, 8],
    [5, 1],
  ] as const) {
    for (let time = 0; time < 2; time++) out(base + register, dice.below(12) === 0 ? dice.below(256) : time * dice.below(limit));
  }
  const command = channel === 1 && dice.below(3) !== 0 ? 0xa0 : dice.of(ataCommands);
  out(base + 7, command);
  out(busMaster + 8 * channel, 1 | (dice.below(2) << 3));
  if (command === 0xa0) {
    out(base, dice.of(packetCommands) | (dice.below(256) << 8), 2);
    for (let word = 1; word < 6; word++) out(base, dice.below(3) === 0 ? dice.below(0x1_0000) : dice.below(4) << 8, 2);
  }
  for (let word = dice.below(300); word > 0; word--)
    if (dice.below(2) === 0) read(base, dice.of(widths));
    else out(base, dice.next(), dice.of(widths));
}

/** A floppy command with its parameters, and the 8237's channel for it. */
function floppy(dice: Dice): void {
  if (dice.below(4) !== 0) setUp();
  if (dice.below(2) === 0) {
    out(0x0c, 0);
    const address = somewhere(dice);
    out(0x04, address & 0xff);
    out(0x04, (address >>> 8) & 0xff);
    out(0x81, (address >>> 16) & 0xff);
    out(0x05, dice.below(256));
    out(0x05, dice.below(8));
    out(0x0b, 0x40 | (dice.below(4) << 2) | 2 | (dice.below(2) << 4));
    out(0x0a, 2);
  }
  out(0x3f2, 0x0c | dice.below(2) | (dice.below(8) === 0 ? 0 : 0x10));
  out(0x3f5, dice.of(floppyCommands));
  for (let parameter = 0; parameter < 8; parameter++) out(0x3f5, dice.below(3) === 0 ? dice.below(256) : dice.below(19));
  for (let result = 0; result < 7; result++) read(0x3f5);
}

function perform(dice: Dice): void {
  const width = dice.of(widths);
  const fits = (value: number | undefined) => {
    if (value === undefined) return;
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width))
      throw new RangeError(`${value} does not fit ${width} bytes`);
  };
  switch (dice.below(20)) {
    case 0:
    case 1:
    case 2: {
      const [first, count] = dice.of(ports);
      return fits(bare.bus.portRead((first + dice.below(count)) & 0xffff, width));
    }
    case 3:
    case 4:
    case 5:
    case 6: {
      const [first, count] = dice.of(ports);
      return bare.bus.portWrite((first + dice.below(count)) & 0xffff, width, dice.below(2) === 0 ? dice.below(256) : dice.next());
    }
    case 7:
    case 8: {
      const [first, count] = dice.of(places);
      // An access lies in one page: what crosses is made of two.
      const address = (first + dice.below(count)) & -width;
      return fits(bare.bus.mmioRead(address >>> 0, width));
    }
    case 9:
    case 10: {
      const [first, count] = dice.of(places);
      const address = (first + dice.below(count)) & -width;
      return bare.bus.mmioWrite(address >>> 0, width, dice.next());
    }
    case 11: {
      const [first, count] = dice.of(ports);
      return fits(bare.bus.portPeek((first + dice.below(count)) & 0xffff, width));
    }
    case 12:
      return configure(dice.of(functions), dice.below(64) * 4, dice.below(2) === 0 ? dice.next() : somewhere(dice));
    case 13:
      return setUp();
    case 14:
      return ata(dice);
    case 15:
      return floppy(dice);
    case 16:
      chips.typeScancodes(Array.from({ length: dice.below(6) }, () => dice.below(256)));
      chips.moveMouse({
        kind: 'mouse',
        dx: dice.below(900) - 450,
        dy: dice.below(900) - 450,
        wheel: dice.below(9) - 4,
        buttons: dice.below(8),
      });
      chips.receiveSerial(Uint8Array.from({ length: dice.below(20) }, () => dice.below(256)));
      if (dice.below(20) === 0) chips.pressPowerButton();
      return;
    case 17:
      for (let cpu = 0; cpu < configuration.cpus; cpu++) if (chips.interruptPending(cpu)) chips.acknowledgeInterrupt(cpu);
      return;
    default:
      bare.hostTime += BigInt(dice.below(dice.of([100, 10_000, 3_000_000])));
      for (let time = 0; time < 8 && bare.bus.runDueTimers(); time++);
  }
}

/** All blocks of the machine, one behind the other. */
const blocks = (): Buffer => Buffer.concat(bare.memory.directory.list().map(({ bytes }) => bytes));

/** Every chip says what it does, in complete sentences so to speak, and not a byte of any block changes. */
function inspect(): void {
  const before = blocks();
  const said = chips.inspect();
  if (!blocks().equals(before)) throw new Error('a chip changed when it was looked at');
  for (const { id, facts, tables } of said) {
    const cells = [...facts.flatMap(({ value, note }) => [value, note ?? '']), ...tables.flatMap(({ rows }) => rows.flat())];
    if (cells.some((cell) => /undefined|NaN|\[object/.test(cell))) throw new Error(`${id} says ${cells.join(' | ')}`);
    for (const { title, columns, rows } of tables)
      if (rows.some((row) => row.length !== columns.length)) throw new Error(`${id}: ${title} has rows without all columns`);
  }
}

describe('the chips of a machine', () => {
  it(
    'withstand any guest: no exception, nothing touched that is not theirs, a picture at any time',
    { timeout: patience },
    async () => {
      for (let seed = 1; seed <= runs; seed++) {
        const dice = new Dice(seed);
        bare.bus.memory.reset();
        chips.reset();
        setUp();
        for (let step = 0; step < operations; step++) {
          try {
            perform(dice);
            if (step % 400 === 399) {
              const { width, height, rgba } = chips.screenshot(0);
              if (rgba.length !== 4 * width * height)
                throw new RangeError(`a picture of ${width}×${height} has ${rgba.length} bytes`);
              chips.screen(0).render();
              chips.screenText();
            }
            if (step % 100 === 99) inspect();
          } catch (error) {
            throw new Error(`seed ${seed}, step ${step}`, { cause: error });
          }
          if (step % 4 === 0) {
            disks.look();
            await disks.settle();
          }
        }
        expect([seed, outside, touched()]).toEqual([seed, [], -1]);
      }
      // Else the dice never got past the controllers.
      expect(accesses.reads).toBeGreaterThan(50);
      expect(accesses.writes).toBeGreaterThan(10);
    },
  );

  it('say what they do without a change, each under a name of its own', () => {
    chips.reset();
    inspect();
    const said = chips.inspect();
    expect(new Set(said.map(({ id }) => id)).size).toBe(said.length);
    expect(said.map(({ id }) => id)).toEqual([
      ...[
        'lapic0',
        'lapic1',
        'pic',
        'ioapic',
        'pit',
        'rtc',
        'dma',
        'ps2',
        'pci',
        'host-bridge',
        'lpc',
        'com1',
        'debug-port',
        'vga',
      ],
      ...['video-function', 'display', 'hot-plug'],
      ...['keyboard', 'mouse', 'pointer', 'touch', 'pen'].map((kind) => `virtio-input-${kind}`),
      ...['ide', 'floppy', 'power-management'],
    ]);
    // Negative control: the guest's own way to look is seen to change something.
    out(0x43, 0x30);
    const before = blocks();
    read(0x40);
    expect(blocks().equals(before)).toBe(false);
  });

  it('say what the guest has made of them', () => {
    chips.reset();
    const fact = (chip: string, name: string) => {
      const found = chips.inspect().find(({ id }) => id === chip);
      const { value, flags = [] } = found?.facts.find((each) => each.name === name) ?? { value: '' };
      return [value, ...flags.filter(({ set }) => set).map((flag) => flag.name)].join(' ');
    };
    const row = (chip: string, first: string) =>
      chips
        .inspect()
        .find(({ id }) => id === chip)
        ?.tables.flatMap(({ rows }) => rows)
        .find(([cell]) => cell === first);
    for (const [base, vectors] of [
      [0x20, 0x20],
      [0xa0, 0x28],
    ] as const) {
      out(base, 0x11);
      for (const word of [vectors, base === 0x20 ? 4 : 2, 1, 0xfa]) out(base + 1, word);
    }
    expect(row('pic', 'Vectors')).toEqual(['Vectors', '20-27', '28-2f']);
    expect(row('pic', 'Masked (IMR)')).toEqual(['Masked (IMR)', '1 3 4 5 6 7', '9 11 12 13 14 15']);
    out(0x43, 0x34);
    for (const byte of [0x9b, 0x2e]) out(0x40, byte);
    bare.hostTime += 1_000_000n;
    expect(row('pit', '0')?.slice(0, 3)).toEqual(['0', '2: rate', '11931']);
    expect(row('pit', '0')?.[4]).toBe('100.01 Hz');
    out(0x3fb, 0x83);
    for (const [at, byte] of [
      [0x3f8, 12],
      [0x3f9, 0],
      [0x3fb, 0x03],
    ] as const)
      out(at, byte);
    expect(fact('com1', 'Line')).toBe('9600 baud, 8N1');
    expect(fact('com1', 'LSR')).toBe('60 THRE TEMT');
    bare.bus.mmioWrite(0xfec0_0000, 4, 0x12);
    bare.bus.mmioWrite(0xfec0_0010, 4, 0x0001_a931);
    expect(row('ioapic', '1')).toEqual(['1', '31', 'lowest priority', 'logical 00', 'level', 'masked active low']);
    setUp();
    expect(row('pci', '01.0')?.slice(1, 4)).toEqual(['1234:1111', '030000', 'I M B']);
    expect(row('pci', '01.0')?.[5]).toContain('BAR 2 f0000000 (4 KiB)');
    expect(row('ide', 'ide0.0')?.[1]).toBe('disk, 1 MiB');
    bare.bus.memory.a20 = false;
    expect(fact('lpc', 'A20')).toBe('masked');
    bare.bus.memory.a20 = true;
  });

  it('would be found out: a byte in what is not theirs is noticed', () => {
    for (const [index, moat] of moats.entries()) {
      moat[moat.length - 1] = 1;
      expect(touched()).toBe(index);
      moat[moat.length - 1] = 0;
    }
    expect(touched()).toBe(-1);
  });
});
