import { beforeEach, describe, expect, it } from 'vitest';
import { Attention, Reg, Seg } from '../isa/state.ts';
import { ApicBase } from './apic/state.ts';
import { Flag } from './flags.ts';
import { Activity } from './reset.ts';
import { TestMachine } from './testing/test-machine.ts';
import { enterProtected, enterUser, gateDescriptor, sel, setGate } from './testing/tables.ts';
import { RunEnd } from './vcpu.ts';

const hlt = 0xf4;
const nop = 0x90;
const incEax = 0x40;
const sti = 0xfb;

let machine: TestMachine;

/** Real mode at 0000:0400 with a stack below 0x400 ... the vectors point at 0000:1000 + 16 * vector, each an IRET. */
function realMode(...code: number[]): void {
  const { state } = machine;
  for (let vector = 0; vector < 64; vector++) {
    machine.setDword(4 * vector, 0x1000 + 16 * vector);
    machine.bytes(0x1000 + 16 * vector, 0xcf);
  }
  state.setSegment(Seg.cs, 0, 0, 0xffff, 0x93);
  state.eip = 0x400;
  state.esp = 0x3000;
  machine.bytes(0x400, ...code);
  machine.vcpu.synchronise();
}

function retired(): number {
  return machine.vcpu.retired();
}

beforeEach(() => {
  machine = new TestMachine({ interpreter: true });
});

describe('reset', () => {
  it('starts at F000:FFF0 with the base 0xFFFF0000', () => {
    const { state } = machine;
    expect([state.selector(Seg.cs), state.segmentBase(Seg.cs), state.eip]).toEqual([0xf000, 0xffff0000, 0xfff0]);
    expect(machine.cpu.flags).toBe(2);
    expect(state.cr0).toBe(0x60000010);
    expect(state.debugRegister(6)).toBe(0xffff0ff0);
    expect(state.debugRegister(7)).toBe(0x400);
    expect(state.idtLimit).toBe(0xffff);
  });
});

describe('the instruction budget', () => {
  it('is met exactly, wherever it ends in a block', () => {
    realMode(...Array<number>(60).fill(incEax), 0xeb, -62 & 0xff);
    for (const count of [1, 2, 59, 60, 61, 62, 123, 1000, 3, 64, 65]) {
      const before = retired();
      expect(machine.vcpu.run(count)).toBe(RunEnd.budget);
      expect(retired() - before).toBe(count);
    }
    expect(machine.state.register(Reg.eax) & 0xffff).toBe(retired() - Math.floor(retired() / 61));
  });

  it('comes to the same state in turns of one as in one turn', () => {
    const states = [1, 7, 500].map((turn) => {
      machine = new TestMachine({ interpreter: true });
      realMode(incEax, 0x50, 0x58, 0x01, 0xc3, 0xeb, 0xf9);
      for (let done = 0; done < 500; done += Math.min(turn, 500 - done)) machine.vcpu.run(Math.min(turn, 500 - done));
      return [machine.state.register(Reg.eax), machine.state.register(Reg.ebx), machine.state.eip, retired()];
    });
    expect(states[1]).toEqual(states[0]);
    expect(states[2]).toEqual(states[0]);
  });
});

describe('interrupts', () => {
  it('wait for IF, and are taken one instruction after STI', () => {
    realMode(nop, sti, incEax, incEax, hlt);
    machine.pending.push(0x20);
    machine.state.requestAttention(Attention.interrupt);
    // At the IRET's first instruction the handler has seen one INC.
    machine.bytes(0x1000 + 16 * 0x20, 0x89, 0xc3, 0xcf);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect(machine.state.register(Reg.ebx)).toBe(1);
    expect(machine.state.register(Reg.eax)).toBe(2);
    expect(machine.state.block.interrupts).toBe(1);
    expect(retired()).toBe(7);
  });

  it('never come between STI and HLT, and end HLT', () => {
    realMode(sti, hlt, incEax, 0xfa, hlt);
    machine.pending.push(0x21);
    machine.state.requestAttention(Attention.interrupt);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect(machine.state.register(Reg.eax)).toBe(1);
    expect(machine.state.block.interrupts).toBe(1);
    machine.pending.push(0x22);
    machine.state.requestAttention(Attention.interrupt);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect(machine.pending).toEqual([0x22]);
  });

  it('never come right after MOV SS', () => {
    // nop; mov ss, cx; mov sp, dx: the interrupt waits until SP is loaded, too.
    realMode(nop, 0x8e, 0xd1, 0x89, 0xd4, nop, hlt);
    machine.state.setRegister(Reg.ecx, 0x100);
    machine.state.setRegister(Reg.edx, 0x800);
    machine.cpu.setFlags(Flag.interrupt);
    machine.vcpu.run(2);
    expect(machine.state.interruptShadow).toBe(2);
    machine.pending.push(0x20);
    machine.state.requestAttention(Attention.interrupt);
    machine.vcpu.run(1);
    expect(machine.state.eip).toBe(0x405);
    expect(machine.state.esp).toBe(0x800);
    machine.vcpu.run(1);
    expect(machine.word(0x1000 + 0x800 - 6)).toBe(0x405);
  });

  it('that are not maskable come once, and again only after IRET', () => {
    realMode(nop, nop, nop, hlt);
    machine.bytes(0x1000 + 32, nop, 0xcf);
    machine.state.requestAttention(Attention.nmi);
    machine.vcpu.run(1);
    expect(machine.state.eip).toBe(0x1021);
    expect(machine.state.nmiBlocked).toBe(1);
    machine.state.requestAttention(Attention.nmi);
    machine.vcpu.run(1);
    expect(machine.state.eip).toBe(0x400);
    machine.vcpu.run(1);
    expect(machine.state.eip).toBe(0x1021);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect(machine.state.latched).toBe(0);
  });
});

describe('attention', () => {
  it('brings the caller back for stop and timer before anything is executed', () => {
    realMode(nop, nop, hlt);
    machine.state.requestAttention(Attention.stop);
    expect(machine.vcpu.run(100)).toBe(RunEnd.stop);
    machine.state.requestAttention(Attention.timer);
    expect(machine.vcpu.run(100)).toBe(RunEnd.timer);
    expect(retired()).toBe(0);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
  });
});

describe('INIT and start-up IPIs (SDM vol. 3, 9.4.4)', () => {
  const [init, sipi, peek] = [Attention.init, Attention.sipi, Attention.peek];

  /** An application processor that sleeps, and is started at 0:0, where it executes INC EAX and halts. */
  function sleeper(activity: Activity): TestMachine['state'] {
    realMode(hlt);
    const { state } = machine;
    state.block.apicBase &= ~BigInt(ApicBase.bootstrap);
    state.activity = activity;
    machine.bytes(0, incEax, hlt);
    return state;
  }

  it('start a processor that waits, or has an INIT before, and no other', () => {
    for (const [activity, bits, starts] of [
      [Activity.waitForSipi, sipi, true],
      [Activity.waitForSipi, init | sipi, true],
      [Activity.waitForSipi, init, false],
      [Activity.halted, sipi, false],
      [Activity.halted, init | sipi, true],
      [Activity.halted, init, false],
    ] as const) {
      const state = sleeper(activity);
      state.setRegister(Reg.eax, 0);
      state.requestAttention(bits);
      const end = machine.vcpu.run(10);
      expect([state.register(Reg.eax), state.attention & (init | sipi)]).toEqual([starts ? 1 : 0, 0]);
      expect(end).toBe(starts || (activity === Activity.halted && bits === sipi) ? RunEnd.halted : RunEnd.waitForSipi);
    }
  });

  it('are not lost while the processor looks at something else', () => {
    const state = sleeper(Activity.halted);
    // The processor has read its attention word when both come.
    machine.platform.servePeeks = () => state.requestAttention(init | sipi);
    state.requestAttention(peek);
    machine.vcpu.run(10);
    machine.vcpu.run(10);
    expect([state.register(Reg.eax), state.segmentBase(Seg.cs), state.activity]).toEqual([1, 0, Activity.halted]);
  });

  it('are one thing behind the other in SMM as well', () => {
    const state = sleeper(Activity.running);
    machine.bytes(0x400, nop, nop, nop);
    state.inSmm = 1;
    state.requestAttention(sipi);
    machine.vcpu.run(1);
    expect(state.latched & (init | sipi)).toBe(sipi);
    state.requestAttention(init);
    machine.vcpu.run(1);
    expect(state.latched & (init | sipi)).toBe(init);
    state.requestAttention(sipi);
    machine.vcpu.run(1);
    expect(state.latched & (init | sipi)).toBe(init | sipi);
  });
});

describe('single-stepping', () => {
  it('traps after each instruction that starts with TF set, with BS in DR6', () => {
    realMode(nop, incEax, incEax, hlt);
    machine.bytes(0x1000 + 16, 0x46, 0xcf);
    machine.cpu.setFlags(Flag.trap);
    // Each INC is followed by INC SI; IRET.
    machine.vcpu.run(9);
    expect([machine.state.register(Reg.eax), machine.state.register(Reg.esi)]).toEqual([2, 3]);
    expect(machine.state.debugRegister(6)).toBe(0xffff4ff0);
    expect(machine.word(0x3000 - 6)).toBe(0x403);
    expect(machine.word(0x3000 - 2) & Flag.trap).toBe(Flag.trap);
  });

  it('does not trap behind INT n, whose handler runs without TF', () => {
    realMode(0xcd, 0x30, hlt);
    machine.cpu.setFlags(Flag.trap);
    machine.vcpu.run(1);
    expect(machine.state.eip).toBe(0x1300);
    machine.vcpu.run(1);
    expect(machine.state.block.exceptions[1]).toBe(0);
  });
});

describe('debug registers', () => {
  it('stop at an instruction breakpoint before it is executed, and go on with RF', () => {
    enterProtected(machine);
    machine.bytes(0x4000, nop, incEax, incEax, hlt);
    machine.bytes(0x6000, 0x46, 0xcf);
    setGate(machine, 1, gateDescriptor(sel.code0, 0x6000, 0x8e));
    machine.services.moveToDebug(0, 0x4002);
    machine.services.moveToDebug(7, 0x402);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect([machine.state.register(Reg.eax), machine.state.register(Reg.esi)]).toEqual([2, 1]);
    expect(machine.state.debugRegister(6)).toBe(0xffff0ff1);
    expect(machine.dword(0x9000 - 12)).toBe(0x4002);
    expect(machine.dword(0x9000 - 4) & Flag.resume).toBe(Flag.resume);
    expect(machine.cpu.flags & Flag.resume).toBe(0);
  });

  it('trap behind the instruction that touched watched data, in the middle of a block', () => {
    enterProtected(machine);
    // mov [0x5000], eax; inc eax; mov ebx, [0x5004]; hlt
    machine.bytes(0x4000, nop, 0xa3, 0, 0x50, 0, 0, incEax, 0x8b, 0x1d, 4, 0x50, 0, 0, hlt);
    machine.bytes(0x6000, 0x46, 0xcf);
    setGate(machine, 1, gateDescriptor(sel.code0, 0x6000, 0x8e));
    machine.services.moveToDebug(1, 0x5000);
    machine.services.moveToDebug(2, 0x5004);
    // DR1 writes of 4 bytes, DR2 reads and writes of 1.
    machine.services.moveToDebug(7, 0x428 | (0xd << 20) | (0x3 << 24));
    machine.vcpu.run(2);
    machine.vcpu.run(1);
    expect(machine.state.debugRegister(6)).toBe(0xffff0ff2);
    expect(machine.dword(0x9000 - 12)).toBe(0x4006);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect(machine.state.debugRegister(6)).toBe(0xffff0ff4);
    expect(machine.dword(0x9000 - 12)).toBe(0x400d);
    expect(machine.state.register(Reg.esi)).toBe(2);
  });

  it('raise #DB for an access to themselves while GD is set, and clear GD for the handler', () => {
    enterProtected(machine);
    machine.bytes(0x4000, 0x0f, 0x21, 0xc0, hlt);
    machine.bytes(0x6000, hlt);
    setGate(machine, 1, gateDescriptor(sel.code0, 0x6000, 0x8e));
    machine.services.moveToDebug(7, 0x2400);
    machine.vcpu.run(10);
    expect(machine.dword(0x9000 - 12)).toBe(0x4000);
    expect(machine.state.debugRegister(6)).toBe(0xffff2ff0);
    expect(machine.state.debugRegister(7)).toBe(0x400);
  });
});

describe('faults', () => {
  it('report the instruction itself and can be resumed', () => {
    enterProtected(machine);
    machine.bytes(0x4000, nop, 0xf7, 0xf1, hlt);
    // The handler makes ECX 1 and returns: DIV is executed again.
    machine.bytes(0x6000, 0x41, 0xcf);
    setGate(machine, 0, gateDescriptor(sel.code0, 0x6000, 0x8e));
    machine.state.setRegister(Reg.eax, 7);
    machine.state.setRegister(Reg.ecx, 0);
    machine.state.setRegister(Reg.edx, 0);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect(machine.dword(0x9000 - 12)).toBe(0x4001);
    expect(machine.state.block.exceptions[0]).toBe(1);
    expect(machine.state.register(Reg.eax)).toBe(7);
    expect(retired()).toBe(5);
  });

  it('become a double fault when the handler cannot be entered, and a shutdown when that one cannot either', () => {
    enterProtected(machine);
    machine.bytes(0x4000, 0xf7, 0xf1);
    machine.state.setRegister(Reg.ecx, 0);
    expect(machine.vcpu.run(100)).toBe(RunEnd.shutdown);
    expect(machine.state.activity).toBe(Activity.shutdown);
    expect(machine.recorded.tripleFaults[0]!.map(({ vector, code }) => [vector, code])).toEqual([[0, 0], [13, 3], [8, 0], [13, 0x43]]);
    expect(machine.vcpu.run(100)).toBe(RunEnd.shutdown);
  });

  it('push the code 0 with a double fault', () => {
    enterProtected(machine);
    machine.bytes(0x4000, 0xf7, 0xf1);
    machine.bytes(0x6000, hlt);
    setGate(machine, 8, gateDescriptor(sel.code0, 0x6000, 0x8e));
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect([machine.dword(0x9000 - 16), machine.dword(0x9000 - 12)]).toEqual([0, 0x4000]);
  });

  it('of the user are delivered on the inner stack', () => {
    enterProtected(machine);
    enterUser(machine);
    machine.bytes(0x5000, nop, hlt);
    machine.bytes(0x6000, hlt);
    setGate(machine, 13, gateDescriptor(sel.code0, 0x6000, 0x8e));
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    const frame = Array.from({ length: 6 }, (_, index) => machine.dword(0x8000 - 24 + 4 * index));
    expect(frame).toEqual([0, 0x5001, sel.code3, 0x202 | Flag.resume, 0x7000, sel.data3]);
    expect(machine.state.cpl).toBe(0);
  });
});

describe('code that is modified', () => {
  it('is executed as it is now, in the same block', () => {
    // mov byte [0x406], 0x43 (inc bx instead of inc ax)
    realMode(0xc6, 0x06, 0x06, 0x04, 0x43, nop, incEax, hlt);
    expect(machine.vcpu.run(100)).toBe(RunEnd.halted);
    expect([machine.state.register(Reg.eax), machine.state.register(Reg.ebx)]).toEqual([0, 1]);
  });
});
