import { beforeEach, describe, expect, it } from 'vitest';
import { Reg, Seg } from '../isa/state.ts';
import { X87 } from '../isa/x87.ts';
import { Control0, Control4 } from './control-bits.ts';
import { enterProtected, enterUser, gdt, sel, segmentDescriptor, setDescriptor } from './testing/tables.ts';
import { TestMachine } from './testing/test-machine.ts';

let machine: TestMachine;
beforeEach(() => {
  machine = new TestMachine();
  enterProtected(machine);
});

function outcome(body: () => void): string {
  body();
  return machine.takeFault();
}

describe('control registers', () => {
  it.each([
    ['PG without PE', 0, Control0.paging, '13(0x0)'],
    ['NW without CD', 0, Control0.protectionEnable | Control0.notWriteThrough, '13(0x0)'],
    ['a CR4 bit this CPU does not have', 4, Control4.virtual8086Extensions, '13(0x0)'],
    ['the reserved top of CR4', 4, 0x80000000, '13(0x0)'],
    ['CR1', 1, 0, '6(0x0)'],
    ['CR5', 5, 0, '6(0x0)'],
  ])('refuse %s', (_name, register, value, expected) => {
    const before = [machine.state.cr0, machine.state.cr4];
    expect(outcome(() => machine.services.moveToControl(register, value))).toBe(expected);
    expect([machine.state.cr0, machine.state.cr4]).toEqual(before);
  });

  it('keep ET set and drop reserved bits of CR0', () => {
    machine.services.moveToControl(0, 0x1fc0ffc1);
    expect(machine.services.moveFromControl(0)).toBe(Control0.protectionEnable | Control0.extensionType);
  });

  it('need level 0', () => {
    enterUser(machine);
    const { services } = machine;
    for (const body of [
      () => services.moveToControl(0, 0),
      () => services.moveFromControl(3),
      () => services.moveToDebug(0, 0),
      () => services.moveFromDebug(7),
      () => services.loadMachineStatusWord(0),
      () => services.clearTaskSwitched(),
      () => services.halt(),
      () => services.writeBackCaches(),
      () => services.invalidatePage(Seg.ds * 32, 0),
      () => services.readMsr(),
      () => services.writeMsr(),
      () => services.loadLocalTable(0),
      () => services.loadTaskRegister(sel.otherTss),
      () => services.loadGlobalTable(Seg.cs * 32, 0, 4),
    ]) {
      expect(outcome(body)).toBe('13(0x0)');
    }
  });

  it('load and check the PDPTEs when PAE paging starts', () => {
    machine.setDword(0x10000, 0x11000 | 0x1e6 | 1);
    machine.services.moveToControl(3, 0x10000);
    machine.services.moveToControl(4, Control4.physicalAddressExtension);
    expect(outcome(() => machine.services.moveToControl(0, (Control0.paging | Control0.protectionEnable) >>> 0))).toBe('13(0x0)');
    machine.setDword(0x10000, 0x11001);
    expect(outcome(() => machine.services.moveToControl(0, (Control0.paging | Control0.protectionEnable) >>> 0))).toBe('none');
    expect(machine.state.pdpte(0, 0)).toBe(0x11001);
  });

  it('LMSW sets PE but never clears it', () => {
    machine.services.loadMachineStatusWord(0x0e);
    expect(machine.state.cr0 & 0xf).toBe(0xf);
  });
});

describe('debug registers', () => {
  it('4 and 5 are 6 and 7, until CR4.DE makes them invalid', () => {
    machine.services.moveToDebug(5, 0xdfff);
    expect(machine.services.moveFromDebug(7)).toBe(0x07ff);
    machine.services.moveToControl(4, Control4.debuggingExtensions);
    expect(outcome(() => machine.services.moveFromDebug(4))).toBe('6(0x0)');
  });

  it('6 has its fixed bits', () => {
    machine.services.moveToDebug(6, 0);
    expect(machine.services.moveFromDebug(6)).toBe(0xffff0ff0);
  });
});

describe('descriptor tables', () => {
  it('take 24 bits of base with a 16-bit operand and 32 with a 32-bit one', () => {
    machine.bytes(0x600, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12);
    machine.services.loadInterruptTable(Seg.ds * 32, 0x600, 2);
    expect([machine.state.idtLimit, machine.state.idtBase]).toEqual([0x1234, 0x345678]);
    machine.services.loadInterruptTable(Seg.ds * 32, 0x600, 4);
    expect(machine.state.idtBase).toBe(0x12345678);
    machine.services.storeInterruptTable(Seg.ds * 32, 0x700, 2);
    expect([machine.word(0x700), machine.dword(0x702)]).toEqual([0x1234, 0x12345678]);
  });

  it('LLDT and LTR check what they load', () => {
    const { services } = machine;
    expect(outcome(() => services.loadLocalTable(sel.data0))).toBe('13(0x10)');
    expect(outcome(() => services.loadLocalTable(4))).toBe('13(0x4)');
    expect(outcome(() => services.loadLocalTable(sel.ldt))).toBe('none');
    expect(services.storeLocalTable()).toBe(sel.ldt);
    expect(outcome(() => services.loadLocalTable(0))).toBe('none');
    expect(outcome(() => services.loadTaskRegister(0))).toBe('13(0x0)');
    expect(outcome(() => services.loadTaskRegister(sel.tss))).toBe('13(0x28)');
    expect(outcome(() => services.loadTaskRegister(sel.otherTss))).toBe('none');
    expect(machine.ram.getUint8(gdt + sel.otherTss + 5) & 0xf).toBe(11);
  });

  it('an LDT gives segments by selectors with TI', () => {
    setDescriptor(machine, 8, segmentDescriptor(0x1234, 0xff, 0x92, 0x4), 0x3600);
    machine.services.loadLocalTable(sel.ldt);
    machine.services.loadSegment(Seg.es, 0x0c);
    expect(machine.takeFault()).toBe('none');
    expect([machine.state.segmentBase(Seg.es), machine.state.segmentLimit(Seg.es)]).toEqual([0x1234, 0xff]);
    expect(outcome(() => machine.services.loadSegment(Seg.es, 0x14))).toBe('13(0x14)');
  });
});

describe('segment loads', () => {
  it.each([
    ['a null SS', Seg.ss, 0, '13(0x0)'],
    ['SS of another level', Seg.ss, sel.data3, '13(0x20)'],
    ['SS as code', Seg.ss, sel.code0, '13(0x8)'],
    ['a system segment', Seg.ds, sel.tss, '13(0x28)'],
    ['one that is not present', Seg.ds, sel.absent, '11(0x40)'],
    ['one beyond the table', Seg.ds, sel.last, '13(0x80)'],
  ])('refuse %s', (_name, seg, selector, expected) => {
    setDescriptor(machine, sel.absent, segmentDescriptor(0, 0xfffff, 0x12));
    expect(outcome(() => machine.services.loadSegment(seg, selector))).toBe(expected);
    expect(machine.state.selector(seg)).toBe(sel.data0);
  });

  it('keep a null data segment, whose use faults', () => {
    expect(outcome(() => machine.services.loadSegment(Seg.es, 3))).toBe('none');
    expect(outcome(() => machine.services.readSlow(Seg.es * 32, 0, 1))).toBe('13(0x0)');
  });

  it('of SS set the shadow and the width of the stack pointer', () => {
    setDescriptor(machine, sel.gate, segmentDescriptor(0, 0xffff, 0x92, 0));
    machine.services.loadSegment(Seg.ss, sel.gate);
    expect([machine.state.interruptShadow, machine.state.stackMask]).toEqual([2, 0xffff]);
  });

  it('keep 4 GiB limits in real mode', () => {
    machine.services.moveToControl(0, 0);
    machine.services.loadSegment(Seg.ds, 0x1234);
    expect([machine.state.segmentBase(Seg.ds), machine.state.segmentLimit(Seg.ds)]).toEqual([0x12340, 0xffffffff]);
    expect(outcome(() => machine.services.readSlow(Seg.ds * 32, 0x100000, 4))).toBe('none');
  });
});

describe('LAR, LSL, VERR, VERW', () => {
  it.each([
    ['data of level 3', sel.data3, 0x00cff300, 0xffffffff, true, true],
    ['code of level 0', sel.code0, undefined, undefined, false, false],
    ['conforming code', sel.conforming, 0x00cf9e00, 0xffffffff, true, false],
    ['null', 0, undefined, undefined, false, false],
    ['beyond the table', sel.last, undefined, undefined, false, false],
  ])('at level 3 say about %s what the program may know', (_name, selector, access, limit, read, write) => {
    enterUser(machine);
    const { services, state } = machine;
    const zero = () => state.flagZero === 0;
    const lar = services.loadAccessRights(selector, 0x77, 4);
    expect([zero(), lar]).toEqual(access === undefined ? [false, 0x77] : [true, access & 0x00f0ff00]);
    const lsl = services.loadSegmentLimit(selector, 0x77, 4);
    expect([zero(), lsl >>> 0]).toEqual(limit === undefined ? [false, 0x77] : [true, limit]);
    services.verifyRead(selector);
    expect(zero()).toBe(read);
    services.verifyWrite(selector);
    expect(zero()).toBe(write);
    expect(machine.takeFault()).toBe('none');
  });

  it('LAR knows gates, LSL does not', () => {
    machine.services.loadAccessRights(sel.taskGate, 0, 4);
    expect(machine.state.flagZero).toBe(0);
    machine.services.loadSegmentLimit(sel.taskGate, 0, 4);
    expect(machine.state.flagZero).not.toBe(0);
  });
});

describe('CPUID and MSRs', () => {
  function ask(leaf: number): number[] {
    machine.state.setRegister(Reg.eax, leaf);
    machine.services.cpuid();
    return [Reg.eax, Reg.ebx, Reg.ecx, Reg.edx].map((register) => machine.state.register(register));
  }

  it('claim exactly what is there: FXSR FPU DE PSE TSC MSR PAE CX8 SEP PGE CMOV PAT PSE36, and NX', () => {
    expect(ask(1)).toEqual([0x686, 0, 0, 0x0103a97d]);
    expect(ask(0x80000001)[3]).toBe(1 << 20);
    expect(ask(0)[0]).toBe(0xb);
    expect(ask(0x12345678)).toEqual(ask(0xb));
  });

  it('raise #GP(0) for an MSR that does not exist, for EFER bits that do not, and for bad PAT types', () => {
    const write = (number: number, low: number, high = 0) => {
      machine.state.setRegister(Reg.ecx, number);
      machine.state.setRegister(Reg.eax, low);
      machine.state.setRegister(Reg.edx, high);
      return outcome(() => machine.services.writeMsr());
    };
    expect(write(0x1b, 0)).toBe('13(0x0)');
    expect(write(0xc0000080, 0x100)).toBe('13(0x0)');
    expect(write(0xc0000080, 0x800)).toBe('none');
    expect(machine.state.efer).toBe(0x800);
    expect(write(0x277, 0x02)).toBe('13(0x0)');
    expect(write(0x277, 0x06)).toBe('none');
  });

  it('count time from where the TSC was set, and hide it from level 3 under TSD', () => {
    machine.time = 1000n;
    machine.state.setRegister(Reg.ecx, 0x10);
    machine.state.setRegister(Reg.eax, 5);
    machine.state.setRegister(Reg.edx, 1);
    machine.services.writeMsr();
    machine.time = 1007n;
    machine.services.readTimestamp();
    expect([machine.state.register(Reg.eax), machine.state.register(Reg.edx)]).toEqual([12, 1]);
    machine.services.moveToControl(4, Control4.timestampDisable);
    enterUser(machine);
    expect(outcome(() => machine.services.readTimestamp())).toBe('13(0x0)');
  });

  it('WAIT looks at TS only under MP, FPU instructions look at TS and EM', () => {
    const absolute = () => machine.services.x87Stack(X87.absolute, 0, 0, 0);
    expect(outcome(() => machine.services.x87Wait())).toBe('none');
    machine.services.moveToControl(0, Control0.protectionEnable | Control0.taskSwitched);
    expect(outcome(() => machine.services.x87Wait())).toBe('none');
    expect(outcome(absolute)).toBe('7(0x0)');
    machine.services.moveToControl(0, Control0.protectionEnable | Control0.taskSwitched | Control0.monitorCoprocessor);
    expect(outcome(() => machine.services.x87Wait())).toBe('7(0x0)');
    machine.services.moveToControl(0, Control0.protectionEnable | Control0.emulation);
    expect(outcome(absolute)).toBe('7(0x0)');
  });
});
