import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { Dma } from '../dma/dma.ts';
import { FakeBus, FakeLine } from '../testing/fake-bus.ts';
import { Floppy } from './floppy.ts';

const imageBytes = 1_474_560;
const pattern = Uint8Array.from({ length: imageBytes }, (_, at) => (at * 11 + (at >> 9) * 5) & 0xff);

function machine(bytes = imageBytes, readOnly = false) {
  const bus = new FakeBus({ ramBytes: 1 << 20 });
  const line = new FakeLine();
  const dma = new Dma(bus);
  const floppy = new Floppy(bus, dma, line);
  const image = pattern.slice(0, bytes);
  if (bytes > 0) bus.insert('floppy0', image, readOnly);
  dma.reset();
  floppy.reset();
  const parts = {
    bus,
    line,
    floppy,
    image,
    main: () => bus.in(0x3f4),
    send(...values: number[]) {
      for (const value of values) {
        expect(bus.in(0x3f4) & 0xc0).toBe(0x80);
        bus.out(0x3f5, value);
      }
    },
    results(): number[] {
      const values: number[] = [];
      while ((bus.in(0x3f4) & 0xd0) === 0xd0) values.push(bus.in(0x3f5));
      return values;
    },
    /** Programs channel 2: mode 0x46 to memory, 0x4A from memory. */
    channel(mode: number, address: number, count: number) {
      bus.out(0x0a, 6);
      bus.out(0x0c, 0);
      bus.out(0x0b, mode);
      for (const value of [address & 0xff, (address >> 8) & 0xff]) bus.out(0x04, value);
      for (const value of [(count - 1) & 0xff, (count - 1) >> 8]) bus.out(0x05, value);
      bus.out(0x81, address >> 16);
      bus.out(0x0a, 2);
    },
    memory(address: number, length: number) {
      const data = new Uint8Array(length);
      bus.memory.dmaRead(address, data);
      return data;
    },
    /** Out of reset, drive 0 on, at 500 kbit/s, its four interrupts taken. */
    begin(specify = 0x02) {
      bus.out(0x3f2, 0x1c);
      bus.out(0x3f7, 0);
      bus.advance(1_000_000);
      for (let drive = 0; drive < 4; drive++) {
        parts.send(0x08);
        expect(parts.results()).toEqual([0xc0 | drive, 0]);
      }
      parts.send(0x03, 0xdf, specify);
    },
    seek(cylinder: number) {
      parts.send(0x0f, 0, cylinder);
      bus.advance(1_000_000);
      parts.send(0x08);
      expect(parts.results()).toEqual([0x20, cylinder]);
    },
  };
  return parts;
}

const sector = (cylinder: number, head: number, number: number) => ((cylinder * 2 + head) * 18 + number - 1) * 512;

describe('the controller', () => {
  it('leaves reset with an interrupt, and reports each drive once', () => {
    const parts = machine();
    expect(parts.main()).toBe(0);
    parts.bus.out(0x3f2, 0x0c);
    parts.bus.advance(1_000_000);
    expect(parts.line.asserted).toBe(true);
    parts.send(0x08);
    expect(parts.line.asserted).toBe(false);
    parts.results();
    for (let drive = 1; drive < 4; drive++) {
      parts.send(0x08);
      parts.results();
    }
    parts.send(0x08);
    expect(parts.results()).toEqual([0x80]);
  });

  it('still interrupts at the end of a seek where the result of another command is read before', () => {
    const parts = machine();
    parts.begin();
    parts.send(0x0f, 0, 5);
    parts.send(0x04, 0);
    expect(parts.results()).toHaveLength(1);
    expect(parts.line.asserted).toBe(false);
    parts.bus.advance(1_000_000);
    expect(parts.line.asserted).toBe(true);
    parts.send(0x08);
    expect(parts.results()).toEqual([0x20, 5]);
    expect(parts.line.asserted).toBe(false);
  });

  it('tells its version, refuses what it does not know, and keeps what it was configured to', () => {
    const parts = machine();
    parts.begin();
    parts.send(0x10);
    expect(parts.results()).toEqual([0x90]);
    parts.send(0x1f);
    expect(parts.results()).toEqual([0x80]);
    parts.send(0x13, 0, 0x57, 3);
    parts.send(0x94);
    expect(parts.results()).toEqual([0x10]);
    parts.send(0x0e);
    expect(parts.results().slice(4)).toEqual([0xdf, 0x02, 18, 0x80, 0x57, 3]);
  });

  it('says that the diskette was changed until the head moves', () => {
    const parts = machine();
    parts.begin();
    expect(parts.bus.in(0x3f7) & 0x80).toBe(0x80);
    parts.seek(1);
    expect(parts.bus.in(0x3f7) & 0x80).toBe(0);
  });

  it.each([
    [163_840, 1],
    [368_640, 1],
    [737_280, 3],
    [1_228_800, 2],
    [1_474_560, 4],
    [0, 0],
  ])('has a drive for an image of %i bytes: CMOS type %i', (bytes, type) => {
    expect(machine(bytes).floppy.driveType(0)).toBe(type);
  });
});

describe('reading and writing', () => {
  it('reads over both sides of a cylinder by DMA, until terminal count', () => {
    const parts = machine();
    parts.begin();
    parts.seek(3);
    parts.channel(0x46, 0x12000, 4 * 512);
    parts.send(0xe6, 0, 3, 0, 17, 2, 18, 0x1b, 0xff);
    expect(parts.bus.serveDisks()).toBe(4);
    expect(parts.line.asserted).toBe(true);
    expect(parts.results()).toEqual([0x04, 0, 0, 3, 1, 3, 2]);
    expect(parts.line.asserted).toBe(false);
    expect(parts.memory(0x12000, 2048)).toEqual(parts.image.slice(sector(3, 0, 17), sector(3, 0, 17) + 2048));
  });

  it('ends abnormally at the end of a cylinder when nobody says that it is enough', () => {
    const parts = machine();
    parts.begin();
    parts.seek(0);
    parts.channel(0x46, 0x12000, 8 * 512);
    parts.send(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
    parts.bus.serveDisks();
    expect(parts.results().slice(0, 3)).toEqual([0x40, 0x80, 0]);
  });

  it('writes by DMA', () => {
    const parts = machine();
    parts.begin();
    parts.seek(5);
    const data = Uint8Array.from({ length: 1024 }, (_, at) => at % 253);
    parts.bus.memory.dmaWrite(0x13000, data);
    parts.channel(0x4a, 0x13000, 1024);
    parts.send(0xc5, 4, 5, 1, 2, 2, 18, 0x1b, 0xff);
    parts.bus.serveDisks();
    expect(parts.results().slice(0, 3)).toEqual([0x04, 0, 0]);
    expect(parts.image.slice(sector(5, 1, 2), sector(5, 1, 2) + 1024)).toEqual(data);
  });

  it('waits for a DMA channel that is still masked', () => {
    const parts = machine();
    parts.begin();
    parts.seek(0);
    parts.channel(0x46, 0x12000, 512);
    parts.bus.out(0x0a, 6);
    parts.send(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    parts.bus.serveDisks();
    expect(parts.line.asserted).toBe(false);
    parts.bus.out(0x0a, 2);
    parts.bus.advance(2_000_000);
    expect(parts.results().slice(0, 3)).toEqual([0, 0, 0]);
    expect(parts.memory(0x12000, 512)).toEqual(parts.image.slice(0, 512));
  });

  it('gives bytes through the FIFO without DMA', () => {
    const parts = machine();
    parts.begin(0x03);
    parts.seek(0);
    parts.send(0x46, 0, 0, 0, 18, 2, 18, 0x1b, 0xff);
    parts.bus.serveDisks();
    const data = Uint8Array.from({ length: 512 }, () => {
      expect(parts.main() & 0xf0).toBe(0xf0);
      return parts.bus.in(0x3f5);
    });
    expect(data).toEqual(parts.image.slice(sector(0, 0, 18), sector(0, 0, 18) + 512));
    expect(parts.results().slice(0, 3)).toEqual([0x40, 0x80, 0]);
  });

  it('formats a track from the host’s list of sectors', () => {
    const parts = machine();
    parts.begin();
    parts.seek(7);
    parts.bus.memory.dmaWrite(0x14000, Uint8Array.from({ length: 18 * 4 }, (_, at) => [7, 0, (at >> 2) + 1, 2][at & 3] ?? 0));
    parts.channel(0x4a, 0x14000, 72);
    parts.send(0x4d, 0, 2, 18, 0x54, 0xf6);
    parts.bus.serveDisks();
    expect(parts.results().slice(0, 3)).toEqual([0, 0, 0]);
    expect(parts.image.slice(sector(7, 0, 1), sector(7, 1, 1)).every((byte) => byte === 0xf6)).toBe(true);
    expect(parts.image[sector(7, 1, 1)]).toBe(pattern[sector(7, 1, 1)]);
  });

  it('refuses to write where it may not, to read where nothing is, and at the wrong data rate', () => {
    const locked = machine(imageBytes, true);
    locked.begin();
    locked.seek(0);
    locked.send(0xc5, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    expect(locked.results().slice(0, 2)).toEqual([0x40, 2]);
    locked.send(0xe6, 0, 0, 0, 19, 2, 19, 0x1b, 0xff);
    expect(locked.results().slice(0, 2)).toEqual([0x40, 4]);
    locked.bus.out(0x3f7, 2);
    locked.send(0x4a, 0);
    expect(locked.results().slice(0, 2)).toEqual([0x40, 1]);
  });

  it('reports what the host could not do', () => {
    const parts = machine();
    parts.begin();
    parts.seek(0);
    parts.channel(0x46, 0x12000, 512);
    parts.send(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    parts.bus.serveDisks('failed');
    expect(parts.results().slice(0, 3)).toEqual([0x40, 0x20, 0x20]);
  });
});

it('takes any traffic: no exception, nothing outside of its block, and a reset brings it back', () => {
  const step = fc.record({
    port: fc.constantFrom(0x3f0, 0x3f1, 0x3f2, 0x3f3, 0x3f4, 0x3f5, 0x3f5, 0x3f5, 0x3f7, 0x0a, 0x0b, 0x04, 0x05),
    value: fc.oneof(fc.constantFrom(0xe6, 0xc5, 0x4d, 0x08, 0x0f, 0, 1, 2, 18, 0x1c), fc.integer({ min: 0, max: 255 })),
    width: fc.constantFrom(1, 1, 1, 2, 4),
    write: fc.boolean(),
    serve: fc.constantFrom('no', 'done', 'failed', 'time'),
    repeat: fc.constantFrom(1, 1, 9, 520),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const parts = machine();
      parts.bus.out(0x3f2, 0x1c);
      for (const { port, value, width, write, serve, repeat } of steps) {
        for (let count = 0; count < repeat; count++) {
          if (write) parts.bus.out(port, value, width as 1 | 2 | 4);
          else parts.bus.in(port, width as 1 | 2 | 4);
        }
        if (serve === 'time') parts.bus.advance(3_000_000);
        else if (serve !== 'no') parts.bus.serveDisks(serve);
      }
      expect(parts.bus.blocksIntact()).toBe(true);
      parts.bus.out(0x3f2, 0);
      parts.bus.out(0x3f2, 0x1c);
      parts.bus.serveDisks();
      parts.bus.advance(1_000_000);
      expect(parts.main()).toBe(0x80);
      expect(parts.line.asserted).toBe(true);
    }),
    { numRuns: 25 },
  );
});
