import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeBus, FakeLine } from '../testing/fake-bus.ts';
import { Ps2 } from './ps2.ts';
import { set1ToSet2, translateToSet1 } from './scancodes.ts';

function controller() {
  const bus = new FakeBus();
  const keyboardIrq = new FakeLine();
  const mouseIrq = new FakeLine();
  const ps2 = new Ps2(bus, { keyboardIrq, mouseIrq });
  ps2.reset();
  const command = (value: number, ...data: number[]) => {
    bus.out(0x64, value);
    for (const byte of data) bus.out(0x60, byte);
  };
  command(0x60, 0x47);
  /** Reads as a polling guest does; `fromMouse` says which bytes had the AUX bit. */
  const poll = () => {
    const bytes: number[] = [];
    const fromMouse: boolean[] = [];
    for (let idle = 0; idle < 3; idle++) {
      bus.advance(30_000);
      const status = bus.in(0x64);
      if ((status & 1) === 0) continue;
      idle = 0;
      fromMouse.push((status & 0x20) !== 0);
      bytes.push(bus.in(0x60));
    }
    return { bytes, fromMouse };
  };
  const keyboard = (...sent: number[]) => sent.flatMap((byte) => (bus.out(0x60, byte), poll().bytes));
  const mouse = (...sent: number[]) => sent.flatMap((byte) => (command(0xd4, byte), poll().bytes));
  return { bus, ps2, keyboardIrq, mouseIrq, command, poll, keyboard, mouse };
}

describe('the keyboard controller', () => {
  it('answers its tests at once and shows the system flag', () => {
    const { bus, command } = controller();
    command(0xaa);
    expect(bus.in(0x60)).toBe(0x55);
    expect(bus.in(0x64) & 0x04).toBe(0x04);
    command(0xab);
    expect(bus.in(0x60)).toBe(0);
    command(0xa9);
    expect(bus.in(0x60)).toBe(0);
    command(0x20);
    expect(bus.in(0x60)).toBe(0x47);
  });

  it('posts a reset for the pulse command and for a cleared bit 0 of its output port', () => {
    const { bus, command } = controller();
    command(0xff);
    expect(bus.posted).toEqual([]);
    command(0xfe);
    command(0xd1, 0xde);
    expect(bus.posted.map((request) => request.kind)).toEqual(['reset', 'reset']);
  });

  it('moves the A20 gate, and tells how it stands whoever moved it', () => {
    const { bus, command } = controller();
    expect(bus.memory.a20).toBe(true);
    command(0xd1, 0xdd);
    expect(bus.memory.a20).toBe(false);
    command(0xd0);
    expect(bus.in(0x60) & 2).toBe(0);
    command(0xdf);
    expect(bus.memory.a20).toBe(true);
    command(0xdd);
    expect(bus.memory.a20).toBe(false);
    bus.memory.a20 = true;
    command(0xd0);
    expect(bus.in(0x60) & 2).toBe(2);
  });

  it('gives each scancode an edge on IRQ 1, and IRQ 12 to bytes put in the mouse buffer', () => {
    const { bus, ps2, keyboardIrq, mouseIrq, command } = controller();
    expect(ps2.keyboardScancodes([0x1e, 0x9e])).toBe(2);
    bus.advance(100_000);
    expect([keyboardIrq.risingEdges, bus.in(0x60)]).toEqual([1, 0x1e]);
    bus.advance(100_000);
    expect([keyboardIrq.risingEdges, bus.in(0x60)]).toEqual([2, 0x9e]);
    command(0xd3, 0x42);
    expect([mouseIrq.asserted, bus.in(0x64) & 0x21, bus.in(0x60)]).toEqual([true, 0x21, 0x42]);
    expect(mouseIrq.asserted).toBe(false);
  });

  it('holds keys while the keyboard interface is off', () => {
    const { ps2, command, poll } = controller();
    command(0xad);
    ps2.keyboardScancodes([0x10]);
    expect(poll().bytes).toEqual([]);
    command(0xae);
    expect(poll().bytes).toEqual([0x10]);
  });
});

describe('the keyboard', () => {
  it('passes reset, identify and echo as firmware expects them', () => {
    const { keyboard } = controller();
    expect(keyboard(0xff)).toEqual([0xfa, 0xaa]);
    expect(keyboard(0xf2)).toEqual([0xfa, 0xab, 0x41]);
    expect(keyboard(0xee)).toEqual([0xee]);
    expect(keyboard(0xf0, 0x00)).toEqual([0xfa, 0xfa, 0x41]);
    expect(keyboard(0xf3, 0x20)).toEqual([0xfa, 0xfa]);
    expect(keyboard(0x01)).toEqual([0xfe]);
  });

  it('tells its lights', () => {
    const { keyboard, ps2 } = controller();
    keyboard(0xed, 0x05);
    expect(ps2.indicators).toBe(5);
  });

  it('gives scancodes of any set 1 sequence back unchanged with translation on', () => {
    // Every key that an MF2 keyboard has, plain or extended, pressed or released.
    const code = fc.integer({ min: 1, max: 0x58 });
    const key = fc.tuple(code, fc.boolean(), fc.boolean()).map(([make, isExtended, release]) => {
      const last = release ? make | 0x80 : make;
      return isExtended ? [0xe0, last] : [last];
    });
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 20 }), (keys) => {
        const { ps2, poll } = controller();
        const sent = keys.flat();
        expect(ps2.keyboardScancodes(sent)).toBe(sent.length);
        expect(poll().bytes).toEqual(sent);
      }),
      { numRuns: 60 },
    );
    for (let make = 1; make <= 0x58; make++) {
      const bytes = set1ToSet2(make);
      expect(bytes.map(translateToSet1)).toEqual([make]);
    }
  });

  it('sends set 2 without translation, and set 3 when asked', () => {
    const { ps2, command, poll, keyboard } = controller();
    command(0x60, 0x07);
    ps2.keyboardScancodes([0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8]);
    expect(poll().bytes).toEqual([0x1c, 0xf0, 0x1c, 0xe0, 0x75, 0xe0, 0xf0, 0x75]);
    expect(keyboard(0xf0, 3)).toEqual([0xfa, 0xfa]);
    ps2.keyboardScancodes([0x1e, 0x9e, 0xe0, 0x48, 0x2a, 0xaa]);
    expect(poll().bytes).toEqual([0x1c, 0x63, 0x12, 0xf0, 0x12]);
    keyboard(0xf8);
    ps2.keyboardScancodes([0x9e]);
    expect(poll().bytes).toEqual([0xf0, 0x1c]);
  });

  it('accepts whole keys only, none with scanning off, and says how many bytes that were', () => {
    const { ps2, keyboard } = controller();
    expect(ps2.keyboardScancodes([0x1e, 0xe0])).toBe(1);
    const many = Array.from({ length: 2000 }, () => 0x1e);
    const accepted = ps2.keyboardScancodes(many);
    expect(accepted).toBeGreaterThan(100);
    expect(accepted).toBeLessThan(2000);
    keyboard(0xf5);
    expect(ps2.keyboardScancodes([0x1e])).toBe(0);
  });
});

describe('the mouse', () => {
  it('is reset, identified and asked for its status', () => {
    const { mouse } = controller();
    expect(mouse(0xff)).toEqual([0xfa, 0xaa, 0x00]);
    expect(mouse(0xf2)).toEqual([0xfa, 0x00]);
    expect(mouse(0xe8, 0x03, 0xe7, 0xe9)).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0x10, 0x03, 100]);
  });

  it('reports motion in packets of three, y upwards, and of four after the wheel knock', () => {
    const { ps2, mouse, poll, mouseIrq } = controller();
    expect(ps2.mouse({ dx: 1, dy: 1, wheel: 0, buttons: 0 })).toBe(false);
    mouse(0xf4);
    const edges = mouseIrq.risingEdges;
    expect(ps2.mouse({ dx: 5, dy: -3, wheel: 0, buttons: 1 })).toBe(true);
    const { bytes, fromMouse } = poll();
    expect(bytes).toEqual([0x29, 5, 0xfd]);
    expect(fromMouse).toEqual([true, true, true]);
    expect(mouseIrq.risingEdges - edges).toBe(3);
    expect(mouse(0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2).at(-1)).toBe(3);
    ps2.mouse({ dx: 0, dy: 0, wheel: -1, buttons: 1 });
    expect(poll().bytes).toEqual([0x09, 0, 0, 0xff]);
  });

  it('loses no motion and no click, however much comes at once', () => {
    const { ps2, mouse, poll } = controller();
    mouse(0xf4);
    let [x, y, buttons, clicks] = [0, 0, 0, 0];
    let rest: number[] = [];
    const collect = () => {
      rest.push(...poll().bytes);
      for (; rest.length >= 3; rest = rest.slice(3)) {
        const [flags = 0, dx = 0, dy = 0] = rest;
        x += flags & 0x10 ? dx - 256 : dx;
        y += flags & 0x20 ? dy - 256 : dy;
        if ((flags & 1) !== buttons) clicks++;
        buttons = flags & 1;
      }
    };
    let [wantX, wantY] = [0, 0];
    for (let step = 0; step < 600; step++) {
      const event = { dx: (step * 37) % 400, dy: -((step * 11) % 300), wheel: 0, buttons: step & 1 };
      while (!ps2.mouse(event)) collect();
      wantX += event.dx;
      wantY += event.dy;
    }
    collect();
    expect([x, y, clicks]).toEqual([wantX, wantY, 599]);
  });

  it('speaks only when asked in remote mode, and repeats everything in wrap mode', () => {
    const { ps2, mouse, poll } = controller();
    mouse(0xf4, 0xf0);
    expect(ps2.mouse({ dx: 7, dy: 0, wheel: 0, buttons: 2 })).toBe(true);
    expect(poll().bytes).toEqual([]);
    expect(mouse(0xeb)).toEqual([0xfa, 0x0a, 7, 0]);
    expect(mouse(0xee, 0x55, 0xf4, 0xec)).toEqual([0xfa, 0x55, 0xf4, 0xfa]);
  });
});
