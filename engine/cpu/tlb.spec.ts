import { tlb, tlbSlot } from '../execute/translation-cache.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { Attention, Seg } from '../isa/state.ts';
import { Control0, Control4 } from './control-bits.ts';
import { PageFault } from './faults.ts';
import { Page, FlushScope } from './platform.ts';
import { devicePage, ramBase, romPage, TestMachine } from './testing/test-machine.ts';

const directory = 0x100000;
const table = 0x101000;
const linear = 0x400000;
const present = 0x007;
const global = 0x100;

let machine: TestMachine;

/** Words of the TLB entry of an address in the half of the supervisor or the user. */
function entry(address: number, user = false): { readTag: number; writeTag: number; addend: number } {
  const words = new Uint32Array(machine.memory.buffer, machine.cpu.tlb.half(user, false) + tlbSlot(address) * tlb.entryBytes, 8);
  return { readTag: words[0]!, writeTag: words[2]!, addend: words[4]! };
}
const none = 0xffffffff;

beforeEach(() => {
  machine = new TestMachine();
  machine.setDword(directory + 4, table | present);
  machine.setDword(table, 0x5000 | present);
  machine.setDword(table + 4, 0x6000 | present | global);
  machine.state.cr3 = directory;
  machine.state.cr0 = Control0.protectionEnable | Control0.paging | Control0.writeProtect;
  machine.state.cr4 = Control4.pageSizeExtension | Control4.pageGlobalEnable;
  machine.cpu.flushTranslations();
});

describe('TLB entries', () => {
  it('give generated code the memory address of a page after a read, and of writes only after a write', () => {
    expect(machine.cpu.tlb.translate(linear, 0)).toBe(5);
    expect(entry(linear)).toEqual({ readTag: linear, writeTag: none, addend: (ramBase + 0x5000 - linear) >>> 0 });
    machine.cpu.tlb.translate(linear, PageFault.write);
    expect(entry(linear).writeTag).toBe(linear);
    expect(machine.dword(table) & 0x40).toBe(0x40);
  });

  it('keep the user and the supervisor apart', () => {
    machine.setDword(table, 0x5003);
    machine.cpu.tlb.translate(linear, 0);
    expect(machine.cpu.tlb.translate(linear, PageFault.user)).toBe(-1);
    expect(machine.takeFault()).toBe('14(0x5)');
    expect(entry(linear, true).readTag).toBe(none);
  });

  it('stay slow for chips, and slow to write for ROM and for pages with attributes', () => {
    machine.setDword(table, (devicePage * 4096 + present) >>> 0);
    machine.cpu.tlb.translate(linear, PageFault.write);
    expect(entry(linear)).toMatchObject({ readTag: none, writeTag: none });
    machine.setDword(table, romPage * 4096 + present);
    machine.cpu.tlb.invalidate(linear);
    machine.cpu.tlb.translate(linear, PageFault.write);
    expect(entry(linear)).toMatchObject({ readTag: linear, writeTag: none });
    for (const flag of [Page.code, Page.traced, Page.watched]) {
      machine.platform.pageFlags[6] = Page.ram | flag;
      machine.cpu.tlb.invalidate(linear + 4096);
      expect(machine.cpu.tlb.translate(linear + 4096, PageFault.write)).toBe(6);
      expect(entry(linear + 4096).writeTag).toBe(none);
      expect(entry(linear + 4096).readTag).toBe(flag === Page.watched ? none : linear + 4096);
    }
  });

  it('remember a stale translation until INVLPG, and lose it then, global or not', () => {
    machine.cpu.tlb.translate(linear + 4096, 0);
    machine.setDword(table + 4, 0x7000 | present);
    expect(machine.cpu.tlb.translate(linear + 4096, 0)).toBe(6);
    machine.services.invalidatePage(Seg.ds * 32, linear + 4096);
    expect(machine.cpu.tlb.translate(linear + 4096, 0)).toBe(7);
  });

  it('survive MOV to CR3 exactly if they are global', () => {
    machine.cpu.tlb.translate(linear, 0);
    machine.cpu.tlb.translate(linear + 4096, 0);
    machine.setDword(table, 0x8000 | present);
    machine.setDword(table + 4, 0x9000 | present);
    machine.services.moveToControl(3, directory);
    expect(machine.cpu.tlb.translate(linear, 0)).toBe(8);
    expect(machine.cpu.tlb.translate(linear + 4096, 0)).toBe(6);
    machine.services.moveToControl(4, Control4.pageSizeExtension);
    expect(machine.cpu.tlb.translate(linear + 4096, 0)).toBe(9);
  });

  it('of a large page all go with an INVLPG of any address in it', () => {
    machine.setDword(directory + 8, 0x00000087);
    expect(machine.cpu.tlb.translate(0x800000, 0)).toBe(0);
    expect(machine.cpu.tlb.translate(0x9ff000, 0)).toBe(0x1ff);
    machine.setDword(directory + 8, 0x00400087);
    machine.services.invalidatePage(Seg.ds * 32, 0x923456);
    expect(machine.cpu.tlb.translate(0x800000, 0)).toBe(0x400);
    expect(machine.cpu.tlb.translate(0x9ff000, 0)).toBe(0x5ff);
  });

  it('can be refilled any number of times without losing track of what a flush has to clear', () => {
    for (let round = 0; round < 5000; round++) {
      machine.cpu.tlb.translate(linear, PageFault.write);
      machine.cpu.tlb.invalidate(linear);
    }
    machine.cpu.tlb.translate(linear, PageFault.write);
    machine.cpu.tlb.flushAll();
    expect(entry(linear)).toMatchObject({ readTag: none, writeTag: none });
  });

  it('become slow to write when their page gets code', () => {
    machine.cpu.tlb.translate(linear, PageFault.write);
    machine.cpu.tlb.dropWritesTo(5);
    expect(entry(linear)).toMatchObject({ readTag: linear, writeTag: none });
  });
});

describe('write epochs', () => {
  it('stamp a page with its first write in an epoch, once write entries were dropped for the new epoch', () => {
    const data = Seg.ds * 32;
    machine.services.writeSlow(data, linear & 0xffff, 4);
    machine.state.setSegment(Seg.ds, 0x10, 0, 0xffffffff, 0xc093);
    machine.services.writeSlow(data, linear, 4);
    expect(machine.platform.pageEpoch[5]).toBe(1);
    machine.services.readSlow(data, linear + 4096, 4);
    expect(machine.platform.pageEpoch[6]).toBe(0);
    machine.epoch = 2;
    machine.platform.flushScope = () => FlushScope.writes;
    machine.state.requestAttention(Attention.flush | Attention.stop);
    machine.vcpu.run(1);
    expect(entry(linear)).toMatchObject({ readTag: linear, writeTag: none });
    machine.services.writeSlow(data, linear, 4);
    expect(machine.platform.pageEpoch[5]).toBe(2);
    expect(entry(linear).writeTag).toBe(linear);
  });

  it('never go backwards', () => {
    machine.platform.pageEpoch[5] = 7;
    machine.cpu.memory.noteWrite(5, 0, 4);
    expect(machine.platform.pageEpoch[5]).toBe(7);
  });
});
