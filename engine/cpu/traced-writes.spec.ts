/** Every kind of write to a traced page is caught before it lands. The guard here is a list; engine/guard has the real one. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../assembler/assembler.ts';
import { Attention, Reg } from '../isa/state.ts';
import { Page } from './platform.ts';
import { enterProtected, gateDescriptor, gdt, otherTss, sel, setGate, tss } from './testing/tables.ts';
import { TestMachine } from './testing/test-machine.ts';
import { Outcome, Verdict, WriteCause, type Judgement, type TracedWrite, type WriteGuard } from './traced-writes.ts';

const hlt = 0xf4;
const code = 0x4000;
const handlers = 0x6000;
/** What the programs write to: the second half of page 0x20, and page 0x21. */
const target = 0x20800;
const crossing = 0x20ffe;
const stackTop = 0x22800;
const directory = 0x30000;
const table = 0x31000;

interface Report {
  page: number;
  offset: number;
  size: number;
  cause: WriteCause;
  outcome: Outcome;
  eip: number;
  old: string;
  new: string;
}

class ListGuard implements WriteGuard {
  readonly pages = new Map<number, Judgement>();
  readonly reports: Report[] = [];
  judge(page: number): Judgement | undefined {
    return this.pages.get(page);
  }
  report(writes: readonly TracedWrite[]): void {
    for (const { page, offset, size, cause, outcome, eip, before, after } of writes) {
      const hex = (bytes: Uint8Array) => Buffer.from(bytes.subarray(offset, offset + size)).toString('hex');
      this.reports.push({ page, offset, size, cause, outcome, eip, old: hex(before), new: hex(after) });
    }
  }
}

class Bench {
  readonly guard = new ListGuard();
  readonly machine: TestMachine;

  constructor(source: string) {
    this.machine = new TestMachine({ interpreter: true, guard: this.guard });
    const { machine } = this;
    enterProtected(machine);
    for (let vector = 0; vector < 64; vector++) {
      setGate(machine, vector, gateDescriptor(sel.code0, handlers + 16 * vector, 0x8e));
      machine.bytes(handlers + 16 * vector, hlt);
    }
    const { bytes, errors } = assemble({
      file: 'x',
      bits: 32,
      read: () => ({ path: 'x', bytes: Buffer.from(`org ${code}\n${source}\nhlt\n`) }),
    });
    expect(errors).toEqual([]);
    machine.bytes(code, ...bytes);
    for (let at = 0; at < 0x3000; at += 4) machine.setDword(0x20000 + at, 0x01010101);
    // Something to push, copy and store.
    machine.state.setRegister(Reg.eax, 0xa3a2a1a0);
    machine.state.setRegister(Reg.ebx, 0xb3b2b1b0);
    machine.state.esp = stackTop;
    machine.state.eip = code;
    machine.vcpu.synchronise();
  }

  trace(page: number, verdict: Verdict): void {
    this.guard.pages.set(page, { verdict });
    Atomics.or(this.machine.platform.pageFlags, page, Page.traced);
    this.machine.cpu.tlb.dropWrites();
  }

  run(): this {
    this.machine.vcpu.run(200);
    expect(this.machine.state.activity).toBe(1);
    return this;
  }

  /** Where HLT was reached: the program's end, or the handler of a vector. */
  get ended(): number | 'end' {
    const { eip } = this.machine.state;
    return eip >= handlers && eip < handlers + 0x400 ? (eip - 1 - handlers) / 16 : 'end';
  }

  memory(page: number): Buffer {
    return Buffer.from(Buffer.from(this.machine.ram.buffer, this.machine.ram.byteOffset + page * 4096, 4096));
  }
}

/** Source, the page it writes, and where: offset and bytes (old ones are 01). */
const operand: Record<string, [source: string, page: number, offset: number, size: number]> = {
  'a plain store of a byte': [`mov [${target}], al`, 0x20, 0x800, 1],
  'a plain store of a word': [`mov [${target}], ax`, 0x20, 0x800, 2],
  'a plain store': [`mov [${target}], eax`, 0x20, 0x800, 4],
  'a store of an immediate': [`mov dword [${target}], 5`, 0x20, 0x800, 4],
  'a misaligned store': [`mov [${target + 1}], eax`, 0x20, 0x801, 4],
  'the last bytes of a page': ['mov [0x20ffc], eax', 0x20, 0xffc, 4],
  'an update': [`add [${target}], eax`, 0x20, 0x800, 4],
  'a locked update': [`lock xadd [${target}], eax`, 0x20, 0x800, 4],
  'a misaligned locked update': [`lock inc dword [${target + 1}]`, 0x20, 0x801, 4],
  'an exchange': [`xchg [${target}], eax`, 0x20, 0x800, 4],
  'a compare and exchange that matches': [`mov eax, 0x01010101\nlock cmpxchg [${target}], ebx`, 0x20, 0x800, 4],
  'a compare and exchange of 8 bytes': [`mov eax, 0x01010101\nmov edx, eax\nlock cmpxchg8b [${target}]`, 0x20, 0x800, 8],
  'a bit test and set': [`bts dword [${target}], 5`, 0x20, 0x800, 4],
  SETcc: [`setnz [${target}]`, 0x20, 0x800, 1],
  'a string store': [`mov edi, ${target}\nstosd`, 0x20, 0x800, 4],
  'a repeated string store': [`mov edi, ${target}\nmov ecx, 16\nrep stosd`, 0x20, 0x800, 64],
  'a repeated copy': [`mov edi, ${target}\nmov esi, 0x8000\nmov ecx, 7\nrep movsb`, 0x20, 0x800, 7],
  'a copy downwards': [`std\nmov edi, ${target + 6}\nmov esi, 0x8006\nmov ecx, 7\nrep movsb\ncld`, 0x20, 0x800, 7],
  'a string input': [`mov edi, ${target}\nmov dx, 0x70\ninsb`, 0x20, 0x800, 1],
  'a push': ['push eax', 0x22, 0x7fc, 4],
  'a push of a word': ['push ax', 0x22, 0x7fe, 2],
  'a push of flags': ['pushf', 0x22, 0x7fc, 4],
  PUSHA: ['pusha', 0x22, 0x7e0, 32],
  ENTER: ['mov ebp, 0x8000\nenter 16, 3', 0x22, 0x7f0, 16],
  'a near call': ['call next\nnext:', 0x22, 0x7fc, 4],
  'a pop to memory': [`mov esp, 0x8000\npop dword [${target}]`, 0x20, 0x800, 4],
  'a far call': [`call ${sel.code0}:next\nnext:`, 0x22, 0x7f8, 8],
  'the store of a table register': [`sgdt [${target}]`, 0x20, 0x800, 6],
  'the store of a selector': [`str [${target}]`, 0x20, 0x800, 2],
  'an x87 store of 4 bytes': [`fninit\nfld1\nfstp dword [${target}]`, 0x20, 0x800, 4],
  'an x87 store of 10 bytes': [`fninit\nfld1\nfstp tword [${target}]`, 0x20, 0x800, 10],
  'an x87 store of a decimal': [`fninit\nfld1\nfbstp [${target}]`, 0x20, 0x800, 10],
  'the x87 environment': [`fninit\nfnstenv [${target}]`, 0x20, 0x800, 28],
  'the FXSAVE image': [`fninit\nfxsave [${target}]`, 0x20, 0x800, 160],
  'the x87 state': [`fninit\nfnsave [${target}]`, 0x20, 0x800, 108],
};

/** The operand's instruction is the last one of each source. */
function lastInstruction(bench: Bench): number {
  return bench.guard.reports[0]?.eip ?? -1;
}

describe.each(Object.entries(operand))('%s', (_name, [source, page, offset, size]) => {
  it('raises exactly one report, with old and new bytes, and lands when it may', () => {
    const free = new Bench(source).run();
    const bench = new Bench(source);
    bench.trace(page, Verdict.allow);
    bench.run();
    expect(bench.guard.reports).toEqual([
      {
        page,
        offset,
        size,
        cause: WriteCause.instruction,
        outcome: Outcome.made,
        eip: lastInstruction(bench),
        old: '01'.repeat(size),
        new: free.memory(page).toString('hex', offset, offset + size),
      },
    ]);
    expect(bench.ended).toBe('end');
    expect(bench.memory(page).equals(free.memory(page))).toBe(true);
    for (let register = 0; register < 8; register++)
      expect(bench.machine.state.register(register)).toBe(free.machine.state.register(register));
  });

  it('is dropped when it is denied, and execution goes on', () => {
    const bench = new Bench(source);
    const before = bench.memory(page);
    bench.trace(page, Verdict.drop);
    // Without what it pushed, a return address above all, the program could not go on: it need not for a call, which jumps.
    bench.run();
    expect(bench.guard.reports.map((report) => [report.page, report.offset, report.size, report.outcome])).toEqual([
      [page, offset, size, Outcome.dropped],
    ]);
    expect(bench.memory(page).equals(before)).toBe(true);
    expect(bench.ended).toBe('end');
  });

  it('happens not at all when it is refused: #GP at the instruction', () => {
    const bench = new Bench(source);
    const before = bench.memory(page);
    bench.trace(page, Verdict.refuse);
    // The handler's frame must not go where the write was refused.
    const registers: [number, number][] = [
      [0x1c, 0],
      [0x20, handlers + 16 * 13],
      [0x24, 2],
      [0x38, 0x8c00],
      [0x4c, sel.code0],
      [0x60, 0],
    ];
    for (const [field, value] of registers) bench.machine.setDword(otherTss + field, value);
    for (const field of [0x48, 0x50, 0x54]) bench.machine.setDword(otherTss + field, sel.data0);
    setGate(bench.machine, 13, gateDescriptor(sel.otherTss, 0, 0xe5));
    bench.run();
    expect(bench.ended).toBe(13);
    expect(bench.guard.reports.map((report) => [report.page, report.outcome])).toEqual([[page, Outcome.refused]]);
    expect(bench.memory(page).equals(before)).toBe(true);
    // The old task was saved at the instruction itself.
    expect(bench.machine.dword(tss + 0x20)).toBe(lastInstruction(bench));
  });
});

describe('a write across two pages', () => {
  it.each([
    ['by a store', `mov [${crossing}], eax`],
    ['by a locked update', `lock xadd [${crossing}], eax`],
    ['by microcode', `mov esp, ${crossing + 4}\npushf\nint3`],
  ])('%s is made as a whole or not at all', (_name, source) => {
    const bench = new Bench(source);
    const before = [bench.memory(0x20), bench.memory(0x21)];
    bench.trace(0x21, Verdict.drop);
    bench.run();
    expect(bench.guard.reports.filter((report) => report.page !== 0x21)).toEqual([]);
    expect(bench.memory(0x21).equals(before[1]!)).toBe(true);
    expect(bench.memory(0x20).toString('hex', 0xffe)).toBe(before[0]!.toString('hex', 0xffe));
  });

  it('raises a report for each page that somebody wants to know of', () => {
    const bench = new Bench(`mov [${crossing}], eax`);
    bench.trace(0x20, Verdict.allow);
    bench.trace(0x21, Verdict.allow);
    bench.run();
    expect(bench.guard.reports.map(({ page, offset, size, new: bytes }) => [page, offset, size, bytes])).toEqual([
      [0x20, 0xffe, 2, 'a0a1'],
      [0x21, 0, 2, 'a2a3'],
    ]);
  });
});

describe('what the processor writes by itself', () => {
  it('the frame of an exception is one write, of the delivery', () => {
    const bench = new Bench('ud2');
    bench.trace(0x22, Verdict.allow);
    bench.run();
    expect(bench.ended).toBe(6);
    expect(bench.guard.reports).toMatchObject([
      { page: 0x22, offset: 0x7f4, size: 12, cause: WriteCause.delivery, outcome: Outcome.made, eip: code },
    ]);
  });

  it('the frame of an interrupt likewise', () => {
    const bench = new Bench('sti\nnop\nnop');
    bench.trace(0x22, Verdict.drop);
    bench.machine.pending.push(40);
    bench.machine.state.requestAttention(Attention.interrupt);
    bench.run();
    expect(bench.guard.reports).toMatchObject([
      { page: 0x22, offset: 0x7f4, size: 12, cause: WriteCause.delivery, outcome: Outcome.dropped },
    ]);
    expect(bench.ended).toBe(40);
    expect(bench.machine.dword(stackTop - 12)).toBe(0x01010101);
  });

  it('a refused frame follows the rules of a double fault, and shuts down in the end', () => {
    const bench = new Bench('ud2');
    bench.trace(0x22, Verdict.refuse);
    bench.machine.vcpu.run(100);
    expect(bench.machine.recorded.tripleFaults.map((chain) => chain.map(({ vector }) => vector))).toEqual([[6, 13, 13, 8, 13]]);
    expect(bench.guard.reports.every((report) => report.outcome === Outcome.refused)).toBe(true);
    expect(bench.machine.dword(stackTop - 4)).toBe(0x01010101);
  });

  it('INT n pushes one frame', () => {
    const bench = new Bench('int 33');
    bench.trace(0x22, Verdict.allow);
    bench.run();
    expect(bench.guard.reports).toMatchObject([
      { page: 0x22, offset: 0x7f4, size: 12, cause: WriteCause.instruction, eip: code },
    ]);
  });

  it('a task switch saves the old task in one write, and moves busy bits in another page', () => {
    const bench = new Bench(`jmp ${sel.otherTss}:0`);
    const { machine } = bench;
    const fields: [number, number][] = [
      [0x20, handlers],
      [0x24, 2],
      [0x38, 0x8c00],
      [0x48, sel.data0],
      [0x4c, sel.code0],
      [0x50, sel.data0],
      [0x54, sel.data0],
    ];
    for (const [field, value] of fields) machine.setDword(otherTss + field, value);
    bench.trace(tss >>> 12, Verdict.allow);
    bench.trace(gdt >>> 12, Verdict.allow);
    bench.run();
    expect(bench.ended).toBe(0);
    expect(bench.guard.reports.map(({ page, offset, size, eip }) => [page, offset, size, eip])).toEqual([
      [tss >>> 12, 0x20, 0x3e, code],
      [gdt >>> 12, sel.tss + 5, sel.otherTss - sel.tss + 1, code],
    ]);
  });

  it('a refused save of a task leaves the old task running, and busy', () => {
    const bench = new Bench(`jmp ${sel.otherTss}:0`);
    bench.trace(tss >>> 12, Verdict.refuse);
    bench.run();
    expect(bench.ended).toBe(13);
    expect(bench.machine.ram.getUint8(gdt + sel.tss + 5) & 0xf).toBe(11);
    expect(bench.machine.ram.getUint8(gdt + sel.otherTss + 5) & 0xf).toBe(9);
  });

  it('the accessed bit of a descriptor is a write of the instruction that loads it', () => {
    const bench = new Bench(`mov cx, ${sel.data3}\nmov fs, cx`);
    bench.trace(gdt >>> 12, Verdict.drop);
    bench.run();
    expect(bench.guard.reports).toMatchObject([
      { page: gdt >>> 12, offset: (sel.data3 & ~7) + 5, size: 1, old: 'f2', new: 'f3', outcome: Outcome.dropped },
    ]);
    expect(bench.machine.state.selector(4)).toBe(sel.data3);
  });

  const paging = `mov eax, ${directory}\nmov cr3, eax\nmov eax, 0x80000001\nmov cr0, eax\nnext:\nmov [0x40000], eax`;
  function paged(): Bench {
    const bench = new Bench(paging);
    for (let page = 0; page < 0x80; page++) bench.machine.setDword(table + 4 * page, (page << 12) | 0x63);
    bench.machine.setDword(table + 4 * 0x40, 0x40003);
    bench.machine.setDword(directory, table | 3);
    return bench;
  }

  it('accessed and dirty bits are writes of the walk, at each level', () => {
    const bench = paged();
    bench.trace(directory >>> 12, Verdict.allow);
    bench.trace(table >>> 12, Verdict.allow);
    bench.run();
    expect(bench.guard.reports.map(({ page, offset, cause, old, new: bytes }) => [page, offset, cause, old, bytes])).toEqual([
      [directory >>> 12, 0, WriteCause.walk, '03100300', '23100300'],
      [table >>> 12, 0x100, WriteCause.walk, '03000400', '63000400'],
    ]);
    expect(bench.ended).toBe('end');
  });

  it('denied, they stay clear and the access is made', () => {
    const bench = paged();
    bench.trace(table >>> 12, Verdict.drop);
    bench.run();
    expect(bench.machine.dword(table + 0x100)).toBe(0x40003);
    expect(bench.machine.dword(0x40000)).toBe(0x80000001);
    expect(bench.guard.reports).toHaveLength(1);
  });

  it('refused, the access is refused with #GP', () => {
    const bench = paged();
    bench.trace(table >>> 12, Verdict.refuse);
    bench.run();
    expect(bench.ended).toBe(13);
    expect(bench.machine.dword(table + 0x100)).toBe(0x40003);
    expect(bench.machine.dword(0x40000)).toBe(0);
  });
});

describe('what is not reported', () => {
  it.each(Object.entries(operand))('%s, to a traced page that nobody wants to know of', (_name, [source, page]) => {
    const free = new Bench(source).run();
    const bench = new Bench(source);
    Atomics.or(bench.machine.platform.pageFlags, page, Page.traced);
    bench.run();
    expect(bench.guard.reports).toEqual([]);
    expect(bench.memory(page).equals(free.memory(page))).toBe(true);
  });

  it('a write to a page that is not traced: the guard is not even asked', () => {
    const bench = new Bench(`mov [${target}], eax`);
    bench.guard.pages.set(0x20, { verdict: Verdict.refuse });
    bench.run();
    expect(bench.guard.reports).toEqual([]);
    expect(bench.machine.dword(target)).toBe(0xa3a2a1a0);
  });

  it('reads, and a compare and exchange of a page that is only read', () => {
    const bench = new Bench(`mov eax, [${target}]\ncmp [${target}], eax\ntest [${target}], eax`);
    bench.trace(0x20, Verdict.refuse);
    bench.run();
    expect(bench.guard.reports).toEqual([]);
  });
});
