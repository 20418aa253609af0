/** The I/O APIC (82093AA datasheet, section 3; ICH9 datasheet, section 13.5). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InterruptLine } from '../../machine/bus.ts';
import { FakeBus } from '../testing/fake-bus.ts';
import { IoApic, type IoApicMessage } from './ioapic.ts';
import { ioApicBase, ioApicInputs, IoApicPort, IoApicRegister, Redirection } from './registers.ts';

const level = Redirection.level;
const masked = Redirection.masked;
const remote = Redirection.remoteRequest;
const external = 7 << Redirection.modeShift;
const nmi = 4 << Redirection.modeShift;

function board() {
  const bus = new FakeBus();
  const sent: IoApicMessage[] = [];
  const state = { taken: true };
  const chip = new IoApic(bus, {
    deliver: (message) => {
      if (state.taken) sent.push(message);
      return state.taken;
    },
  });
  const lines: InterruptLine[] = [];
  for (let input = 0; input < ioApicInputs; input++) lines.push(chip.line(input));
  chip.reset();
  const word = (register: number) => {
    bus.mmioWrite(ioApicBase + IoApicPort.index, register, 4);
    return bus.mmioRead(ioApicBase + IoApicPort.window, 4);
  };
  const setWord = (register: number, value: number) => {
    bus.mmioWrite(ioApicBase + IoApicPort.index, register, 4);
    bus.mmioWrite(ioApicBase + IoApicPort.window, value >>> 0, 4);
  };
  return {
    bus,
    chip,
    sent,
    state,
    word,
    setWord,
    line: (input: number, asserted: boolean) => lines[input]?.set(asserted),
    entry: (input: number) => word(IoApicRegister.redirection + 2 * input),
    program: (input: number, low: number, high = 0) => {
      setWord(IoApicRegister.redirection + 2 * input + 1, high);
      setWord(IoApicRegister.redirection + 2 * input, low);
    },
    vectors: () => sent.splice(0).map(({ vector }) => vector),
  };
}

describe('the registers of the I/O APIC', () => {
  it('say what it is: version 20h with 24 entries, all of them masked after a reset', () => {
    const chip = board();
    expect(chip.word(IoApicRegister.version)).toBe(0x170020);
    for (let input = 0; input < ioApicInputs; input++) expect(chip.entry(input)).toBe(masked);
    expect([chip.word(0x0f), chip.word(0x40), chip.word(0xff)]).toEqual([0, 0, 0]);
  });

  it('keep the identifier in bits 24-27, and show it as the arbitration identifier', () => {
    const chip = board();
    chip.setWord(IoApicRegister.id, 0xffffffff);
    expect([chip.word(IoApicRegister.id), chip.word(IoApicRegister.arbitration)]).toEqual([0x0f000000, 0x0f000000]);
    chip.setWord(IoApicRegister.version, 0);
    expect(chip.word(IoApicRegister.version)).toBe(0x170020);
  });

  it('keep delivery status and remote IRR from being written', () => {
    const chip = board();
    chip.program(3, 0xffffffff, 0xffffffff);
    expect(chip.entry(3)).toBe(0x1afff);
    expect(chip.word(IoApicRegister.redirection + 7)).toBe(0xff000000);
  });

  it('are written as words: a narrower write of the window does nothing', () => {
    const chip = board();
    chip.bus.mmioWrite(ioApicBase + IoApicPort.index, IoApicRegister.id, 1);
    chip.bus.mmioWrite(ioApicBase + IoApicPort.window, 0x0f, 1);
    expect(chip.word(IoApicRegister.id)).toBe(0);
  });
});

describe('an edge-triggered input', () => {
  it('sends once each time it rises', () => {
    const chip = board();
    chip.program(4, 0x34, 0x02000000);
    for (let count = 0; count < 2; count++) {
      chip.line(4, true);
      chip.line(4, true);
      chip.line(4, false);
    }
    expect(chip.sent).toEqual(Array(2).fill({ vector: 0x34, mode: 0, logical: false, destination: 2, level: false }));
    expect(chip.entry(4)).toBe(0x34);
  });

  it('loses an edge while it is masked', () => {
    const chip = board();
    chip.program(4, masked | 0x34);
    chip.line(4, true);
    chip.program(4, 0x34);
    expect(chip.vectors()).toEqual([]);
  });

  it('passes on destination mode and delivery mode', () => {
    const chip = board();
    chip.program(5, 0x45 | Redirection.logical | (1 << Redirection.modeShift), 0xff000000);
    chip.line(5, true);
    expect(chip.sent).toEqual([{ vector: 0x45, mode: 1, logical: true, destination: 0xff, level: false }]);
  });

  it('that nobody takes is pending, and is sent again when somebody would', () => {
    const chip = board();
    chip.state.taken = false;
    chip.program(4, 0x34);
    chip.line(4, true);
    expect(chip.entry(4)).toBe(0x34 | Redirection.pending);
    chip.chip.retry();
    chip.state.taken = true;
    chip.line(4, false);
    chip.chip.retry();
    chip.chip.retry();
    expect([chip.vectors(), chip.entry(4)]).toEqual([[0x34], 0x34]);
  });
});

describe('a level-triggered input', () => {
  it('sends once and sets remote IRR until the end of its interrupt comes back', () => {
    const chip = board();
    chip.program(16, level | 0x61);
    chip.line(16, true);
    expect([chip.vectors(), chip.entry(16)]).toEqual([[0x61], level | remote | 0x61]);
    chip.line(16, false);
    chip.line(16, true);
    expect(chip.vectors()).toEqual([]);
    chip.chip.endOfInterrupt(0x61);
    expect([chip.vectors(), chip.entry(16)]).toEqual([[0x61], level | remote | 0x61]);
    chip.line(16, false);
    chip.chip.endOfInterrupt(0x61);
    expect([chip.vectors(), chip.entry(16)]).toEqual([[], level | 0x61]);
  });

  it('is sent when it is unmasked, and waits while it is masked', () => {
    const chip = board();
    chip.program(16, level | masked | 0x61);
    chip.line(16, true);
    expect(chip.vectors()).toEqual([]);
    chip.program(16, level | 0x61);
    expect(chip.vectors()).toEqual([0x61]);
  });

  it('is asserted while any of its drivers asserts it', () => {
    const chip = board();
    const second = chip.chip.line(16);
    chip.program(16, level | 0x61);
    chip.line(16, true);
    second.set(true);
    chip.line(16, false);
    chip.chip.endOfInterrupt(0x61);
    expect(chip.vectors()).toEqual([0x61, 0x61]);
  });

  it('is ended by the vector alone: all entries that share it, and by EOIR', () => {
    const chip = board();
    for (const input of [16, 17]) {
      chip.program(input, level | 0x61);
      chip.line(input, true);
      chip.line(input, false);
    }
    chip.program(18, level | 0x62);
    chip.line(18, true);
    chip.bus.mmioWrite(ioApicBase + IoApicPort.endOfInterrupt, 0x61, 4);
    expect([16, 17, 18].map((input) => chip.entry(input) & remote)).toEqual([0, 0, remote]);
  });

  it('forgets remote IRR when it is made edge-triggered, which is how old software ends it', () => {
    const chip = board();
    chip.program(16, level | 0x61);
    chip.line(16, true);
    chip.program(16, masked | 0x61);
    chip.program(16, level | 0x61);
    expect(chip.vectors()).toEqual([0x61, 0x61]);
  });

  it('keeps remote IRR when the entry is written and stays a level', () => {
    const chip = board();
    chip.program(16, level | 0x61);
    chip.line(16, true);
    chip.program(16, level | masked | 0x61);
    chip.program(16, level | 0x61);
    expect([chip.vectors(), chip.entry(16) & remote]).toEqual([[0x61], remote]);
  });

  it('that nobody takes has no remote IRR, and is sent again as long as it is asserted', () => {
    const chip = board();
    chip.state.taken = false;
    chip.program(16, level | 0x61);
    chip.line(16, true);
    expect(chip.entry(16)).toBe(level | Redirection.pending | 0x61);
    chip.line(16, false);
    expect(chip.entry(16)).toBe(level | 0x61);
    chip.line(16, true);
    chip.state.taken = true;
    chip.chip.retry();
    expect([chip.vectors(), chip.entry(16)]).toEqual([[0x61], level | remote | 0x61]);
  });

  it('as NMI has no end to wait for', () => {
    const chip = board();
    chip.program(16, level | nmi | 2);
    chip.line(16, true);
    expect(chip.entry(16) & remote).toBe(0);
    chip.line(16, false);
    chip.line(16, true);
    expect(chip.sent.length).toBe(2);
  });

  it('means the same whatever the polarity: lines are logical levels', () => {
    const chip = board();
    chip.program(16, level | Redirection.polarity | 0x61);
    expect(chip.vectors()).toEqual([]);
    chip.line(16, true);
    expect(chip.vectors()).toEqual([0x61]);
  });
});

describe('input 0 with the delivery mode ExtINT', () => {
  it('passes the request of the 8259s on to its destination', () => {
    const chip = board();
    chip.chip.externalRequest();
    chip.program(0, external, 0x01000000);
    expect(chip.chip.external).toEqual({ vector: 0, mode: 7, logical: false, destination: 1, level: false });
    chip.chip.externalRequest();
    expect(chip.sent.length).toBe(1);
    chip.program(0, masked | external);
    expect(chip.chip.external).toBeUndefined();
  });
});

describe('any traffic', () => {
  it('leaves each level that is asserted, unmasked and taken with remote IRR, and never sends what is masked', () => {
    const operation = fc.record({
      kind: fc.constantFrom('write', 'line', 'end', 'taken', 'retry'),
      input: fc.integer({ min: 0, max: ioApicInputs - 1 }),
      value: fc.oneof(
        fc.constantFrom(level | 0x61, level | masked | 0x61, 0x62, masked, level | (1 << 8) | 0x63),
        fc.integer({ min: 0, max: 0xffffffff }),
      ),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
        const chip = board();
        const asserted = new Set<number>();
        for (const { kind, input, value } of operations) {
          chip.sent.length = 0;
          if (kind === 'write') chip.program(input, value, value);
          else if (kind === 'end') chip.chip.endOfInterrupt(value & 0xff);
          else if (kind === 'taken') chip.state.taken = (value & 1) !== 0;
          else if (kind === 'retry') chip.chip.retry();
          else {
            const isOn = (value & 1) !== 0;
            if (isOn) asserted.add(input);
            else asserted.delete(input);
            const isMasked = (chip.entry(input) & masked) !== 0;
            chip.line(input, isOn);
            if (isMasked) expect(chip.sent).toEqual([]);
          }
        }
        for (let each = 0; each < ioApicInputs; each++) {
          const entry = chip.entry(each);
          if ((entry & level) === 0) expect(entry & remote).toBe(0);
          const isFixed = (entry & Redirection.mode) >>> Redirection.modeShift <= 1;
          if ((entry & (level | masked)) !== level || !isFixed || !asserted.has(each)) continue;
          expect(entry & (remote | Redirection.pending)).not.toBe(0);
        }
      }),
      { numRuns: 200 },
    );
  });
});
