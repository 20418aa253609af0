import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteArray, serializers } from './bytes.ts';
import { creation } from './library.ts';
import { machineId, machineInput, machineName, memoryBytes } from './machine.ts';
import { pairFault, pairSettings, pairStatus } from './pairs.ts';

const [bytesSerializer] = serializers;

describe('bytes over the contract', () => {
  it('arrive as they were sent, through JSON', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const sent: unknown = JSON.parse(JSON.stringify(bytesSerializer?.serialize(bytes)));
        expect(bytesSerializer?.deserialize(sent)).toEqual(bytes);
      }),
    );
  });

  it('survive a length beyond one argument list', () => {
    const bytes = Uint8Array.from({ length: 200_001 }, (_, at) => at * 7);
    expect(bytesSerializer?.deserialize(bytesSerializer.serialize(bytes))).toEqual(bytes);
  });

  it('are refused above their limit, and when they are something else', () => {
    expect(byteArray(4).safeParse(new Uint8Array(4)).success).toBe(true);
    expect(byteArray(4).safeParse(new Uint8Array(5)).success).toBe(false);
    expect(byteArray(4).safeParse([1, 2]).success).toBe(false);
  });
});

describe('the vocabulary of the contract', () => {
  it('names a machine by a folder, never by a path', () => {
    expect(machineId.safeParse('tail-call-kernel').success).toBe(true);
    for (const bad of ['', '.', '..', '../x', 'a/b', 'a\\b', '-x', 'A', 'a\0', 'a'.repeat(65)]) {
      expect(machineId.safeParse(bad).success, JSON.stringify(bad)).toBe(false);
    }
  });

  it('takes names of one line', () => {
    expect(machineName.parse('  Kernel course, 2nd try ')).toBe('Kernel course, 2nd try');
    for (const bad of ['', '   ', 'a\nb', 'a\u0007b', 'x'.repeat(65)]) expect(machineName.safeParse(bad).success).toBe(false);
  });

  it('says why a memory size is refused', () => {
    const sentence = (value: number): string | undefined => memoryBytes.safeParse(value).error?.issues[0]?.message;
    expect(memoryBytes.safeParse(128 * 1024 * 1024).success).toBe(true);
    expect(sentence(1024)).toBe('A machine needs at least 1 MiB of memory.');
    expect(sentence(4 * 1024 ** 3)).toBe('A machine has at most 3072 MiB of memory.');
    expect(sentence(1024 * 1024 + 1)).toBe('Memory is given in whole MiB.');
  });

  it('bounds input: bytes are bytes', () => {
    expect(machineInput.safeParse({ kind: 'scancodes', bytes: [0x1e, 0x9e] }).success).toBe(true);
    expect(machineInput.safeParse({ kind: 'scancodes', bytes: [256] }).success).toBe(false);
    expect(machineInput.safeParse({ kind: 'mouse', dx: 1, dy: 1, wheel: 0, buttons: 8 }).success).toBe(false);
    expect(machineInput.safeParse({ kind: 'touch' }).success).toBe(false);
  });

  it('needs a source to make a machine from', () => {
    expect(creation.safeParse({ source: { kind: 'sample', sample: 'hello' } }).success).toBe(true);
    expect(creation.safeParse({ name: 'x' }).success).toBe(false);
  });
});

describe('pairs over the contract', () => {
  it('have the usual limits where nobody says others, and take none that make no sense', () => {
    expect(pairSettings.parse({})).toEqual({ port: 0, deadAfter: 1000, lateAfter: 200, stormAfter: 10, verify: false, leaseValidity: 400 });
    for (const bad of [{ port: 65_536 }, { port: -1 }, { port: 1.5 }, { deadAfter: 49 }, { lateAfter: 9 }, { stormAfter: 0 }, { verify: 1 }, { leaseValidity: 99 }])
      expect(pairSettings.safeParse(bad).success, JSON.stringify(bad)).toBe(false);
  });

  it('take whatever is a fault, and survive whatever is none', () => {
    const kinds = fc.constantFrom('kill', 'stop', 'cut', 'delay', 'flip-memory', 'flip-register', 'flip-output', 'fail-at', 'other');
    const number = fc.oneof(fc.integer(), fc.double(), fc.constant(undefined), fc.string());
    fc.assert(
      fc.property(fc.record({ kind: kinds, cpu: number, register: fc.oneof(fc.constant('esi'), fc.string()), seconds: number, milliseconds: number, address: number }), (fault) => {
        const { success, data } = pairFault.safeParse(fault);
        if (!success) return;
        expect(fault.kind).not.toMatch(/fail-at|other/);
        if (data.kind === 'flip-memory') expect(Number.isInteger(data.address) && data.address >= 0 && data.address < 2 ** 32).toBe(true);
        if (data.kind === 'flip-register') expect([Number.isInteger(data.cpu) && data.cpu >= 0, data.register]).toEqual([true, expect.stringMatching(/^e(ax|cx|dx|bx|sp|bp|si|di)$/)]);
        if (data.kind === 'stop' || data.kind === 'delay') expect(data.seconds).toBeGreaterThan(0);
      }),
    );
    fc.assert(
      fc.property(fc.anything(), (anything) => {
        expect(pairStatus.safeParse(anything).success).toBe(false);
      }),
    );
  });
});
