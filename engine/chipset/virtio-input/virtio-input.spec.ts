import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InputKind } from '../../machine/display-face.ts';
import { HotPlug } from '../hot-plug/hot-plug.ts';
import { queueEntries, ringStride, TestDriver } from '../virtio/testing/test-driver.ts';
import { keyOf } from './keys.ts';
import { Axis, Button, EventType, Relative, Select } from './registers.ts';
import { eventCapacity } from './state.ts';
import { numberOfForm, VirtioInput } from './virtio-input.ts';

const buffers = 0x40000;
const event = 8;

/** One device with a driver of its own: every buffer is 8 bytes, and what came is read back. */
class Driver extends TestDriver {
  readonly hotPlug: HotPlug;
  readonly device: VirtioInput;
  private taken = 0;

  constructor(kind: InputKind, contacts = 0) {
    super();
    this.hotPlug = new HotPlug(this.bus, { listens: () => false, announce: () => undefined });
    this.device = new VirtioInput(this.bus, this.pci, this.hotPlug, kind);
    this.hotPlug.want(this.device.slot, numberOfForm({ contacts, resolutionX: 190, resolutionY: 300 }));
    this.hotPlug.reset();
    this.place(this.device);
  }

  begun(offered = queueEntries): this {
    this.start(0, 2);
    for (let head = 0; head < queueEntries; head++) this.descriptor(0, head, buffers + head * event, event, 2);
    for (let head = 0; head < offered; head++) this.offer(0, head);
    this.notify(0);
    return this;
  }

  select(select: number, subselect = 0): number[] {
    this.write(0x2000, select, 1);
    this.write(0x2001, subselect, 1);
    return Array.from({ length: this.read(0x2002, 1) }, (_, at) => this.read(0x2008 + at, 1));
  }

  /** Events that came; their buffers go back. */
  events(giveBack = true): string[] {
    const all: string[] = [];
    while (this.taken !== this.used(0)) {
      const [head, length] = this.usedEntry(0, this.taken);
      expect(length).toBe(event);
      this.taken = (this.taken + 1) & 0xffff;
      const at = buffers + head * event;
      all.push(`${this.word(at, 2)}:${this.word(at + 2, 2).toString(16)}=${this.word(at + 4, 4) | 0}`);
      if (giveBack) this.offer(0, head);
      if (giveBack) this.notify(0);
    }
    return all;
  }
}

const syn = '0:0=0';

describe('a virtio input device', () => {
  it('says what it is, as the specification has it', () => {
    const driver = new Driver('touch', 5);
    expect([driver.device.read(0, 2), driver.device.read(2, 2), driver.device.read(8, 1), driver.device.read(0x0b, 1)]).toEqual([0x1af4, 0x1052, 1, 9]);
    expect(String.fromCharCode(...driver.select(Select.name))).toBe('Vitrine touch screen');
    expect(String.fromCharCode(...driver.select(Select.serial))).toBe('vitrine-touch');
    expect(driver.select(Select.identity)).toEqual([6, 0, 0x34, 0x12, 0x54, 0x56, 4, 0]);
    expect(driver.select(Select.properties)).toEqual([2]);
    // BTN_TOUCH alone; six axes; no keys of a keyboard, no lights.
    expect(driver.select(Select.events, EventType.key)).toEqual([...Array<number>(0x14a >> 3).fill(0), 1 << 2]);
    expect(driver.select(Select.events, EventType.absolute)).toEqual([3, 0, 0, 0, 0, 0x80, 0x60, 2]);
    expect(driver.select(Select.events, EventType.led)).toEqual([]);
    const words = (bytes: number[]) => [...new Uint32Array(Uint8Array.from(bytes).buffer)];
    expect(words(driver.select(Select.absolute, Axis.slot))).toEqual([0, 4, 0, 0, 0]);
    expect(words(driver.select(Select.absolute, Axis.contactX))).toEqual([0, 65535, 0, 0, 190]);
    expect(words(driver.select(Select.absolute, Axis.y))).toEqual([0, 65535, 0, 0, 300]);
    expect(driver.select(Select.absolute, Axis.pressure)).toEqual([]);
    expect(driver.select(0)).toEqual([]);
  });

  it('has the keys, lights and repeat of a keyboard', () => {
    const driver = new Driver('keyboard');
    const keys = driver.select(Select.events, EventType.key);
    const has = (key: number) => (((keys[key >> 3] ?? 0) >> (key & 7)) & 1) !== 0;
    expect([1, 30, 83, 96, 103, 119, 125, 193].every(has)).toBe(true);
    expect([0, 84, 200, Button.left].some(has)).toBe(false);
    expect([driver.select(Select.events, EventType.led), driver.select(Select.events, EventType.repeat)]).toEqual([[7], [3]]);
    driver.begun();
    // Caps Lock on: type, code and value to the status queue.
    driver.ram(0x50000, Uint8Array.of(0x11, 0, 1, 0, 1, 0, 0, 0));
    driver.descriptor(1, 0, 0x50000, 8, 0);
    driver.offer(1, 0);
    driver.notify(1);
    expect(driver.used(1)).toBe(1);
    expect(driver.device.inspect().facts).toContainEqual({ name: 'Lights', value: 'Caps' });
  });

  it('tells of a key once, whatever repeats it, by an interrupt', () => {
    const driver = new Driver('keyboard').begun();
    expect(driver.line.asserted).toBe(false);
    for (const down of [true, true, false]) expect(driver.device.key(30, down)).toBe(true);
    expect([driver.line.asserted, driver.read(0x1000, 1), driver.line.asserted]).toEqual([true, 1, false]);
    expect(driver.events()).toEqual(['1:1e=1', syn, '1:1e=0', syn]);
  });

  it('tells of motion, buttons and steps of the wheel', () => {
    const mouse = new Driver('mouse').begun();
    mouse.device.act({ pressed: [Button.left], dx: 3, dy: -4 });
    mouse.device.act({ pressed: [], wheel: 1 });
    expect(mouse.events()).toEqual(['1:110=1', '2:0=3', '2:1=-4', syn, '1:110=0', '2:8=1', syn]);
    const pointer = new Driver('pointer').begun();
    pointer.device.act({ pressed: [], x: 65535, y: 7 });
    pointer.device.act({ pressed: [Button.right], x: 65535, y: 8 });
    expect(pointer.events()).toEqual(['3:0=65535', '3:1=7', syn, '1:111=1', '3:1=8', syn]);
  });

  it('tells fingers apart by slots, and has the oldest one as a pointer', () => {
    const driver = new Driver('touch', 2).begun();
    driver.device.contact(0, true, 100, 200);
    expect(driver.events()).toEqual(['3:39=0', '3:35=100', '3:36=200', '1:14a=1', '3:0=100', '3:1=200', syn]);
    driver.device.contact(1, true, 300, 400);
    expect(driver.events()).toEqual(['3:2f=1', '3:39=1', '3:35=300', '3:36=400', syn]);
    driver.device.contact(0, true, 101, 200);
    expect(driver.events()).toEqual(['3:2f=0', '3:35=101', '3:0=101', syn]);
    driver.device.contact(0, false, 0, 0);
    expect(driver.events()).toEqual(['3:39=-1', '3:0=300', '3:1=400', syn]);
    driver.device.contact(1, false, 0, 0);
    expect(driver.events()).toEqual(['3:2f=1', '3:39=-1', '1:14a=0', syn]);
    expect([driver.device.contact(2, true, 0, 0), driver.device.contact(-1, true, 0, 0)]).toEqual([false, false]);
  });

  it('keeps what is so when its driver is late, and lets nothing hang', () => {
    const driver = new Driver('pointer').begun(0);
    driver.device.act({ pressed: [Button.left], x: 1, y: 1 });
    for (let x = 2; x < 500; x++) driver.device.act({ pressed: [Button.left], x, y: 1 });
    driver.device.act({ pressed: [], x: 500, y: 1, wheel: 2 });
    // No buffer, no event, and no interrupt.
    expect([driver.used(0), driver.line.asserted]).toEqual([0, false]);
    for (let head = 0; head < queueEntries; head++) driver.offer(0, head);
    driver.notify(0);
    const all = driver.events();
    expect(all.length).toBeGreaterThan(eventCapacity - 3);
    expect(all.slice(-4)).toEqual(['1:110=0', '3:0=500', '2:8=2', syn]);
    // Keys wait where they come from instead.
    const keyboard = new Driver('keyboard').begun(0);
    let typed = 0;
    while (keyboard.device.key(30, typed % 2 === 0)) typed++;
    expect(typed).toBe(eventCapacity / 2 - 1);
  });

  it('takes nothing without a driver, and forgets all with it', () => {
    const driver = new Driver('keyboard');
    expect([driver.device.takes, driver.device.key(30, true)]).toEqual([false, false]);
    driver.begun();
    expect(driver.device.takes).toBe(true);
    driver.device.key(30, true);
    driver.write(0x14, 0, 1);
    expect([driver.device.takes, driver.device.holds(30)]).toEqual([false, false]);
  });

  it.each<[string, (driver: Driver) => void]>([
    ['a buffer that is too small', (driver) => driver.descriptor(0, 0, buffers, 7, 2)],
    ['a buffer to be read', (driver) => driver.descriptor(0, 0, buffers, 8, 0)],
    ['a chain without an end', (driver) => driver.descriptor(0, 0, buffers, 8, 3, 0)],
    ['a chain beyond the table', (driver) => driver.descriptor(0, 0, buffers, 8, 3, queueEntries)],
    ['a buffer beyond memory', (driver) => driver.descriptor(0, 0, (4 << 20) - 4, 8, 2)],
    ['a table of descriptors that it does not offer', (driver) => driver.descriptor(0, 0, buffers, 16, 6)],
    ['a length without measure', (driver) => driver.descriptor(0, 0, buffers, 0xffff_fff0, 2)],
    ['a ring with more than its entries', (driver) => driver.ram(driver.queueAt(0) + 0x1002, Uint8Array.of(queueEntries + 1, 0))],
  ])('wants a reset for %s, and writes nothing', (_what, breaks) => {
    const driver = new Driver('keyboard').begun(0);
    driver.offer(0, 0);
    breaks(driver);
    const before = new Uint8Array(4 << 20);
    driver.bus.memory.dmaRead(0, before);
    driver.device.key(30, true);
    const after = new Uint8Array(4 << 20);
    driver.bus.memory.dmaRead(0, after);
    expect(Buffer.compare(before, after)).toBe(0);
    expect([driver.read(0x14, 1) & 0x40, driver.read(0x1000, 1), driver.device.driver, driver.device.takes]).toEqual([0x40, 2, 'broken', false]);
    // What comes after the reset is as good as new.
    expect(driver.begun().device.key(30, true)).toBe(true);
    expect(driver.read(0x14, 1)).toBe(15);
  });

  it.each([0, 1, 2])('wants a reset when ring %i lies beyond memory', (ring) => {
    const driver = new Driver('keyboard');
    driver.start(0, 0);
    const places = [0, 1, 2].map((at) => driver.queueAt(0) + at * 0x1000);
    places[ring] = (4 << 20) - 16;
    driver.setQueue(0, places);
    driver.notify(0);
    driver.device.key(30, true);
    expect(driver.device.driver).toBe('broken');
  });

  it('stays whole whatever a driver and a person do', () => {
    const memory = fc.oneof(fc.nat(0xffff_ffff), fc.integer({ min: buffers, max: buffers + 64 }), fc.constantFrom(0, (4 << 20) - 8, 0xa0000, 0xfffffff8));
    const act = fc.oneof(
      fc.record({ do: fc.constant('descriptor' as const), index: fc.nat(queueEntries - 1), address: memory, length: fc.oneof(fc.nat(16), memory), flags: fc.nat(7), next: fc.nat(20) }),
      fc.record({ do: fc.constant('offer' as const), queue: fc.nat(1), head: fc.nat(20) }),
      fc.record({ do: fc.constant('index' as const), queue: fc.nat(1), value: fc.nat(0xffff) }),
      fc.record({ do: fc.constant('register' as const), offset: fc.oneof(fc.nat(0x3fff), fc.nat(0x37), fc.integer({ min: 0x2000, max: 0x2008 })), value: memory, width: fc.constantFrom(1 as const, 2 as const, 4 as const) }),
      fc.record({ do: fc.constant('touch' as const), contact: fc.integer({ min: -1, max: 11 }), down: fc.boolean(), at: fc.nat(0xffff) }),
      fc.record({ do: fc.constant('begin' as const) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const driver = new Driver('touch', 10).begun(4);
        for (const one of acts) {
          if (one.do === 'descriptor') driver.descriptor(0, one.index, one.address, one.length, one.flags, one.next);
          else if (one.do === 'offer') driver.offer(one.queue, one.head);
          else if (one.do === 'index') driver.ram(driver.queueAt(one.queue) + 0x1002, Uint8Array.of(one.value & 0xff, one.value >> 8));
          else if (one.do === 'register') {
            driver.write(one.offset & ~(one.width - 1), one.value, one.width);
            driver.read(one.offset & ~(one.width - 1), one.width);
          } else if (one.do === 'touch') driver.device.contact(one.contact, one.down, one.at, one.at);
          else driver.begun(4);
          expect(['none', 'ready', 'broken']).toContain(driver.device.driver);
          driver.device.inspect();
        }
        expect(driver.bus.blocksIntact()).toBe(true);
        driver.write(0x14, 0, 1);
        expect(driver.begun().device.contact(0, true, 5, 6)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  it('knows keys of set 1 by Linux’s numbers', () => {
    expect(keyOf([0x1e])).toEqual({ key: 30, down: true });
    expect(keyOf([0xe0, 0xc8])).toEqual({ key: 103, down: false });
    expect(keyOf([0xe1, 0x1d, 0x45])).toEqual({ key: 119, down: true });
    // The shift that keyboards put around Insert is no key.
    expect([keyOf([0xe0, 0x2a]), keyOf([0x00]), keyOf([0x7f])]).toEqual([undefined, undefined, undefined]);
    expect(Relative.wheel).toBe(8);
  });
});

it('serves what was there when it was told, where its answers are new requests', () => {
  const driver = new Driver('keyboard');
  const ring = (queue: number) => driver.queueAt(queue) + ringStride;
  driver.start(0, 2, (queue) => [driver.queueAt(queue), ring(queue), queue === 1 ? ring(queue) : ring(queue) + ringStride]);
  driver.descriptor(1, 0, buffers, event, 0);
  driver.offer(1, 0);
  driver.notify(1);
  expect(driver.word(ring(1) + 2, 2)).toBe(2);
  driver.notify(1);
  expect(driver.word(ring(1) + 2, 2)).toBe(3);
});
