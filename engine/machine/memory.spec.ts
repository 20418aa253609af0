import { describe, expect, it } from 'vitest';
import { defineBlock, scalar } from '../layout/block.ts';
import { MachineError } from './machine.ts';
import { MachineMemory, mebibyte, vramBytes } from './memory.ts';

const shape = { ramBytes: 2 * mebibyte, cpus: 1, romBytes: 65536 };
const counter = defineBlock('counter', 1, { value: scalar('u32') });

describe('the memory of a machine', () => {
  it('is the same for every thread that attaches to it', () => {
    const one = MachineMemory.create(shape);
    const two = MachineMemory.attach(one.memory);
    one.block(counter, 'a').value = 7;
    one.ram[5] = 9;
    expect(two.block(counter, 'a').value).toBe(7);
    expect(two.ram[5]).toBe(9);
    expect([two.ramBase, two.vramBase, two.caches(0).base]).toEqual([one.ramBase, one.vramBase, one.caches(0).base]);
  });

  it('keeps its regions apart and page aligned', () => {
    const memory = MachineMemory.create(shape);
    const regions = [memory.pageRead, memory.pageWrite, memory.pageFlags, memory.pageEpoch, memory.rom, memory.vram, memory.ram]
      .map((view): [number, number] => [view.byteOffset, view.byteLength])
      .concat([[memory.caches(0).base, memory.caches(0).bytes]])
      .sort((a, b) => a[0] - b[0]);
    regions.reduce((end, [offset, length]) => {
      expect(offset).toBeGreaterThanOrEqual(end);
      expect(offset % 4096).toBe(0);
      return offset + length;
    }, 65536);
    for (const block of memory.directory.list()) expect(block.bytes.byteOffset + block.bytes.length).toBeLessThanOrEqual(memory.pageRead.byteOffset);
    expect(memory.vram.length).toBe(vramBytes);
  });

  it.each([
    [{ ...shape, ramBytes: 0 }, /1 MiB to 3 GiB/],
    [{ ...shape, ramBytes: mebibyte + 1 }, /1 MiB to 3 GiB/],
    [{ ...shape, ramBytes: 3073 * mebibyte }, /1 MiB to 3 GiB/],
    [{ ...shape, cpus: 0 }, /virtual CPUs/],
    [{ ...shape, cpus: 17 }, /virtual CPUs/],
  ])('refuses %o', (wrong, sentence) => {
    expect(() => MachineMemory.create(wrong)).toThrow(sentence);
    expect(() => MachineMemory.create(wrong)).toThrow(MachineError);
  });

  it('holds 3 GiB of guest memory', () => {
    const memory = MachineMemory.create({ ...shape, ramBytes: 3072 * mebibyte });
    memory.ram[3072 * mebibyte - 1] = 1;
    expect(memory.ramBase + memory.ram.length).toBeLessThanOrEqual(2 ** 32);
  });
});

describe('the directory of blocks', () => {
  it('gives the same bytes for the same name and instance, and lists them by name', () => {
    const memory = MachineMemory.create(shape);
    memory.block(counter, 'a').value = 1;
    memory.block(counter, 'b').value = 2;
    memory.transientBlock(counter, 'c').value = 3;
    expect(memory.block(counter, 'a').value).toBe(1);
    const listed = memory.directory.list().filter((entry) => entry.name.startsWith('counter/'));
    expect(listed.map(({ name, version, transient, bytes }) => [name, version, transient, bytes[0]])).toEqual([
      ['counter/a', 1, false, 1],
      ['counter/b', 1, false, 2],
      ['counter/c', 1, true, 3],
    ]);
  });

  it('refuses a block of another version, and a new one once it is sealed', () => {
    const memory = MachineMemory.create(shape);
    memory.block(counter);
    memory.directory.seal();
    const later = MachineMemory.attach(memory.memory);
    expect(() => later.block(defineBlock('counter', 2, { value: scalar('u32') }))).toThrow(/version 1 .* version 2/);
    expect(() => later.block(counter, 'new')).toThrow(/not declared/);
    expect(later.block(counter).value).toBe(0);
  });
});
