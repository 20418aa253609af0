/** Steps over and out, and call stacks, of guests of ours in 16 and 32 bits. */
import { afterEach, describe, expect, it } from 'vitest';
import type { StopCause } from '../machine/debug/breakpoint.ts';
import { callStack, endsWithCall } from './call-stack.ts';
import { runTo, stepLine, stepOut, stepOver } from './stepping.ts';
import { BreakpointStore } from './store.ts';
import { debugged } from './testing/debugged-machine.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function guest(...parameters: Parameters<typeof debugged>) {
  const machine = await debugged(...parameters);
  ends.push(() => machine.machine.dispose());
  const store = new BreakpointStore();
  await store.attach(machine.machine);
  const after = async (work: Promise<void>): Promise<StopCause> => {
    await work;
    return machine.stopped();
  };
  return { ...machine, store, after };
}

/** Calls itself three deep with frames; the last one divides by zero. */
const program = (bits: 16 | 32): string => {
  const wide = bits === 32;
  const [a, bp, sp] = wide ? ['eax', 'ebp', 'esp'] : ['ax', 'bp', 'sp'];
  const header = wide
    ? `bits 32\norg 0x100000\njmp entry\nalign 4\nheader: dd 0x1badb002, 0x10000, -(0x1badb002 + 0x10000)\ndd header, header, end_of_it, end_of_it, entry\n
entry:  lgdt [pointer]
        jmp 8:flat
flat:   mov ax, 16
        mov ds, ax
        mov ss, ax
        mov esp, 0x200000
        lidt [idt_pointer]`
    : 'org 0x7c00\ncli\nxor ax, ax\nmov ds, ax\nmov ss, ax\nmov sp, 0x7000\nmov word [0], handler\nmov word [2], ax\n';
  const tables = wide
    ? `align 8
gdt:    dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
pointer: dw 23
        dd gdt
idt:    dw handler - 0x100000, 8, 0x8e00, 0x10
idt_pointer: dw 7
        dd idt`
    : '';
  return `${header}
start:  xor ${bp}, ${bp}
        mov ${a}, 3
        call recurse
back:   mov cx, 5
        jmp $
recurse: push ${bp}
        mov ${bp}, ${sp}
        dec ${a}
        jz deepest
        call recurse
inner:  pop ${bp}
        ret
deepest: xor cx, cx
        div cx
        pop ${bp}
        ret
handler: push ${bp}
        mov ${bp}, ${sp}
place:  nop
        jmp $
${tables}
end_of_it:
`;
};

for (const bits of [16, 32] as const) {
  describe(`${bits}-bit code`, () => {
    it('is stepped over and out of, recursion or not', async () => {
      // The one that does not divide: it comes back.
      const { machine, store, address, after, register } = await guest(program(bits).replace('div cx', 'nop'), {
        kernel: bits === 32,
      });
      expect(await after(runTo(machine, store, 0, address('start')))).toMatchObject({ kind: 'breakpoint' });
      await after(stepOver(machine, store, 0, 'stopped'));
      await after(stepOver(machine, store, 0, 'stopped'));
      await after(stepOver(machine, store, 0, 'stopped'));
      expect(await register('eip')).toBe(address('back'));
      expect(store.list).toEqual([]);

      await machine.debug('setRegister', { cpu: 0, name: 'eip', value: BigInt(address('start')) });
      await after(runTo(machine, store, 0, address('recurse')));
      // In front of its frame, then with it; over its own call.
      await after(stepOut(machine, store, 0));
      expect(await register('eip')).toBe(address('back'));
      await machine.debug('setRegister', { cpu: 0, name: 'eip', value: BigInt(address('start')) });
      await after(runTo(machine, store, 0, address('recurse')));
      for (let step = 0; step < 5; step++) await after(stepOver(machine, store, 0, 'stopped'));
      expect(await register('eip')).toBe(address('inner'));
      await after(stepOut(machine, store, 0));
      expect(await register('eip')).toBe(address('back'));
      await expect(stepOut(machine, store, 0)).rejects.toThrow('There is no caller to step out to. EBP is 0');
    });

    it('shows its call stack through an exception', async () => {
      const { machine, store, address, after } = await guest(program(bits), { kernel: bits === 32 });
      await after(runTo(machine, store, 0, address('place')));
      const { frames, end } = await callStack(machine, 0);
      expect(frames.map(({ kind, linear }) => [kind, linear])).toEqual([
        ['top', address('place')],
        ['interrupt', address('deepest') + (bits === 32 ? 3 : 2)],
        ['call', address('inner')],
        ['call', address('inner')],
        ['call', address('back')],
      ]);
      expect(end).toBe('EBP is 0: the outermost frame.');
    });
  });
}

describe('a step by lines', () => {
  const lines = `org 0x7c00
cli
mov sp, 0x7000
one:    call inside
        inc ax
        rep stosb
two:    jmp two
inside: nop
        nop
        ret
`;
  /** Two lines of three instructions and of one; what is called has no line of its own. */
  const lineOf =
    (address: (label: string) => number) =>
    (at: number): string | undefined =>
      at >= address('one') && at < address('two') ? 'one' : at >= address('two') && at < address('inside') ? 'two' : undefined;

  it('ends at another line, over calls and repeated strings', async () => {
    const { machine, store, address, register } = await guest(lines);
    await machine.debug('setRegister', { cpu: 0, name: 'ecx', value: 5n });
    await runTo(machine, store, 0, address('one'));
    while (machine.state !== 'paused') await new Promise((resolve) => setTimeout(resolve, 5));
    await stepLine(machine, store, 0, 'stopped', lineOf(address));
    expect(await register('eip')).toBe(address('two'));
    expect(await register('ecx')).toBe(0);
    expect(store.list).toEqual([]);
  });

  it('ends at a breakpoint in the middle, and is one instruction where no line is known', async () => {
    const { machine, store, address, register } = await guest(lines);
    await runTo(machine, store, 0, address('one'));
    while (machine.state !== 'paused') await new Promise((resolve) => setTimeout(resolve, 5));
    await store.add({ watched: { kind: 'execute', space: 'linear', address: address('inside') + 1 } });
    await stepLine(machine, store, 0, 'stopped', lineOf(address));
    expect(await register('eip')).toBe(address('inside') + 1);
    await stepLine(machine, store, 0, 'stopped', lineOf(address));
    while (machine.state !== 'paused' || (await register('eip')) === address('inside') + 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await register('eip')).toBe(address('inside') + 2);
  });
});

describe('the end of a call', () => {
  it('is told from other bytes', () => {
    const padded = (...bytes: number[]): Uint8Array =>
      Uint8Array.from([0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, ...bytes]);
    expect(endsWithCall(padded(0xe8, 1, 2, 3, 4), 4)).toBe(true);
    expect(endsWithCall(padded(0xe8, 1, 2), 2)).toBe(true);
    expect(endsWithCall(padded(0xff, 0xd0), 4)).toBe(true);
    expect(endsWithCall(padded(0xff, 0x54, 0x24, 8), 4)).toBe(true);
    expect(endsWithCall(padded(0x9a, 1, 2, 3, 4, 8, 0), 4)).toBe(true);
    expect(endsWithCall(padded(0xff, 0xe0), 4)).toBe(false);
    expect(endsWithCall(padded(), 4)).toBe(false);
  });
});
