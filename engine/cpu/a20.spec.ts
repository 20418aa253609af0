import { beforeEach, describe, expect, it } from 'vitest';
import { Control0, Control4 } from './control-bits.ts';
import { PageFault } from './faults.ts';
import { PageWalk } from './paging.ts';
import { TestMachine } from './testing/test-machine.ts';

let machine: TestMachine;
let closed: boolean;
let walk: PageWalk;

/** Physical page of a linear address, or `fault`. */
const page = (linear: number, access = 0) => (walk.walk(linear, access) ? walk.physicalPage : 'fault');

beforeEach(() => {
  machine = new TestMachine();
  closed = true;
  const memory = machine.cpu.memory;
  memory.gated = (number) => (closed ? number & ~0x100 : number);
  walk = new PageWalk(machine.state, memory);
});

describe('address line 20, closed', () => {
  it('makes every odd megabyte the even one below, without paging', () => {
    expect([0xf_ffff, 0x10_0000, 0x1f_f000, 0x20_0000, 0x31_2345, 0xffff_ffff].map((linear) => page(linear))).toEqual([
      0xff, 0x00, 0xff, 0x200, 0x212, 0xf_feff,
    ]);
    closed = false;
    expect(page(0x10_0000)).toBe(0x100);
  });

  it('is about physical addresses: of pages, and of the tables that lead to them', () => {
    const { state } = machine;
    // The directory is at 0x2000 and named by 0x102000, a table at 0x3000 by 0x103000, the page at 0x5000 by 0x105000.
    state.cr3 = 0x10_2000;
    state.cr4 = Control4.pageSizeExtension;
    state.cr0 |= Control0.protectionEnable | Control0.paging;
    machine.setDword(0x2000, 0x10_3003);
    machine.setDword(0x3000 + 4 * 5, 0x10_5003);
    machine.setDword(0x2000 + 4, 0x40_0083);
    expect([page(0x5000), page(0x5000, PageFault.write), page(0x40_0000 + 0x10_0000)]).toEqual([0x5, 0x5, 0x400]);
    closed = false;
    state.cr3 = 0x2000;
    expect(page(0x50_0000)).toBe(0x500);
  });

  it('is not looked at in SMM, whose memory may lie in an odd megabyte', () => {
    machine.state.inSmm = 1;
    expect(page(0x7f1_2345)).toBe(0x7f12);
    machine.state.inSmm = 0;
    expect(page(0x7f1_2345)).toBe(0x7e12);
  });
});
