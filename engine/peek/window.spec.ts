import { beforeEach, describe, expect, it } from 'vitest';
import { Control0 } from '../cpu/control-bits.ts';
import { Vector } from '../cpu/faults.ts';
import { rights } from '../cpu/registers.ts';
import { Seg } from '../isa/state.ts';
import { linearSpace, type Operation, type Outcome, type ReadAccess } from './operation.ts';
import { mostRetries, ReadWindow, withWindow, type FaultReport } from './window.ts';
import { PeekedMachine } from './testing/peeked-machine.ts';

const directory = 0x100000;
const table = 0x101000;
/** Linear 0x400000: page 0x5000, then 0x6000, then nothing. */
const linear = 0x400000;
const flatData = rights.present | rights.segment | rights.writable | rights.big;

const machine = new PeekedMachine();

beforeEach(() => {
  machine.vcpu.reset();
  for (let word = 0; word < 1024; word++) machine.setDword(table + 4 * word, 0);
  machine.setDword(directory + 4, table | 7);
  machine.setDword(table, 0x5000 | 7);
  machine.setDword(table + 4, 0x6000 | 7);
  for (let at = 0; at < 0x2000; at++) machine.bytes(0x5000 + at, (at * 7 + 3) & 0xff);
  machine.state.cr3 = directory;
  machine.state.cr0 = Control0.protectionEnable | Control0.paging;
  machine.state.setSegment(Seg.ds, 0x10, linear, 0xfff, flatData);
  machine.state.setSegment(Seg.ss, 0x10, linear, 0xfff, flatData);
  machine.cpu.flushTranslations();
});

const expected = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => ((from + index) * 7 + 3) & 0xff);
const read = (address: number, length: number): Operation => ({ kind: 'read', space: linearSpace, address, length });
const segmentRead = (segment: 'ds' | 'ss', address: number, length: number): Operation => ({
  kind: 'read',
  space: { kind: 'segment', segment },
  address,
  length,
});

/** Reads of 64 bytes that fault so far in. The first of both pages that cannot be read is at linear 0x402000, or past the limit 0xfff. */
const places = [
  { name: 'at byte 0', count: 0, length: 64 },
  { name: 'in the middle', count: 32, length: 64 },
  { name: 'at the last byte', count: 63, length: 64 },
  { name: 'across a page', count: 0x1800, length: 0x2000 },
];

const faults = [
  { name: '#PF', last: 0x2000, vector: Vector.pageFault, at: (offset: number, length: number) => read(linear + offset, length) },
  {
    name: '#GP',
    last: 0x1000,
    vector: Vector.generalProtection,
    at: (offset: number, length: number) => segmentRead('ds', offset, length),
  },
  {
    name: '#SS',
    last: 0x1000,
    vector: Vector.stackFault,
    at: (offset: number, length: number) => segmentRead('ss', offset, length),
  },
] as const;

const cases = faults.flatMap((fault) =>
  places.flatMap((place) => {
    // Across a page: the limit lies in the second page.
    const last = place.count > 64 && fault.vector !== Vector.pageFault ? 0x1800 : fault.last;
    return (['own', 'instead'] as const).map((who) => ({
      ...place,
      fault,
      last,
      who,
      name: `${fault.name} ${place.name}, ${who === 'own' ? 'on its own thread' : 'in its stead'}`,
    }));
  }),
);

describe.each(cases)('a fault: $name', ({ fault, count, length, last, who }) => {
  const start = last - count;
  let operation: Operation;
  let access: ReadAccess;

  beforeEach(() => {
    machine.state.setSegment(Seg.ds, 0x10, linear, last - 1, flatData);
    machine.state.setSegment(Seg.ss, 0x10, linear, last - 1, flatData);
    operation = fault.at(start, length);
    access = machine[who];
  });

  const check = (outcome: Outcome) => {
    expect([...outcome.bytes]).toEqual(expected(start, count));
    expect(outcome.complete).toBe(false);
    expect(outcome.ending).toEqual({ kind: 'fault', vector: fault.vector, code: 0, address: linear + last });
  };

  it('is reported, with what was read before it and nothing else, and the guest never knows', () => {
    // The guest has a page fault of its own pending, and has had others.
    machine.state.fault(Vector.divideError, 0);
    machine.state.cr2 = 0x1234;
    machine.state.countException(Vector.pageFault);
    // One of the pages is in the TLB, by the guest's own doing.
    machine.cpu.tlb.translate(linear, 0);
    const before = machine.everything();
    check(withWindow(access, { kind: 'report' }, (window) => window.read(operation)));
    expect(Buffer.compare(machine.everything(), before)).toBe(0);
    expect(machine.takeFault()).toBe('0(0x0)');
  });

  it('goes to the error handler once, after the operation has ended', () => {
    const reports: FaultReport[] = [];
    const outcome = withWindow(access, { kind: 'handle', handler: (report) => void reports.push(report) }, (window) =>
      window.read(operation),
    );
    check(outcome);
    expect(reports).toEqual([{ fault: outcome.ending, operation, count }]);
  });

  it('goes to the fault handler, which may end the read', () => {
    let asked = 0;
    const handler = () => {
      asked++;
      return 'end' as const;
    };
    check(withWindow(access, { kind: 'forward', handler }, (window) => window.read(operation)));
    expect(asked).toBe(1);
  });

  it('goes to the fault handler, which may mend it and have the read go on', () => {
    machine.setDword(table + 12, 0);
    for (let at = 0; at < 0x2000; at++) machine.bytes(0x7000 + at, ((0x2000 + at) * 7 + 3) & 0xff);
    const handler = ({ fault: { vector, address } }: FaultReport) => {
      if (vector === Vector.pageFault)
        machine.setDword(table + 4 * ((address >>> 12) & 0x3ff), ((0x5000 + address - linear) & 0xfffff000) | 7);
      else machine.state.setSegment(vector === Vector.stackFault ? Seg.ss : Seg.ds, 0x10, linear, 0xffff, flatData);
      return 'retry' as const;
    };
    const outcome = withWindow(access, { kind: 'forward', handler }, (window) => window.read(operation));
    expect(outcome).toMatchObject({ complete: true, ending: undefined });
    expect([...outcome.bytes]).toEqual(expected(start, length));
  });

  it('is asked about a bounded number of times when nothing gets better', () => {
    let asked = 0;
    const handler = () => {
      asked++;
      return 'retry' as const;
    };
    check(withWindow(access, { kind: 'forward', handler }, (window) => window.read(operation)));
    expect(asked).toBe(mostRetries);
  });
});

describe('a window', () => {
  it('reads what the guest would', () => {
    withWindow(machine.own, { kind: 'report' }, (window) => {
      expect([...window.read(read(linear + 0xff0, 32)).bytes]).toEqual(expected(0xff0, 32));
    });
  });

  it('is closed when its body ends, and when it throws', () => {
    let kept: ReadWindow | undefined;
    withWindow(machine.own, { kind: 'report' }, (window) => {
      kept = window;
    });
    expect(kept?.isOpen).toBe(false);
    expect(() => kept?.read(read(linear, 1))).toThrow('This read window is closed.');
    expect(() =>
      withWindow(machine.own, { kind: 'report' }, (window) => {
        kept = window;
        throw new Error('the tool failed');
      }),
    ).toThrow('the tool failed');
    expect(kept?.isOpen).toBe(false);
  });

  it.each(['handle', 'forward'] as const)(
    'is closed when its %s handler throws, and faults are the guest’s own again',
    (kind) => {
      const window = new ReadWindow(machine.own, {
        kind,
        handler: () => {
          throw new Error('the handler failed');
        },
      });
      expect(() => window.read(read(0, 1))).toThrow('the handler failed');
      expect(window.isOpen).toBe(false);
      expect(machine.takeFault()).toBe('none');
      expect(machine.cpu.tlb.translate(0, 0)).toBe(-1);
      expect(machine.takeFault()).toBe('14(0x0)');
    },
  );

  it('cannot be read through by its own handler', () => {
    const window = new ReadWindow(machine.own, { kind: 'handle', handler: () => void window.read(read(linear, 1)) });
    expect(() => window.read(read(0, 1))).toThrow('A handler cannot read through the window whose fault it handles.');
  });

  it('refuses what is no address, and what is too long', () => {
    const window = new ReadWindow(machine.own, { kind: 'report' });
    expect(() => window.read(read(2 ** 32, 1))).toThrow('0x100000000 is not an address of 32 bits.');
    expect(() => window.read(read(0, 2 ** 30))).toThrow('the most is 16 MiB');
    expect(() => window.read({ kind: 'chain', space: linearSpace, address: 0, offsets: [], length: 1 })).toThrow(
      'A chain has 1 to 64 pointers.',
    );
    expect(window.isOpen).toBe(true);
  });
});
