/** Breakpoints of every kind on whole machines, with guests of ours. */
import { afterEach, describe, expect, it } from 'vitest';
import type { StopCause } from '../machine/debug/breakpoint.ts';
import { debugged, type Debugged } from './testing/debugged-machine.ts';

const open: Debugged[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ machine }) => machine.dispose()));
});

async function guest(...parameters: Parameters<typeof debugged>): Promise<Debugged> {
  const machine = await debugged(...parameters);
  open.push(machine);
  return machine;
}

/** The ids that stopped it. */
function ids(cause: StopCause): number[] {
  return cause.kind === 'breakpoint' ? cause.hits.map(({ id }) => id) : [];
}

const counting = `
        org 0x7c00
        cli
        xor ax, ax
        mov word [0x600], ax
again:  inc ax
        mov bx, ax
middle: add word [0x600], bx
        cmp ax, 1000
        jne again
        out 0xe9, al
        jmp $
`;

describe('an execute breakpoint', () => {
  it('stops before the instruction, each time it is reached, and resume steps over it', async () => {
    const { arm, go, address, register } = await guest(counting);
    await arm({ watched: { kind: 'execute', space: 'linear', address: address('middle') } });
    for (let round = 1; round <= 3; round++) {
      expect(await go()).toMatchObject({ kind: 'breakpoint', cpu: 0, hits: [{ id: 1, at: address('middle') }] });
      expect(await register('eip')).toBe(address('middle'));
      expect(await register('eax')).toBe(round);
    }
  });

  it('stops code that was running before the breakpoint was set', async () => {
    const { arm, machine, address, stopped, register } = await guest('org 0x7c00\nagain: inc ax\nplace: nop\njmp again');
    await machine.resume();
    await arm({ watched: { kind: 'execute', space: 'linear', address: address('place') } });
    expect(ids(await stopped())).toEqual([1]);
    expect(await register('eip')).toBe(address('place'));
  });

  it('holds again after it was taken away for a step, as gdb does, and the guest has run without it', async () => {
    const { arm, go, step, machine, address, stopped } = await guest(
      'org 0x7c00\ncli\nfirst: nop\nagain: inc ax\njmp place\nplace: nop\njmp again',
    );
    const watched = { kind: 'execute', space: 'linear', address: address('place') } as const;
    await arm({ watched }, { watched: { ...watched, address: address('first') } });
    await go();
    await arm();
    await step();
    await machine.resume();
    while ((await machine.debug('registers', { cpu: 0 })).instructions < 10_000);
    await arm({ watched });
    expect(ids(await stopped())).toEqual([1]);
  });

  it('stops a loop of one instruction', async () => {
    const { arm, go, address } = await guest('org 0x7c00\nplace: jmp place');
    await arm({ watched: { kind: 'execute', space: 'linear', address: address('place') }, ignore: 5 });
    expect(ids(await go())).toEqual([1]);
    expect(ids(await go())).toEqual([1]);
  });

  it('counts hits, passes some, and obeys its condition', async () => {
    const { arm, go, address, register, machine } = await guest(counting);
    const watched = { kind: 'execute', space: 'linear', address: address('middle') } as const;
    await arm({ watched, condition: 'ax % 10 == 0', ignore: 2 });
    await go();
    expect(await register('eax')).toBe(30);
    expect(await machine.debug('hits', undefined)).toEqual(new Map([[1, 3]]));
  });

  it('says so when its condition cannot be evaluated, and stops', async () => {
    const { arm, go, address } = await guest(counting);
    await arm({ watched: { kind: 'execute', space: 'linear', address: address('middle') }, condition: '1 / (ax - 1) == 0' });
    expect(await go()).toMatchObject({ hits: [{ problem: 'Something is divided by zero.' }] });
  });

  it('only logs, without stopping, and loses nothing', async () => {
    const { arm, go, address, logged } = await guest(counting);
    await arm(
      { watched: { kind: 'execute', space: 'linear', address: address('middle') }, log: 'ax={ax} sum={word[0x600]}' },
      { watched: { kind: 'port', first: 0xe9, last: 0xe9, access: 'write' } },
    );
    expect(ids(await go())).toEqual([2]);
    const lines = logged();
    expect(lines).toHaveLength(1000);
    expect(lines.slice(0, 3)).toEqual(['ax=0x1 sum=0x0', 'ax=0x2 sum=0x1', 'ax=0x3 sum=0x3']);
  });

  it('watches a physical address, wherever it is mapped', async () => {
    const { arm, go, register, address } = await guest(`
        org 0x7c00
        jmp 0x7b0:(start - 0x7b00)
        times 3 nop
start:  mov ax, 7
        jmp $
`);
    await arm({ watched: { kind: 'execute', space: 'physical', address: address('start') } });
    expect(ids(await go())).toEqual([1]);
    expect([await register('cs'), await register('eip')]).toEqual([0x7b0, address('start') - 0x7b00]);
  });
});

describe('a watchpoint', () => {
  const watched = { kind: 'data', space: 'linear', address: 0x600, length: 2 } as const;

  it('stops behind the instruction that wrote, with what stood there before and after', async () => {
    const { arm, go, address, register } = await guest(counting);
    await arm({ watched: { ...watched, access: 'write' }, condition: 'value > 5' });
    expect(await go()).toMatchObject({ kind: 'breakpoint', hits: [{ id: 1, at: 0x600, write: true, before: 3n, value: 6n }] });
    expect(await register('eip')).toBe(address('middle') + 4);
  });

  it('tells reads from writes, and watches physical bytes too', async () => {
    const { arm, go, register } = await guest(
      'org 0x7c00\nmov [0x601], al\nmov bl, [0x600]\nmov cl, [0x602]\nmov [0x600], ax\njmp $',
    );
    await arm({ watched: { ...watched, access: 'read' } }, { watched: { ...watched, space: 'physical', access: 'write' } });
    expect(ids(await go())).toEqual([2]);
    expect(await register('eip')).toBe(0x7c03);
    expect(ids(await go())).toEqual([1]);
    expect(await register('eip')).toBe(0x7c07);
    expect(ids(await go())).toEqual([2]);
  });

  it('sees pushes of interrupts', async () => {
    const { arm, go, register } = await guest(
      'org 0x7c00\nmov sp, 0x700\nmov word [0x80], here\nmov word [0x82], 0\nint 0x20\nhere: jmp $',
    );
    await arm({ watched: { kind: 'data', space: 'linear', address: 0x6fe, length: 2, access: 'write' } });
    expect(ids(await go())).toEqual([1]);
    expect(await register('esp')).toBe(0x6fa);
  });
});

describe('the other kinds', () => {
  it('stop at ports, with direction and value', async () => {
    const { arm, go } = await guest('org 0x7c00\nmov al, 0x41\nout 0xe9, al\nin al, 0x71\nin ax, 0x60\njmp $');
    await arm(
      { watched: { kind: 'port', first: 0xe9, last: 0xe9, access: 'access' } },
      { watched: { kind: 'port', first: 0x70, last: 0x71, access: 'write' } },
      { watched: { kind: 'port', first: 0x61, last: 0x61, access: 'read' } },
    );
    expect(await go()).toMatchObject({ hits: [{ id: 1, at: 0xe9, write: true, value: 0x41n }] });
    expect(await go()).toMatchObject({ hits: [{ id: 3, at: 0x60, write: false }] });
  });

  it('stop at MSRs, control registers and changes of mode', async () => {
    const { arm, go, address, register } = await guest(`
        org 0x7c00
        mov ecx, 0x174
        mov eax, 0x1234
        xor edx, edx
        wrmsr
        rdmsr
        lgdt [pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 8:flat
        bits 32
flat:   jmp $
gdt:    dq 0, 0x00cf9a000000ffff
pointer: dw 15
        dd gdt
`);
    await arm(
      { watched: { kind: 'msr', msr: 0x174, access: 'write' } },
      { watched: { kind: 'control', register: 0, access: 'read' } },
      { watched: { kind: 'mode' } },
    );
    expect(await go()).toMatchObject({ hits: [{ id: 1, at: 0x174, write: true, value: 0x1234n }] });
    expect(ids(await go())).toEqual([2]);
    expect(await go()).toMatchObject({ hits: [{ id: 3, value: 2n }] });
    expect(await go()).toMatchObject({ hits: [{ id: 3, value: 3n }] });
    expect(await register('eip')).toBe(address('flat'));
  });

  it('stop at the handlers of interrupts and exceptions', async () => {
    const { arm, go, address, register } = await guest(`
        org 0x7c00
        mov word [0], divide
        mov word [2], 0
        mov word [0x84], call
        mov word [0x86], 0
        int 0x21
broken: div ah
        jmp $
call:   iret
divide: jmp $
`);
    await arm({ watched: { kind: 'interrupt', vector: 0x21 } }, { watched: { kind: 'exception', vector: undefined } });
    expect(await go()).toMatchObject({ hits: [{ id: 1, at: 0x21 }] });
    expect(await register('eip')).toBe(address('call'));
    expect(await go()).toMatchObject({ hits: [{ id: 2, at: 0, from: address('broken') }] });
    expect(await register('eip')).toBe(address('divide'));
  });

  it('stop when system-management mode is entered and left', async () => {
    const { arm, go, address, machine } = await guest(`
        org 0x7c00
        cli
        mov ax, 0x3800                  ; the handler of SMBASE 0x30000, in RAM
        mov es, ax
        mov word [es:0], 0xaa0f         ; rsm
        mov dx, 0x630
        mov eax, 0x21                   ; GBL_SMI_EN, APMC_EN
        out dx, eax
        out 0xb2, al
after:  jmp $
`);
    await arm({ watched: { kind: 'smm', edge: 'both' } });
    expect(await go()).toMatchObject({ hits: [{ id: 1, at: 1 }] });
    expect(await machine.debug('registers', { cpu: 0 })).toMatchObject({ inSmm: true, pc: 0x38000 });
    expect(await go()).toMatchObject({ hits: [{ id: 1, at: 0 }] });
    expect(await machine.debug('registers', { cpu: 0 })).toMatchObject({ inSmm: false, pc: address('after') });
  });

  it('stop before a triple fault resets the machine', async () => {
    const { machine, go, register, events } = await guest('org 0x7c00\nlidt [zero]\nint3\nzero: dw 0, 0, 0');
    await machine.debug('stopAtTripleFault', true);
    expect(await go()).toEqual({ kind: 'tripleFault', cpu: 0 });
    expect(await register('eip')).toBe(0x7c05);
    const told = events.find((event) => event.kind === 'tripleFault');
    expect(told?.kind === 'tripleFault' ? told.chain.map(({ vector, eip, state }) => [vector, eip, state?.cs]) : []).toEqual([
      [13, 0x7c05, 0],
      [13, 0x7c05, 0],
      [8, 0x7c05, 0],
      [13, 0x7c05, 0],
    ]);
  });
});

describe('running on', () => {
  it('steps one instruction, into handlers of exceptions', async () => {
    const { step, address, register } = await guest(
      'org 0x7c00\nmov word [0], handler\nmov word [2], 0\nbad: div ah\nhandler: jmp $',
    );
    expect(await step()).toEqual({ kind: 'step', cpu: 0 });
    expect(await register('eip')).toBe(0x7c06);
    await step();
    expect(await register('eip')).toBe(address('bad'));
    await step();
    expect(await register('eip')).toBe(address('handler'));
  });

  it('changes registers only to what the processor can hold', async () => {
    const { machine, register, step } = await guest('org 0x7c00\nnop\nnop\njmp $');
    const set = (name: string, value: bigint) => machine.debug('setRegister', { cpu: 0, name, value });
    await set('eax', 0xdeadbeefn);
    await set('ds', 0x1234n);
    await set('eip', 0x7c01n);
    expect([await register('eax'), await register('ds_base')]).toEqual([0xdeadbeef, 0x12340]);
    await step();
    expect(await register('eip')).toBe(0x7c02);
    await expect(set('eip', 0x10000n)).rejects.toThrow('the limit of CS is 0xffff');
    await expect(set('cr0', 0x80000000n)).rejects.toThrow('PG without PE');
    await expect(set('ax', 1n)).rejects.toThrow('no register named ax');
    await expect(set('eax', 1n << 32n)).rejects.toThrow('32 bits');
  });

  it('reads memory and writes all of it or nothing; changed code is executed', async () => {
    const { machine, step, register } = await guest('org 0x7c00\nmov al, 1\nmov al, 2\njmp $');
    const space = { kind: 'linear', cpu: 0 } as const;
    await step();
    await machine.debug('writeMemory', { space, address: 0x7c03, bytes: Uint8Array.of(9) });
    await step();
    expect(await register('eax')).toBe(9);
    const { bytes, readable } = await machine.debug('readMemory', { space, address: 0x7c02, length: 2 });
    expect([[...bytes], [...readable]]).toEqual([
      [0xb0, 9],
      [1, 1],
    ]);
    const hole = await machine.debug('readMemory', { space: { kind: 'physical' }, address: 0xd0000000, length: 4 });
    expect([...hole.readable]).toEqual([0, 0, 0, 0]);
    await expect(
      machine.debug('writeMemory', { space: { kind: 'physical' }, address: 0xfffffff0, bytes: Uint8Array.of(1) }),
    ).rejects.toThrow('no RAM');
  });

  it('records instructions, or transfers only', async () => {
    const { machine, go, arm, address } = await guest(counting);
    await arm({ watched: { kind: 'execute', space: 'linear', address: address('middle') }, ignore: 2 });
    await machine.debug('trace', { what: 'instructions', entries: 64 });
    await go();
    expect((await machine.debug('readTrace', { cpu: 0, most: 1 })).recording).toBe('instructions');
    await machine.debug('trace', undefined);
    const { entries, recorded, recording } = await machine.debug('readTrace', { cpu: 0, most: 4 });
    expect(recording).toBeUndefined();
    expect(recorded).toBe(3 + 2 * 5 + 2 + 1);
    expect(entries.map(({ linear }) => linear - address('again'))).toEqual([10, 0, 1, 3]);
  });
});

describe('several vCPUs', () => {
  const spinning = (cpus: number) => `
PROCESSORS equ ${cpus}
%include "bring-up.asm"
main:
        mov ecx, 200
.again: call visit
        loop .again
        ret
visit:  lock inc dword [shared]
        ret
finish: mov al, 0
        out EXIT_PORT, al
        jmp $
kernel_end:
bss_end equ kernel_end
`;

  for (const clock of ['wall', 'virtual'] as const) {
    it(`report every hit once, with the vCPU, under the ${clock} clock`, async () => {
      const cpus = 3;
      const { arm, go, address, machine } = await guest(spinning(cpus), { cpus, clock, kernel: true });
      await arm({ watched: { kind: 'execute', space: 'linear', address: address('visit') } });
      const per = new Map<number, number>();
      for (let hit = 0; hit < 60; hit++) {
        const cause = await go();
        if (cause.kind !== 'breakpoint') throw new Error(`Stopped by ${cause.kind}.`);
        per.set(cause.cpu, (per.get(cause.cpu) ?? 0) + 1);
        const { pc } = await machine.debug('registers', { cpu: cause.cpu });
        expect(pc).toBe(address('visit'));
      }
      // Each hit was counted; those that wait to be told have not been executed either.
      const told = [...per.values()].reduce((sum, count) => sum + count, 0);
      const counted = (await machine.debug('hits', undefined)).get(1) ?? 0;
      expect(counted - told).toBeGreaterThanOrEqual(0);
      expect(counted - told).toBeLessThan(cpus);
    });
  }

  it('one of them steps while the others stand still', async () => {
    for (const clock of ['wall', 'virtual'] as const) {
      const cpus = 2;
      const { arm, go, step, address, machine } = await guest(spinning(cpus), { cpus, clock, kernel: true });
      await arm({ watched: { kind: 'execute', space: 'linear', address: address('visit') }, cpu: 1 });
      expect(await go()).toMatchObject({ kind: 'breakpoint', cpu: 1 });
      const before = await machine.debug('registers', { cpu: 0 });
      expect(await step(1)).toEqual({ kind: 'step', cpu: 1 });
      const after = await machine.debug('registers', { cpu: 0 });
      expect(after.instructions).toBe(before.instructions);
      expect((await machine.debug('registers', { cpu: 1 })).pc).toBe(address('visit') + 7);
    }
  });
});

describe('determinism', () => {
  it('gives the same digest with breakpoints on places that are not touched, and when looked at, as without', async () => {
    const text = counting.replace('out 0xe9, al', 'mov ax, 1').replace('jmp $', 'jmp again');
    const run = async (watch: boolean): Promise<string> => {
      const { machine, arm, address } = await guest(text, { clock: 'virtual' });
      if (watch) {
        await arm(
          // On the same pages and between the same instructions, but never reached.
          { watched: { kind: 'execute', space: 'linear', address: address('middle') + 1 } },
          { watched: { kind: 'execute', space: 'linear', address: address('middle') }, condition: 'ax == 0xffff' },
          { watched: { kind: 'data', space: 'linear', address: 0x700, length: 4, access: 'access' } },
          { watched: { kind: 'data', space: 'physical', address: 0x680, length: 1, access: 'write' } },
          { watched: { kind: 'interrupt', vector: 0x99 } },
        );
      }
      const end = machine.runUntil(300_000);
      if (watch) for (let look = 0; look < 5; look++) await machine.debug('registers', { cpu: 0 });
      await end;
      return machine.digest();
    };
    expect(await run(true)).toBe(await run(false));
  });
});
