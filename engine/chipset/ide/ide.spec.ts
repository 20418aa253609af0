import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { FakeBus, FakeLine } from '../testing/fake-bus.ts';
import { PciBus } from '../pci/pci.ts';
import { Ide, type IdeDrives } from './ide.ts';
import { Command, DeviceBit, Register, Status } from './registers.ts';

const base = 0x1f0;
const control = 0x3f6;
const sectors = 4096;
const masterBase = 0xc000;

function pattern(bytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: bytes }, (_, at) => (at * 7 + (at >> 9) * 13) & 0xff);
}

function machine(drives: IdeDrives = ['disk', undefined, 'cdrom', undefined]) {
  const bus = new FakeBus({ ramBytes: 1 << 20 });
  const line = new FakeLine();
  const secondary = new FakeLine();
  const ide = new Ide(bus, new PciBus(bus), line, secondary, drives);
  const image = pattern(sectors * 512);
  const disc = pattern(300 * 2048);
  for (const [index, kind] of drives.entries()) {
    const name = `ide${index >> 1}.${index & 1}`;
    if (kind === 'disk') bus.insert(name, image);
    if (kind === 'cdrom') bus.insert(name, disc, true);
  }
  ide.reset();
  return { bus, line, secondary, ide, image, disc, ...driver(bus, base, control) };
}

function driver(bus: FakeBus, first: number, controlPort: number) {
  const out = (register: Register, value: number) => bus.out(first + register, value);
  const status = () => bus.in(controlPort);
  return {
    out,
    status,
    error: () => bus.in(first + Register.features),
    register: (register: Register) => bus.in(first + register),
    /** LBA28. */
    address(lba: number, count: number, device = 0) {
      out(Register.device, 0xe0 | device | (lba >> 24));
      out(Register.sectorCount, count & 0xff);
      out(Register.lbaLow, lba & 0xff);
      out(Register.lbaMid, (lba >> 8) & 0xff);
      out(Register.lbaHigh, (lba >> 16) & 0xff);
    },
    command: (code: number) => out(Register.command, code),
    take(bytes: number): Uint8Array {
      const data = new Uint8Array(bytes);
      for (let at = 0; at < bytes; at += 2) {
        const word = bus.in(first, 2);
        data[at] = word & 0xff;
        data[at + 1] = word >> 8;
      }
      return data;
    },
    give(data: Uint8Array) {
      for (let at = 0; at < data.length; at += 2) bus.out(first, (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8), 2);
    },
  };
}

const text = (data: Uint8Array, word: number, count: number) =>
  Array.from({ length: count }, (_, index) => String.fromCharCode(data[2 * (word + index) + 1] ?? 0, data[2 * (word + index)] ?? 0)).join('');

/** Sends a packet on the secondary channel and returns its data; undefined when it ends in CHECK CONDITION. */
function packet(parts: ReturnType<typeof machine>, bytes: number[], limit = 0xfffe): Uint8Array | undefined {
  const { bus } = parts;
  const cd = driver(bus, 0x170, 0x376);
  cd.out(Register.device, 0xa0);
  cd.out(Register.features, 0);
  cd.out(Register.lbaMid, limit & 0xff);
  cd.out(Register.lbaHigh, limit >> 8);
  cd.command(Command.packet);
  expect(cd.register(Register.sectorCount)).toBe(1);
  cd.give(Uint8Array.from([...bytes, ...new Array<number>(12 - bytes.length).fill(0)]));
  const data: number[] = [];
  for (;;) {
    bus.serveDisks();
    const status = cd.status();
    if (status & Status.error) return undefined;
    if ((status & Status.dataRequest) === 0) break;
    expect(cd.register(Register.sectorCount)).toBe(2);
    const count = cd.register(Register.lbaMid) | (cd.register(Register.lbaHigh) << 8);
    expect(count).toBeLessThanOrEqual(limit);
    data.push(...cd.take(count + (count & 1)).subarray(0, count));
  }
  expect(cd.register(Register.sectorCount)).toBe(3);
  return Uint8Array.from(data);
}

describe('the registers of a channel', () => {
  it('float where there is no device, and device 0 answers for a device 1 that is not there', () => {
    const { bus, out, status } = machine(['disk', undefined, undefined, undefined]);
    expect(bus.in(0x177)).toBe(0x7f);
    out(Register.device, DeviceBit.device1);
    expect(status()).toBe(0);
    out(Register.sectorCount, 0x55);
    expect(bus.in(base + Register.sectorCount)).toBe(0x55);
  });

  it('show the signatures after a software reset', () => {
    const parts = machine(['disk', 'cdrom', undefined, undefined]);
    const { bus, out, register, status } = parts;
    bus.out(control, 4);
    expect(status()).toBe(Status.busy);
    bus.out(control, 0);
    expect([register(2), register(3), register(4), register(5), status()]).toEqual([1, 1, 0, 0, 0x50]);
    out(Register.device, DeviceBit.device1);
    expect([register(2), register(3), register(4), register(5), status()]).toEqual([1, 1, 0x14, 0xeb, 0]);
  });

  it('drop a command under way at a software reset', () => {
    const { bus, address, command, status } = machine();
    address(0, 1);
    command(Command.readSectors);
    bus.out(control, 4);
    bus.out(control, 0);
    expect(bus.serveDisks()).toBe(0);
    expect(status()).toBe(0x50);
  });
});

describe('a disk', () => {
  it('identifies itself with its size and a checksum', () => {
    const { command, take, line } = machine();
    command(Command.identify);
    expect(line.asserted).toBe(true);
    const data = take(512);
    expect(text(data, 27, 20).trim()).toBe('VITRINE HARD DISK');
    expect((data[120] ?? 0) | ((data[121] ?? 0) << 8)).toBe(sectors);
    expect(data.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
  });

  it('reads sectors with an interrupt for each, which reading the status takes back', () => {
    const { bus, line, image, address, command, take, status } = machine();
    address(5, 3);
    command(Command.readSectors);
    expect(status()).toBe(Status.busy);
    expect(bus.serveDisks()).toBe(1);
    for (let sector = 5; sector < 8; sector++) {
      expect(line.asserted).toBe(true);
      bus.in(base + Register.command);
      expect(line.asserted).toBe(false);
      expect(take(512)).toEqual(image.slice(sector * 512, (sector + 1) * 512));
    }
    expect(line.asserted).toBe(false);
    expect(status()).toBe(0x50);
  });

  it('reads 256 sectors for a count of zero, more than its buffer holds', () => {
    const { bus, image, address, command, take, status } = machine();
    address(0, 0);
    command(Command.readSectors);
    const data = new Uint8Array(256 * 512);
    for (let sector = 0; sector < 256; sector++) {
      bus.serveDisks();
      data.set(take(512), sector * 512);
    }
    expect(data).toEqual(image.slice(0, data.length));
    expect(status()).toBe(0x50);
  });

  it('reads the same sector by CHS, LBA28 and LBA48', () => {
    const { bus, image, out, address, command, take } = machine();
    const lba = 2 * 16 * 63 + 3 * 63 + 4; // cylinder 2, head 3, sector 5
    const wanted = image.slice(lba * 512, (lba + 1) * 512);
    address(lba, 1);
    command(Command.readSectors);
    bus.serveDisks();
    expect(take(512)).toEqual(wanted);
    out(Register.device, 0xa3);
    out(Register.sectorCount, 1);
    out(Register.lbaLow, 5);
    out(Register.lbaMid, 2);
    out(Register.lbaHigh, 0);
    command(Command.readSectors);
    bus.serveDisks();
    expect(take(512)).toEqual(wanted);
    out(Register.device, 0x40);
    for (const [register, high, low] of [
      [Register.sectorCount, 0, 1],
      [Register.lbaLow, 0, lba & 0xff],
      [Register.lbaMid, 0, lba >> 8],
      [Register.lbaHigh, 0, 0],
    ] as const) {
      out(register, high);
      out(register, low);
    }
    command(Command.readSectorsExt);
    bus.serveDisks();
    expect(take(512)).toEqual(wanted);
  });

  it.each([
    ['is not there', undefined],
    ['is another disk', 'disk'],
  ] as const)('goes on with the drive that was asked where the other one, which %s, is selected in the middle of a transfer', (_, other) => {
    const parts = machine(['disk', other, 'cdrom', undefined]);
    parts.address(7, 1);
    parts.command(Command.writeSectors);
    expect(parts.status() & Status.dataRequest).not.toBe(0);
    parts.out(Register.device, 0xe0 | DeviceBit.device1);
    expect(parts.register(Register.device)).toBe(0xe0);
    parts.give(new Uint8Array(512).fill(0xa5));
    parts.bus.serveDisks();
    expect(parts.status() & (Status.error | Status.busy | Status.dataRequest)).toBe(0);
    parts.out(Register.device, 0xe0 | DeviceBit.device1);
    expect(parts.register(Register.device)).toBe(0xe0 | DeviceBit.device1);
  });

  it('writes sectors, asking for each after the first with an interrupt', () => {
    const { bus, line, image, address, command, give, status } = machine();
    const data = Uint8Array.from({ length: 1024 }, (_, at) => at % 251);
    address(100, 2);
    command(Command.writeSectors);
    expect(line.asserted).toBe(false);
    expect(status()).toBe(0x58);
    give(data.subarray(0, 512));
    expect(line.asserted).toBe(true);
    bus.in(base + Register.command);
    give(data.subarray(512));
    expect(status()).toBe(Status.busy);
    bus.serveDisks();
    expect(line.asserted).toBe(true);
    expect(image.slice(100 * 512, 102 * 512)).toEqual(data);
  });

  it('moves blocks of several sectors once SET MULTIPLE MODE allowed it, and refuses before', () => {
    const { bus, line, image, out, address, command, take, status, error } = machine();
    address(1, 8);
    command(Command.readMultiple);
    expect([status(), error()]).toEqual([0x51, 4]);
    out(Register.sectorCount, 4);
    command(Command.setMultiple);
    address(1, 6);
    const before = line.risingEdges;
    bus.in(base + Register.command);
    command(Command.readMultiple);
    bus.serveDisks();
    expect(take(4 * 512)).toEqual(image.slice(512, 5 * 512));
    bus.in(base + Register.command);
    expect(take(2 * 512)).toEqual(image.slice(5 * 512, 7 * 512));
    expect(line.risingEdges - before).toBeLessThanOrEqual(2);
    expect(status()).toBe(0x50);
  });

  it('refuses what is beyond its end, and writes to an image that may not be written', () => {
    const { bus, image, address, command, status, error } = machine();
    address(sectors - 1, 2);
    command(Command.readSectors);
    expect([status(), error()]).toEqual([0x51, 0x10]);
    bus.insert('ide0.0', image, true);
    address(0, 1);
    command(Command.writeSectors);
    expect([status(), error()]).toEqual([0x51, 4]);
  });

  it('reports what the host could not do as an error of the device', () => {
    const { bus, address, command, give, status, error } = machine();
    address(7, 1);
    command(Command.readSectors);
    bus.serveDisks('failed');
    expect([status(), error()]).toEqual([0x51, 0x40]);
    address(7, 1);
    command(Command.writeSectors);
    give(new Uint8Array(512));
    bus.serveDisks('full');
    expect(status()).toBe(0x71);
  });

  it('is done with FLUSH CACHE only when the host has flushed', () => {
    const { bus, line, command, status } = machine();
    command(Command.flush);
    expect(status()).toBe(Status.busy);
    expect(line.asserted).toBe(false);
    bus.serveDisks();
    expect(bus.disks.get('ide0.0')?.flushes).toBe(1);
    expect(status()).toBe(0x50);
    expect(line.asserted).toBe(true);
  });

  it('holds its interrupt back while nIEN is set', () => {
    const { bus, line, command } = machine();
    bus.out(control, 2);
    command(Command.identify);
    expect(line.asserted).toBe(false);
    bus.out(control, 0);
    expect(line.asserted).toBe(true);
  });
});

describe('the bus master', () => {
  function ready(regions: { address: number; bytes: number }[]) {
    const parts = machine();
    const { bus } = parts;
    // BAR 4, I/O and bus master enable.
    const config = (register: number, value: number) => {
      bus.out(0xcf8, 0x8000_0000 + ((31 << 11) | (1 << 8) | register), 4);
      bus.out(0xcfc, value, 4);
    };
    config(0x20, masterBase | 1);
    config(0x04, 5);
    const table = new Uint8Array(regions.length * 8);
    const view = new DataView(table.buffer);
    regions.forEach(({ address, bytes }, index) => {
      view.setUint32(8 * index, address, true);
      view.setUint16(8 * index + 4, bytes & 0xffff, true);
      view.setUint8(8 * index + 7, index === regions.length - 1 ? 0x80 : 0);
    });
    bus.memory.dmaWrite(0x1000, table);
    bus.out(masterBase + 4, 0x1000, 4);
    const memory = (address: number, bytes: number) => {
      const data = new Uint8Array(bytes);
      bus.memory.dmaRead(address, data);
      return data;
    };
    return { ...parts, memory, start: (toMemory: boolean) => bus.out(masterBase, toMemory ? 9 : 1), masterStatus: () => bus.in(masterBase + 2) };
  }

  it('scatters sectors over regions, also of odd lengths, and ends inactive with an interrupt', () => {
    const parts = ready([
      { address: 0x2000, bytes: 6 },
      { address: 0x3002, bytes: 1000 },
      { address: 0x5000, bytes: 18 },
    ]);
    const { bus, image, line } = parts;
    parts.address(9, 2);
    parts.command(Command.readDma);
    parts.start(true);
    expect(parts.masterStatus() & 1).toBe(1);
    bus.serveDisks();
    const moved = [parts.memory(0x2000, 6), parts.memory(0x3002, 1000), parts.memory(0x5000, 18)].flatMap((part) => [...part]);
    expect(Uint8Array.from(moved)).toEqual(image.slice(9 * 512, 11 * 512));
    expect(parts.masterStatus() & 5).toBe(4);
    expect(line.asserted).toBe(true);
    expect(parts.status()).toBe(0x50);
  });

  it('takes a count of zero for 64 KiB, stays active over a table that is longer than the transfer, and may be started first', () => {
    const parts = ready([{ address: 0x10000, bytes: 0 }, { address: 0x20000, bytes: 0 }]);
    parts.start(true);
    parts.address(0, 128);
    parts.command(Command.readDma);
    parts.bus.serveDisks();
    expect(parts.memory(0x10000, 65_536)).toEqual(parts.image.slice(0, 65_536));
    expect(parts.masterStatus() & 5).toBe(5);
  });

  it('leaves the device waiting when the table is too short: inactive, no interrupt; and goes on with the next table', () => {
    const parts = ready([{ address: 0x2000, bytes: 512 }]);
    parts.address(0, 2);
    parts.command(Command.readDma);
    parts.start(true);
    parts.bus.serveDisks();
    expect(parts.masterStatus() & 5).toBe(0);
    expect(parts.line.asserted).toBe(false);
    parts.bus.out(masterBase, 0);
    parts.start(true);
    expect(parts.memory(0x2000, 512)).toEqual(parts.image.slice(512, 1024));
    expect(parts.masterStatus() & 4).toBe(4);
  });

  it('gathers what is written', () => {
    const parts = ready([{ address: 0x2000, bytes: 100 }, { address: 0x4000, bytes: 412 }]);
    const data = pattern(512).reverse();
    parts.bus.memory.dmaWrite(0x2000, data.subarray(0, 100));
    parts.bus.memory.dmaWrite(0x4000, data.subarray(100));
    parts.address(33, 1);
    parts.command(Command.writeDma);
    parts.start(false);
    expect(parts.line.asserted).toBe(false);
    parts.bus.serveDisks();
    expect(parts.image.slice(33 * 512, 34 * 512)).toEqual(data);
    expect(parts.masterStatus() & 5).toBe(4);
  });

  it('moves nothing while the function may not be a bus master', () => {
    const parts = ready([{ address: 0x2000, bytes: 512 }]);
    parts.bus.out(0xcf8, 0x8000_0000 + ((31 << 11) | (1 << 8) | 4), 4);
    parts.bus.out(0xcfc, 1, 4);
    parts.address(3, 1);
    parts.command(Command.readDma);
    parts.start(true);
    parts.bus.serveDisks();
    expect(parts.memory(0x2000, 512).every((byte) => byte === 0)).toBe(true);
    parts.bus.out(0xcfc, 5, 4);
    expect(parts.memory(0x2000, 512)).toEqual(parts.image.slice(3 * 512, 4 * 512));
  });
});

describe('a CD-ROM drive', () => {
  /** The first command after power-on tells of the disc. */
  function withDisc() {
    const parts = machine();
    expect(packet(parts, [0x00])).toBeUndefined();
    expect(packet(parts, [0x03, 0, 0, 0, 18])?.[2]).toBe(6);
    expect(packet(parts, [0x00])).toEqual(new Uint8Array(0));
    return parts;
  }

  it('answers IDENTIFY DEVICE with its signature and IDENTIFY PACKET DEVICE with what it is', () => {
    const { bus } = machine();
    const cd = driver(bus, 0x170, 0x376);
    cd.command(Command.identify);
    expect([cd.status() & 1, cd.error(), cd.register(Register.lbaMid), cd.register(Register.lbaHigh)]).toEqual([1, 4, 0x14, 0xeb]);
    cd.command(Command.identifyPacket);
    const data = cd.take(512);
    expect([data[0], data[1]]).toEqual([0xc0, 0x85]);
    expect(text(data, 27, 20).trim()).toBe('VITRINE CD-ROM');
  });

  it('tells of its disc once, then its size and contents', () => {
    const parts = withDisc();
    expect([...(packet(parts, [0x25]) ?? [])]).toEqual([0, 0, 1, 43, 0, 0, 8, 0]);
    expect(packet(parts, [0x12, 0, 0, 0, 36])?.length).toBe(36);
    expect([...(packet(parts, [0x43, 0, 0, 0, 0, 0, 0, 0, 100]) ?? [])].slice(0, 4)).toEqual([0, 18, 1, 1]);
    expect([...(packet(parts, [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8]) ?? [])]).toEqual([0, 6, 4, 0x10, 2, 2, 0, 0]);
  });

  it.each([2048, 0xfffe, 700])('reads blocks with at most %i bytes at a time', (limit) => {
    const parts = withDisc();
    expect(packet(parts, [0x28, 0, 0, 0, 0, 9, 0, 0, 40], limit)).toEqual(parts.disc.slice(9 * 2048, 49 * 2048));
  });

  it('refuses what is beyond its end and what it does not know, with sense', () => {
    const parts = withDisc();
    expect(packet(parts, [0x28, 0, 0, 0, 1, 43, 0, 0, 2])).toBeUndefined();
    expect([...(packet(parts, [0x03, 0, 0, 0, 18]) ?? [])].slice(12, 13)).toEqual([0x21]);
    expect(packet(parts, [0xf7])).toBeUndefined();
    expect([...(packet(parts, [0x03, 0, 0, 0, 18]) ?? [])].slice(12, 13)).toEqual([0x20]);
  });

  it('opens unless it was told to keep the disc, and has none while it is open', () => {
    const parts = withDisc();
    packet(parts, [0x1e, 0, 0, 0, 1]);
    expect(packet(parts, [0x1b, 0, 0, 0, 2])).toBeUndefined();
    packet(parts, [0x1e, 0, 0, 0, 0]);
    expect(packet(parts, [0x1b, 0, 0, 0, 2])).toEqual(new Uint8Array(0));
    expect(packet(parts, [0x00])).toBeUndefined();
    expect([...(packet(parts, [0x03, 0, 0, 0, 18]) ?? [])].slice(12, 14)).toEqual([0x3a, 2]);
  });
});

describe('any traffic', () => {
  const ports = [...Array.from({ length: 8 }, (_, index) => base + index), ...Array.from({ length: 8 }, (_, index) => 0x170 + index), control, 0x376];
  const masters = Array.from({ length: 16 }, (_, index) => masterBase + index);
  const step = fc.record({
    port: fc.constantFrom(...ports, ...ports, ...masters),
    width: fc.constantFrom(1, 1, 2, 4),
    value: fc.oneof(fc.constantFrom(0xa0, 0x20, 0x30, 0xc8, 0xca, 0xec, 0xa1, 0xe0, 0x25, 0x28, 0, 9), fc.integer({ min: 0, max: 255 })),
    write: fc.boolean(),
    serve: fc.constantFrom('no', 'no', 'done', 'failed'),
    repeat: fc.constantFrom(1, 1, 12, 600),
  });

  it('neither ends in an exception nor leaves the blocks, and a software reset brings the devices back', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const parts = machine(['disk', 'cdrom', 'cdrom', 'disk']);
        const { bus } = parts;
        bus.out(0xcf8, 0x8000_0000 + ((31 << 11) | (1 << 8) | 0x20), 4);
        bus.out(0xcfc, masterBase | 1, 4);
        bus.out(0xcf8, 0x8000_0000 + ((31 << 11) | (1 << 8) | 4), 4);
        bus.out(0xcfc, 5, 4);
        for (const { port, width, value, write, serve, repeat } of steps) {
          for (let count = 0; count < repeat; count++) {
            if (write) bus.out(port, value, width as 1 | 2 | 4);
            else bus.in(port, width as 1 | 2 | 4);
          }
          if (serve !== 'no') bus.serveDisks(serve === 'done' ? 'done' : 'failed');
        }
        expect(bus.blocksIntact()).toBe(true);
        for (const port of [control, 0x376]) {
          bus.out(port, 4);
          bus.out(port, 0);
        }
        bus.serveDisks();
        parts.address(1, 1);
        parts.command(Command.readSectors);
        bus.serveDisks();
        expect(parts.status() & (Status.busy | Status.dataRequest)).toBe(Status.dataRequest);
      }),
      { numRuns: 25 },
    );
  });
});
