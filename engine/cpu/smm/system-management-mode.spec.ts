/** Entering SMM and RSM, with both save-state maps (SDM vol. 3, chapter 31; APM vol. 2, chapter 10). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Attention, Reg, Seg } from '../../isa/state.ts';
import { Flag, readEflags, writeEflags } from '../flags.ts';
import type { SystemManagementPlatform } from '../platform.ts';
import { Activity } from '../reset.ts';
import { TestMachine } from '../testing/test-machine.ts';
import { RunEnd } from '../vcpu.ts';
import { saveStateMaps, type SaveStateName } from './save-state.ts';
import type { SmiIo } from './smi-io.ts';

const smbase = 0x30000;
const entry = smbase + 0x8000;
const rsm = [0x0f, 0xaa];

function emptyIo(): SmiIo {
  return {
    width: new Uint8Array(1),
    kind: new Uint8Array(1),
    port: new Uint16Array(1),
    address: new Uint32Array(1),
    eip: new Uint32Array(1),
    ecx: new Uint32Array(1),
    esi: new Uint32Array(1),
    edi: new Uint32Array(1),
  };
}

/** A vCPU whose SMIs are taken at once, as a machine with one vCPU does it. */
class SmmMachine extends TestMachine {
  readonly shutdowns: string[];

  constructor(map: SaveStateName) {
    const shutdowns: string[] = [];
    const management: SystemManagementPlatform = {
      cpu: 0,
      map: saveStateMaps[map],
      io: emptyIo(),
      due: () => (this.state.attention & Attention.smi) !== 0,
      shutdown: (reason) => void shutdowns.push(reason),
    };
    super({ interpreter: true, systemManagement: management });
    this.shutdowns = shutdowns;
  }

  enter(): void {
    this.vcpu.enterSystemManagementMode();
    this.state.takeAttention(Attention.smi);
  }

  /** Runs until there is nothing to do within `instructions`, taking SMIs. */
  run(instructions: number): RunEnd {
    const end = this.vcpu.retired() + instructions;
    for (;;) {
      const why = this.vcpu.run(Math.max(0, end - this.vcpu.retired()));
      if (why !== RunEnd.systemManagement) return why;
      this.enter();
    }
  }

  /** A field of the save state. */
  field(name: string): number {
    const found = this.management.map.entries.find((each) => each.name === name);
    if (found === undefined) throw new RangeError(name);
    const at = smbase + found.offset;
    return found.bytes === 1 ? this.ram.getUint8(at) : found.bytes === 2 ? this.word(at) : this.dword(at);
  }
  setField(name: string, value: number): void {
    const found = this.management.map.entries.find((each) => each.name === name);
    if (found === undefined) throw new RangeError(name);
    const at = smbase + found.offset;
    if (found.bytes === 1) this.ram.setUint8(at, value);
    else if (found.bytes === 2) this.ram.setUint16(at, value, true);
    else this.setDword(at, value);
  }

  get management(): SystemManagementPlatform {
    const { systemManagement } = this.platform;
    if (systemManagement === undefined) throw new Error('there is no SMM');
    return systemManagement;
  }

  /** All of the vCPU's block that is architectural. */
  snapshot(): string {
    const { state } = this;
    const { block } = state;
    return JSON.stringify(
      {
        registers: Array.from(block.registers),
        segments: Array.from(block.segments),
        eflags: readEflags(state),
        eip: state.eip,
        stackMask: state.stackMask,
        cpl: state.cpl,
        control: [state.cr0, state.cr2, state.cr3, state.cr4, state.efer],
        debug: Array.from(block.dr),
        tables: [state.gdtBase, state.gdtLimit, state.idtBase, state.idtLimit],
        pending: [
          state.interruptShadow,
          state.activity,
          state.nmiBlocked,
          state.debugPending,
          state.inSmm,
          block.smbase,
          state.latched,
        ],
        pdptes: Array.from(block.pdptes),
        msrs: [block.sysenterCs, block.sysenterEsp, block.sysenterEip, block.patMsr, block.tscOffset],
        fpu: [Array.from(block.fpuRegisters), block.fpuControl, block.fpuStatus, block.fpuTags],
      },
      (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value),
    );
  }
}

const word = fc.nat(0xffffffff);
const segment = fc.record({
  selector: fc.nat(0xffff),
  base: word,
  limit: word,
  rights: fc.nat(0xffff).map((bits) => bits & 0xf0ff),
});

/** Any state that a vCPU can be in, as far as SMM concerns it. */
const anyState = fc.record({
  registers: fc.array(word, { minLength: 8, maxLength: 8 }),
  segments: fc.array(segment, { minLength: 8, maxLength: 8 }),
  eip: word,
  eflags: word,
  cr0: fc.constantFrom(0x10, 0x11, 0x8001_0011, 0xe005_003f, 0x6000_0010, 0x4000_0011),
  cr2: word,
  cr3: word,
  cr4: fc.constantFrom(0, 0x10, 0x20, 0xb0, 0x1bc),
  efer: fc.constantFrom(0, 0x800),
  dr: fc.array(word, { minLength: 4, maxLength: 4 }),
  dr6: fc.constantFrom(0xffff0ff0, 0xffff4ff1),
  dr7: fc.constantFrom(0x400, 0x703),
  tables: fc.record({ gdtBase: word, idtBase: word, gdtLimit: fc.nat(0xffff), idtLimit: fc.nat(0xffff) }),
  cpl: fc.nat(3),
  shadow: fc.nat(2),
  nmiBlocked: fc.nat(1),
  activity: fc.constantFrom(Activity.running, Activity.halted, Activity.waitForSipi, Activity.shutdown),
  debugPending: fc.constantFrom(0, 0x4000, 1),
  pdptes: fc.array(word, { minLength: 8, maxLength: 8 }),
});

describe.each(['intel32', 'amd64'] as const)('System Management Mode with the map %s', (map) => {
  it('begins at SMBASE + 0x8000 in its own real mode, with segments of 4 GiB', () => {
    const machine = new SmmMachine(map);
    const { state } = machine;
    state.cr0 = 0x8001003f;
    state.cr4 = 0x30;
    state.setDebugRegister(7, 0x403);
    machine.enter();
    expect([state.eip, readEflags(state), state.cr0, state.cr4, state.cpl]).toEqual([0x8000, 2, 0x10032, 0, 0]);
    expect([state.selector(Seg.cs), state.segmentBase(Seg.cs), state.segmentLimit(Seg.cs)]).toEqual([0x3000, smbase, 0xffffffff]);
    for (const seg of [Seg.es, Seg.ss, Seg.ds, Seg.fs, Seg.gs]) {
      expect([state.selector(seg), state.segmentBase(seg), state.segmentLimit(seg)]).toEqual([0, 0, 0xffffffff]);
    }
    expect([state.debugRegister(7), state.nmiBlocked, state.inSmm]).toEqual([0x400, 1, 1]);
  });

  it('gives back any state bit for bit', () => {
    const machine = new SmmMachine(map);
    const { state } = machine;
    fc.assert(
      fc.property(anyState, (any) => {
        any.registers.forEach((value, number) => state.setRegister(number, value));
        any.segments.forEach(({ selector, base, limit, rights }, seg) => state.setSegment(seg, selector, base, limit, rights));
        Object.assign(state, { eip: any.eip, cr0: any.cr0, cr2: any.cr2, cr3: any.cr3, cr4: any.cr4, cpl: any.cpl });
        state.efer = any.efer;
        any.dr.forEach((value, number) => state.setDebugRegister(number, value));
        state.setDebugRegister(6, any.dr6);
        state.setDebugRegister(7, any.dr7);
        Object.assign(state, any.tables);
        any.pdptes.forEach((half, index) => {
          if ((index & 1) === 0) state.setPdpte(index >> 1, half, any.pdptes[index + 1] ?? 0);
        });
        Object.assign(state, {
          nmiBlocked: any.nmiBlocked,
          activity: any.activity,
          debugPending: any.debugPending,
          interruptShadow: any.shadow,
        });
        machine.cpu.shadowBudget = state.budget;
        writeEflags(state, any.eflags);
        machine.cpu.debug.update();
        const before = machine.snapshot();
        machine.enter();
        expect(state.inSmm).toBe(1);
        machine.services.rsm();
        expect(machine.takeFault()).toBe('none');
        expect(machine.snapshot()).toBe(before);
      }),
      { numRuns: 300 },
    );
  });

  it('comes back to the very instruction, with what the handler changed', () => {
    const machine = new SmmMachine(map);
    // inc ecx (16 bits), over and over.
    machine.bytes(0x1000, ...Array.from({ length: 40 }, () => 0x41));
    machine.bytes(entry, 0x43, ...rsm);
    machine.state.setSegment(Seg.cs, 0, 0, 0xffff, 0x93);
    machine.cpu.updateContext();
    machine.state.eip = 0x1000;
    machine.run(3);
    machine.state.requestAttention(Attention.smi);
    machine.run(4);
    const { state } = machine;
    expect([state.register(Reg.ecx), state.register(Reg.ebx), state.eip, state.inSmm]).toEqual([5, 0, 0x1005, 0]);
    expect(machine.field(map === 'intel32' ? 'eip' : 'rip')).toBe(0x1003);
  });

  it('raises #UD for RSM outside of SMM', () => {
    const machine = new SmmMachine(map);
    machine.services.rsm();
    expect(machine.takeFault()).toBe('6(0x0)');
  });

  it('shuts down when RSM finds CR0 or CR4 as they cannot be', () => {
    for (const [field, value] of [
      ['cr0', 0x80000010],
      ['cr0', 0x20000010],
      ['cr4', 0x40000000],
    ] as const) {
      const machine = new SmmMachine(map);
      machine.enter();
      machine.setField(field, value);
      machine.services.rsm();
      expect([machine.state.activity, machine.state.inSmm, machine.shutdowns.length]).toEqual([Activity.shutdown, 1, 1]);
      expect(machine.shutdowns[0]).toMatch(/^RSM found an illegal state at 0x3fe00 \(.+\) and shut the processor down\.$/);
    }
  });

  it('relocates SMBASE for the next SMI', () => {
    const machine = new SmmMachine(map);
    expect(machine.field('revision') & 0x20000).toBe(0);
    machine.enter();
    expect([machine.field('smbase'), machine.field('revision') & 0x30000]).toEqual([smbase, 0x30000]);
    machine.setField('smbase', 0x60000);
    machine.services.rsm();
    machine.enter();
    expect(machine.state.segmentBase(Seg.cs)).toBe(0x60000);
  });

  it('goes back into HLT, or on behind it when the handler clears the auto-halt flag', () => {
    for (const restarts of [true, false]) {
      const machine = new SmmMachine(map);
      machine.state.activity = Activity.halted;
      machine.enter();
      expect([machine.field('haltRestart'), machine.state.activity]).toEqual([1, Activity.running]);
      if (!restarts) machine.setField('haltRestart', 0);
      machine.services.rsm();
      expect(machine.state.activity).toBe(restarts ? Activity.halted : Activity.running);
    }
  });

  it('serves an SMI in HLT, and while a start-up IPI is waited for', () => {
    for (const activity of [Activity.halted, Activity.waitForSipi]) {
      const machine = new SmmMachine(map);
      machine.bytes(entry, ...rsm);
      machine.state.activity = activity;
      machine.state.requestAttention(Attention.smi);
      expect(machine.run(10)).toBe(activity === Activity.halted ? RunEnd.halted : RunEnd.waitForSipi);
      expect(machine.field('activity')).toBe(activity);
    }
  });

  it('latches one SMI in SMM, and serves it behind RSM', () => {
    const machine = new SmmMachine(map);
    machine.bytes(entry, 0x43, ...rsm);
    machine.bytes(0x1000, 0x90, 0x90, 0x90, 0x90);
    machine.state.setSegment(Seg.cs, 0, 0, 0xffff, 0x93);
    machine.cpu.updateContext();
    machine.state.eip = 0x1000;
    machine.enter();
    machine.state.requestAttention(Attention.smi);
    machine.run(1);
    expect(machine.state.latched & Attention.smi).toBe(Attention.smi);
    machine.state.requestAttention(Attention.smi);
    machine.run(1);
    expect([machine.state.inSmm, machine.state.latched & Attention.smi]).toEqual([0, 0]);
    machine.run(2);
    expect([machine.state.inSmm, machine.state.attention & Attention.smi]).toEqual([0, 0]);
    machine.run(1);
    expect(machine.state.eip).toBe(0x1001);
  });

  it('keeps NMI and INIT until RSM; IRET in SMM lets NMIs in', () => {
    const machine = new SmmMachine(map);
    const { state } = machine;
    machine.bytes(entry, 0x90, 0x90, 0x90, 0x90);
    machine.enter();
    state.requestAttention(Attention.nmi | Attention.init);
    machine.run(2);
    expect([state.eip, state.latched & (Attention.nmi | Attention.init), state.attention & Attention.init]).toEqual([
      0x8002,
      Attention.nmi | Attention.init,
      0,
    ]);
    // IRET pops IP, CS and flags; the vector of NMI leads to 0:2000.
    machine.setDword(8, 0x2000);
    state.esp = 0x7000;
    machine.bytes(0x7000, 0x04, 0x80, 0x00, 0x30, 2, 0);
    machine.bytes(entry + 2, 0xcf);
    state.idtBase = 0;
    state.idtLimit = 0x3ff;
    machine.run(1);
    expect(state.nmiBlocked).toBe(0);
    machine.run(1);
    expect([state.segmentBase(Seg.cs), state.eip >= 0x2000]).toEqual([0, true]);
    state.eip = 0x2000;
    machine.bytes(0x2000, ...rsm);
    machine.vcpu.synchronise();
    machine.run(1);
    expect(state.inSmm).toBe(0);
    expect(state.attention & Attention.init).toBe(Attention.init);
    machine.run(1);
    expect((state.attention | state.latched) & Attention.init).toBe(0);
  });

  it('keeps the shadow of STI and of MOV SS over an SMI', () => {
    for (const kind of [1, 2] as const) {
      const machine = new SmmMachine(map);
      machine.cpu.castShadow(kind);
      machine.enter();
      expect(machine.state.interruptShadow).toBe(0);
      machine.services.rsm();
      expect([machine.state.interruptShadow, machine.cpu.shadowHolds()]).toEqual([kind, true]);
    }
  });

  it('describes the instruction that wrote the port, and executes it again on request', () => {
    const machine = new SmmMachine(map);
    const { state } = machine;
    const { platform } = machine;
    const written = machine.recorded.ports;
    Object.assign(platform, {
      portWrite: (port: number, size: number, value: number) => {
        written.push({ port, size, value });
        if (written.length === 1) state.requestAttention(Attention.smi);
      },
    });
    machine.bytes(0x1000, 0x90, 0xe6, 0xb2, 0x90, 0x90);
    machine.bytes(entry, 0x90, ...rsm);
    state.setSegment(Seg.cs, 0, 0, 0xffff, 0x93);
    machine.cpu.updateContext();
    state.eip = 0x1000;
    state.setRegister(Reg.eax, 0x57);
    machine.run(3);
    expect([state.inSmm, machine.field(map === 'intel32' ? 'eip' : 'rip')]).toEqual([1, 0x1003]);
    expect(machine.field('ioState')).toBe(map === 'intel32' ? 0x00b20083 : 0x00b20092);
    machine.setField('ioRestart', 0xff);
    machine.run(2);
    expect(state.eip).toBe(0x1003);
    expect(written).toEqual([
      { port: 0xb2, size: 1, value: 0x57 },
      { port: 0xb2, size: 1, value: 0x57 },
    ]);
  });

  it.each([
    { name: 'OUTSB', code: [0x6e], at: 0, form: 2, kind: 'out' },
    { name: 'INSB', code: [0x6c], at: 0, form: 3, kind: 'in' },
    { name: 'REP OUTSB', code: [0xf3, 0x6e], at: 1, form: 6, kind: 'out' },
    { name: 'REP INSB', code: [0xf3, 0x6c], at: 1, form: 7, kind: 'in' },
  ])('repeats that element of $name from which the SMI came, and no other', ({ code, at, form, kind }) => {
    const machine = new SmmMachine(map);
    const { state } = machine;
    const accessed: number[] = [];
    const access = () => {
      if (accessed.length === at) state.requestAttention(Attention.smi);
    };
    Object.assign(machine.platform, {
      portWrite: (_port: number, _size: number, value: number) => {
        access();
        accessed.push(value);
      },
      portRead: () => {
        access();
        accessed.push(0x41 + accessed.length);
        return 0x40 + accessed.length;
      },
    });
    machine.bytes(0x1000, ...code, 0x90, 0x90);
    machine.bytes(0x500, 0x61, 0x62, 0x63);
    machine.bytes(entry, 0x90, ...rsm);
    for (const seg of [Seg.cs, Seg.ds, Seg.es]) state.setSegment(seg, 0, 0, 0xffff, 0x93);
    machine.cpu.updateContext();
    state.eip = 0x1000;
    state.setRegister(Reg.edx, 0xb2);
    state.setRegister(Reg.ecx, 3);
    state.setRegister(Reg.esi, 0x500);
    state.setRegister(Reg.edi, 0x600);
    for (let steps = 0; state.inSmm === 0 && steps < 10; steps++) machine.run(1);
    expect(state.inSmm).toBe(1);
    if (map === 'intel32') {
      expect(machine.field('ioState')).toBe(0x00b20000 | (form << 4) | 3);
      expect(machine.field('ioAddress')).toBe((kind === 'out' ? 0x500 : 0x600) + at);
    } else expect(machine.field('ioState') & 0xf).toBe(2 | (kind === 'in' ? 1 : 0) | 4 | (at > 0 ? 8 : 0));
    machine.setField('ioRestart', 0xff);
    for (let steps = 0; state.eip !== 0x1000 + code.length && steps < 20; steps++) machine.run(1);
    const repeated = at > 0;
    if (kind === 'out') expect(accessed).toEqual(repeated ? [0x61, 0x62, 0x62, 0x63] : [0x61, 0x61]);
    else {
      expect(accessed).toHaveLength(repeated ? 4 : 2);
      expect([0x600, 0x601, 0x602].map((address) => machine.ram.getUint8(address))).toEqual(
        repeated ? [0x41, 0x43, 0x44] : [0x42, 0, 0],
      );
    }
    expect(state.register(kind === 'out' ? Reg.esi : Reg.edi)).toBe((kind === 'out' ? 0x500 : 0x600) + (repeated ? 3 : 1));
  });

  it('keeps no two fields at one place, and none outside of the area', () => {
    let end = 0xfe00;
    for (const { offset, bytes, name } of saveStateMaps[map].entries) {
      expect(offset, name).toBeGreaterThanOrEqual(end);
      end = offset + bytes;
    }
    expect(end).toBeLessThanOrEqual(0x10000);
  });
});

it('lets the trap flag out of SMM', () => {
  const machine = new SmmMachine('intel32');
  machine.bytes(entry, 0x90, ...rsm);
  writeEflags(machine.state, Flag.trap);
  machine.enter();
  machine.run(1);
  expect([machine.state.eip, machine.state.debugPending]).toEqual([0x8001, 0]);
});
