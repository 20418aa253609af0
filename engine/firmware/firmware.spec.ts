import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { BootContext, BootRegisters } from '../machine/boot-context.ts';
import { MachineError } from '../machine/machine.ts';
import { detectImage } from './detect.ts';
import { interruptVectors } from './legacy-state.ts';
import { boot, checkBootSource, planBoot } from './plan.ts';
import type { GuestMemory } from './boot-plan.ts';
import { findRoom } from './loadable.ts';

const mebibyte = 1 << 20;
const memory: GuestMemory = {
  bytes: 16 * mebibyte,
  map: [
    { base: 0, size: 0x9fc00, kind: 'usable' },
    { base: 0x9fc00, size: 0x400, kind: 'reserved' },
    { base: mebibyte, size: 15 * mebibyte, kind: 'usable' },
  ],
};

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof MachineError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(index * 4, value, true));
  return bytes;
}

function bootSector(size = 512): Uint8Array {
  const image = new Uint8Array(size).fill(0x90);
  image[510] = 0x55;
  image[511] = 0xaa;
  return image;
}

/** A flat Multiboot kernel whose header lies at `offset`. */
function flatKernel(options: { offset?: number; size?: number; load?: number; loadEnd?: number; bssEnd?: number; entry?: number; flags?: number } = {}): Uint8Array {
  const { offset = 16, size = 64, load = mebibyte, loadEnd = 0, bssEnd = 0, flags = 0x10003 } = options;
  const image = new Uint8Array(offset + size).fill(0xcc);
  const magic = 0x1badb002;
  image.set(words(magic, flags, -(magic + flags) >>> 0, load + offset, load, loadEnd, bssEnd, options.entry ?? load + offset + 48), offset);
  return image;
}

/** An ELF executable with one segment: 0x1000 of file at physical `physical`, virtual `virtual`. */
function elfKernel(virtual: number, physical: number, entry: number): Uint8Array {
  const image = new Uint8Array(0x1100).fill(0xaa);
  image.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  image.set(words(0x0003_0002, 1, entry, 52, 0, 0, 0x0020_0034, 1), 16);
  image.set(words(1, 0x100, virtual, physical, 0x1000, 0x1800, 7, 0x1000), 52);
  const magic = 0x1badb002;
  image.set(words(magic, 3, -(magic + 3) >>> 0), 0x100);
  return image;
}

/** A minimal bzImage: one setup sector, boot protocol `version`, `paragraphs` of code. */
function bzImage(options: { version?: number; code?: number; loadFlags?: number; initSize?: number } = {}): Uint8Array {
  const { version = 0x020c, code = 64, loadFlags = 1, initSize = 0x2000 } = options;
  const image = new Uint8Array(1024 + code).fill(0);
  const view = new DataView(image.buffer);
  image.fill(0xf4, 1024);
  image[0x1f1] = 1;
  view.setUint32(0x1f4, code / 16, true);
  image.set([0x55, 0xaa, 0xeb, 0x66], 0x1fe);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, version, true);
  image[0x211] = loadFlags;
  view.setUint32(0x214, mebibyte, true);
  view.setUint32(0x22c, 0x7fffffff, true);
  view.setUint32(0x238, 255, true);
  view.setUint32(0x260, initSize, true);
  return image;
}

function bios(size: number): Uint8Array {
  const image = new Uint8Array(size);
  image.set([0xea, 0x5b, 0xe0, 0x00, 0xf0], size - 16);
  return image;
}

function optionRom(): Uint8Array {
  const image = new Uint8Array(1024);
  image.set([0x55, 0xaa, 2]);
  image[1023] = 256 - (0x55 + 0xaa + 2 - 256);
  return image;
}

class RecordingContext implements BootContext {
  readonly ramBytes = memory.bytes;
  readonly cpus = 1;
  readonly memoryMap = memory.map;
  readonly ram = new Uint8Array(memory.bytes);
  readonly ports: [number, number][] = [];
  readonly roms: [number, number][] = [];
  registers: BootRegisters | undefined;
  textModes = 0;
  videoRom: Uint8Array | undefined;
  writeRam(address: number, bytes: Uint8Array) {
    this.ram.set(bytes, address);
  }
  readRam(address: number, length: number) {
    return this.ram.slice(address, address + length);
  }
  mapRom(address: number, bytes: Uint8Array) {
    this.roms.push([address, bytes.length]);
  }
  setRegisters(registers: BootRegisters) {
    this.registers = registers;
  }
  portRead() {
    return 0xff;
  }
  portWrite(port: number, _width: 1 | 2 | 4, value: number) {
    this.ports.push([port, value]);
  }
  setTextMode() {
    this.textModes++;
  }
  setVideoRom(bytes: Uint8Array) {
    this.videoRom = bytes;
  }
  word(address: number) {
    return new DataView(this.ram.buffer).getUint32(address, true);
  }
  text(address: number) {
    return new TextDecoder().decode(this.ram.slice(address, this.ram.indexOf(0, address)));
  }
}

describe('a boot sector', () => {
  it('is entered at 0000:7C00 in real mode with the drive in DL', () => {
    const plan = planBoot({ kind: 'boot-sector', image: bootSector(), drive: 0x80 }, memory);
    expect(plan.registers).toMatchObject({ eip: 0x7c00, edx: 0x80, cr0: 0x10, segments: { cs: { selector: 0, base: 0, limit: 0xffff } } });
  });
  it('is loaded whole, however many sectors it has', () => {
    const plan = planBoot({ kind: 'boot-sector', image: bootSector(5000) }, memory);
    expect(plan.writes).toMatchObject([{ address: 0x7c00, bytes: { length: 5000 } }]);
  });
  it('finds vectors that return, chips in BIOS state, and text mode', () => {
    const context = new RecordingContext();
    boot({ kind: 'boot-sector', image: bootSector() }, context);
    const handler = (vector: number) => {
      const pointer = context.word(vector * 4);
      return (pointer >>> 16) * 16 + (pointer & 0xffff);
    };
    expect(context.ram[handler(0x21)]).toBe(0xcf);
    expect(context.ram.slice(handler(0x0c), handler(0x0c) + 7)).toEqual(Uint8Array.of(0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf));
    expect(context.ram[handler(0x08)]).toBe(0x1e);
    expect(context.word(0x413) & 0xffff).toBe(639);
    expect(context.textModes).toBe(1);
    expect(context.ports).toContainEqual([0x21, 0x08]);
    expect(context.ports).toContainEqual([0xa1, 0x70]);
  });
  it('is refused when it is empty, short, unsigned or too long', () => {
    const check = (image: Uint8Array) => refusal(() => checkBootSource({ kind: 'boot-sector', image }, 64 * mebibyte));
    expect(check(new Uint8Array(0))).toBe('bad-image: The boot sector image is empty.');
    expect(check(new Uint8Array(100))).toBe('bad-image: The boot sector image is cut short: it has 100 bytes of 512.');
    expect(check(new Uint8Array(512))).toMatch(/^bad-image: .*00 00 instead of 55 AA/);
    expect(check(bootSector(mebibyte))).toMatch(/^too-large: /);
    expect(check(bootSector(0x9fc00 - 0x7c00))).toBe('accepted');
  });
});

describe('a Multiboot kernel', () => {
  it('is entered as the specification says, with EBX at a complete information structure', () => {
    const context = new RecordingContext();
    const initrd = new Uint8Array(5000).fill(7);
    boot({ kind: 'kernel', image: flatKernel({ bssEnd: mebibyte + 0x3000 }), initrd, commandLine: 'a b' }, context);
    const registers = context.registers;
    expect(registers).toMatchObject({ eax: 0x2badb002, eip: mebibyte + 64, cr0: 0x11, eflags: 2 });
    expect(registers?.segments?.cs).toMatchObject({ base: 0, limit: 0xffffffff, attributes: 0xc09b });
    expect(registers?.segments?.ss).toMatchObject({ base: 0, limit: 0xffffffff, attributes: 0xc093 });
    const info = registers?.ebx ?? 0;
    expect(context.word(info)).toBe(0x24d);
    expect(context.word(info + 4)).toBe(639);
    expect(context.word(info + 8)).toBe(15 * 1024);
    expect(context.text(context.word(info + 16))).toBe('a b');
    expect(context.text(context.word(info + 64))).toBe('Vitrine');
    expect(context.word(info + 20)).toBe(1);
    const module = context.word(info + 24);
    expect([context.word(module), context.word(module + 4)]).toEqual([mebibyte + 0x3000, mebibyte + 0x3000 + 5000]);
    expect(context.ram[mebibyte + 0x3000 + 4999]).toBe(7);
    const map = context.word(info + 48);
    expect(context.word(info + 44)).toBe(3 * 24);
    expect([0, 4, 12, 20].map((at) => context.word(map + 24 + at))).toEqual([20, 0x9fc00, 0x400, 2]);
  });
  it('finds the descriptors behind its selectors in the GDT', () => {
    const context = new RecordingContext();
    boot({ kind: 'kernel', image: flatKernel() }, context);
    const gdt = context.registers?.gdt?.base ?? 0;
    expect([0x10, 0x14, 0x18, 0x1c].map((at) => context.word(gdt + at))).toEqual([0x0000ffff, 0x00cf9b00, 0x0000ffff, 0x00cf9300]);
  });
  it('loads from the header back, when the header is not at the start of the file', () => {
    const plan = planBoot({ kind: 'kernel', image: flatKernel({ offset: 4096 }) }, memory);
    expect(plan.writes[0]).toMatchObject({ address: mebibyte, bytes: { length: 4096 + 64 } });
  });
  it('is loaded by physical addresses from ELF, and entered at the physical address of its entry', () => {
    const plan = planBoot({ kind: 'kernel', image: elfKernel(0xc0100000, 0x200000, 0xc0100010) }, memory);
    expect(plan.registers?.eip).toBe(0x200010);
    expect(plan.writes[0]).toMatchObject({ address: 0x200000, bytes: { length: 0x1800 } });
    expect(plan.writes[0]?.bytes.subarray(0x1000).every((byte) => byte === 0)).toBe(true);
  });
  it('is refused when it is damaged, asks for the unknown, or does not fit', () => {
    const check = (image: Uint8Array, initrd?: Uint8Array) => refusal(() => checkBootSource({ kind: 'kernel', image, initrd }, memory.bytes));
    expect(check(new Uint8Array(0))).toBe('bad-image: The kernel image is empty.');
    expect(check(new Uint8Array(9000))).toMatch(/^bad-image: The image is not a kernel/);
    expect(check(flatKernel({ flags: 0x10008 }))).toMatch(/^not-supported: /);
    expect(check(flatKernel({ flags: 0x3 }))).toMatch(/^bad-image: .*not an ELF file/);
    expect(check(flatKernel().subarray(0, 40))).toMatch(/^bad-image: .*cut short/);
    expect(check(flatKernel({ loadEnd: mebibyte + 4096 }))).toMatch(/^bad-image: The kernel is cut short/);
    expect(check(flatKernel({ entry: 0 }))).toMatch(/^bad-image: .*entry/);
    expect(check(flatKernel({ bssEnd: 17 * mebibyte }))).toMatch(/^too-large: .*16 MiB/);
    expect(check(flatKernel({ load: 0x9f000, bssEnd: 0xb0000 }))).toMatch(/^bad-image: .*reserved area/);
    expect(check(elfKernel(0x100000, 0x100000, 0x100000).subarray(0, 0x800))).toMatch(/^bad-image: .*cut short/);
    expect(check(elfKernel(0x100000, 0x100000, 0x300000))).toMatch(/^bad-image: .*entry point/);
    expect(check(flatKernel(), new Uint8Array(15 * mebibyte))).toMatch(/^too-large: The initrd/);
  });
});

describe('a Linux kernel', () => {
  it('is entered at code32_start with __BOOT_CS and __BOOT_DS, and ESI at the zero page', () => {
    const context = new RecordingContext();
    const initrd = new Uint8Array(10_000).fill(9);
    boot({ kind: 'kernel', image: bzImage(), initrd, commandLine: 'console=ttyS0' }, context);
    const registers = context.registers;
    expect(registers).toMatchObject({ eip: mebibyte, ebp: 0, edi: 0, ebx: 0, cr0: 0x11, eflags: 2 });
    expect(registers?.segments?.cs?.selector).toBe(0x10);
    expect(registers?.segments?.ds?.selector).toBe(0x18);
    expect(context.ram[mebibyte]).toBe(0xf4);
    const zero = registers?.esi ?? 0;
    expect(context.word(zero + 0x202)).toBe(0x53726448);
    expect(context.text(context.word(zero + 0x228))).toBe('console=ttyS0');
    expect(context.ram[zero + 0x1e8]).toBe(3);
    expect([0, 8, 16].map((at) => context.word(zero + 0x2d0 + 40 + at))).toEqual([mebibyte, 15 * mebibyte, 1]);
    const at = context.word(zero + 0x218);
    expect(context.word(zero + 0x21c)).toBe(10_000);
    expect(at % 4096).toBe(0);
    expect(at).toBe(16 * mebibyte - 3 * 4096);
    expect(context.ram[at + 9_999]).toBe(9);
    expect(context.ram[zero + 0x210]).toBe(0xff);
  });
  it('is refused when it is too old, cut short, low, or too large', () => {
    const check = (image: Uint8Array, more: { initrd?: Uint8Array; commandLine?: string } = {}) =>
      refusal(() => checkBootSource({ kind: 'kernel', image, ...more }, memory.bytes));
    expect(check(bzImage({ version: 0x0201 }))).toMatch(/^not-supported: .*2\.1/);
    expect(check(bzImage().subarray(0, 0x240))).toMatch(/^bad-image: .*cut short/);
    expect(check(bzImage().subarray(0, 1024))).toMatch(/^bad-image: .*nothing follows/);
    expect(check(bzImage({ code: 4096 }).subarray(0, 2048))).toMatch(/^bad-image: .*promises 4 KiB/);
    expect(check(bzImage({ loadFlags: 0 }))).toMatch(/^not-supported: .*zImage/);
    expect(check(bzImage({ initSize: 16 * mebibyte }))).toMatch(/^too-large: /);
    expect(check(bzImage(), { commandLine: 'x'.repeat(256) })).toMatch(/^too-large: The command line/);
    expect(check(bzImage(), { initrd: new Uint8Array(15 * mebibyte) })).toMatch(/^too-large: The initrd/);
  });
});

describe('a BIOS', () => {
  it('ends at 4 GiB, shows its last 128 KiB below 1 MiB, and starts at the reset vector', () => {
    const context = new RecordingContext();
    const vgaBios = optionRom();
    boot({ kind: 'bios', image: bios(256 * 1024), vgaBios }, context);
    expect(context.roms).toEqual([
      [2 ** 32 - 256 * 1024, 256 * 1024],
      [0xe0000, 128 * 1024],
      [0xc0000, 1024],
    ]);
    expect(context.registers).toBeUndefined();
    expect(context.textModes).toBe(0);
    expect(context.videoRom).toBe(vgaBios);
  });
  it('fills only the upper half of the shadow when it has 64 KiB', () => {
    expect(planBoot({ kind: 'bios', image: bios(65536) }, memory).roms[1]).toMatchObject({ address: 0xf0000 });
  });
  it('is refused when its size is wrong, it has no reset vector, or the VGA BIOS is damaged', () => {
    const check = (image: Uint8Array, vgaBios?: Uint8Array) => refusal(() => checkBootSource({ kind: 'bios', image, vgaBios }, memory.bytes));
    expect(check(new Uint8Array(0))).toMatch(/^bad-image: .*empty/);
    expect(check(bios(65537))).toMatch(/^bad-image: .*multiple of 64 KiB/);
    expect(check(new Uint8Array(65536))).toMatch(/^bad-image: .*reset vector/);
    expect(check(bios(9 * mebibyte))).toMatch(/^too-large: /);
    const damaged = optionRom();
    damaged[100] = 1;
    expect(check(bios(65536), damaged)).toMatch(/^bad-image: .*checksum/);
    expect(check(bios(65536), new Uint8Array(10))).toMatch(/^bad-image: .*signature/);
    expect(check(bios(65536), optionRom().subarray(0, 600))).toMatch(/^bad-image: .*cut short/);
  });
});

describe('detection', () => {
  it('tells images apart by content', () => {
    expect([flatKernel(), elfKernel(0, mebibyte, 0), bzImage(), bootSector(), bios(65536)].map((image) => detectImage(image).as)).toEqual([
      'kernel',
      'kernel',
      'kernel',
      'boot-sector',
      'bios',
    ]);
  });
  it('gives a reason for everything else', () => {
    const elf = elfKernel(0, mebibyte, 0);
    elf.fill(0, 0x100);
    expect(detectImage(new Uint8Array(0)).description).toBe('The file is empty.');
    expect(detectImage(new Uint8Array(9)).description).toMatch(/too few/);
    expect(detectImage(elf).description).toMatch(/without a Multiboot header/);
    expect(detectImage(bootSector(2 * mebibyte)).description).toMatch(/do not fit/);
    expect(detectImage(new TextEncoder().encode('x'.repeat(70_000)))).toMatchObject({ as: undefined });
  });
  it('never throws, and loaders throw nothing but MachineError, whatever a damaged image holds', () => {
    const seeds = [flatKernel(), elfKernel(0x100000, mebibyte, 0x100000), bzImage(), bootSector(), new Uint8Array(600)];
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(0x300), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
        fc.nat(5000),
        (seed, changes, length) => {
          const image = seed.slice(0, length);
          for (const [at, value] of changes) if (at < image.length) image[at] = value;
          detectImage(image);
          for (const kind of ['kernel', 'boot-sector', 'bios'] as const) refusal(() => checkBootSource({ kind, image }, memory.bytes));
        },
      ),
    );
  });
});

it('room is found above everything in the way', () => {
  expect(findRoom(0x1800, 0x1000, [{ start: 0x2000, end: 0x2001 }, { start: 0x3fff, end: 0x5001 }])).toBe(0x6000);
});

it('every interrupt vector leads into the BIOS segment', () => {
  const view = new DataView(interruptVectors().buffer);
  for (let vector = 0; vector < 256; vector++) expect(view.getUint16(vector * 4 + 2, true)).toBe(0xf000);
});
