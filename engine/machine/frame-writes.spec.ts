/** Pictures drawn by what is known of writes, beside pictures drawn of everything: a real vCPU, real chips, one thread. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GpuResources, resourcesBlock } from '../chipset/virtio-gpu/resources.ts';
import { RunEnd } from '../cpu/vcpu.ts';
import { interpreterModule } from '../execute/interpreter-module.ts';
import type { FrameSource } from '../display/frame.ts';
import { tlb, tlbSlot } from '../execute/translation-cache.ts';
import { Seg } from '../isa/state.ts';
import { constructChips, type MachineChips } from './chips.ts';
import type { OutputProperties } from './display-face.ts';
import type { Picture } from './machine.ts';
import { InterpretingProcessor } from './processor.ts';
import { releaseStop, running, StopReason } from './stop.ts';
import { run } from './atomic-step.ts';
import { BareMachine } from './testing/bare-machine.ts';
import { platformOf } from './vcpu-thread.ts';

const compiled = interpreterModule();
const frameBuffer = 0xe000_0000;
const otherPlace = 0xe800_0000;
const registers = 0xe200_0000;
const frames = 0xe400_0000;
const bankWindow = 0xa0000;
const code = 0x1000;
const source = 0x4_0000;
const moment = 0xd000_0000;
const [width, height] = [256, 96];

const eax = 0;
const ecx = 1;
const edx = 2;
const esp = 4;
const esi = 6;
const edi = 7;

/** Each ends in a loop of its own. EDI: where to; EAX: what; ECX: how often; EDX: a moment at which somebody may draw. */
const programs = {
  store: [0x89, 0x07],
  byte: [0x88, 0x07],
  fill: [0xf3, 0xab],
  copy: [0xf3, 0xa4],
  exchange: [0xf0, 0x0f, 0xc1, 0x07],
  push: [0x60],
  /** fldpi; fstp tword [edi] */
  wide: [0xd9, 0xeb, 0xdb, 0x3f],
  /** A store, a moment, and two more, with what the TLB had before. */
  around: [0x89, 0x07, 0x8a, 0x0a, 0x89, 0x47, 0x40, 0x89, 0x87, 0x00, 0x10, 0x00, 0x00],
} as const;
type Program = keyof typeof programs;

const output = (more: Partial<OutputProperties>): OutputProperties => ({
  width, height, millimetres: undefined, scale: 100, orientation: 0, depth: 32, refresh: 60, x: 0, y: 0, primary: false, ...more,
});

/** As a frame loop and its viewer: draws when the counter says so, and takes what is said to have changed. */
class Viewer {
  #pixels = new Uint32Array(0);
  #counter: number | undefined;
  #size = '';
  draws = 0;

  constructor(private readonly screen: FrameSource) {}

  look(): void {
    const counter = this.screen.changeCounter();
    if (counter === this.#counter) return;
    this.#counter = counter;
    this.draws++;
    const { width: w, height: h, rgba, changed } = this.screen.render();
    const drawn = new Uint32Array(rgba.buffer, rgba.byteOffset, w * h);
    if (this.#size !== `${w}×${h}`) {
      this.#size = `${w}×${h}`;
      this.#pixels = drawn.slice();
      return;
    }
    for (const { x, y, width: columns, height: rows } of changed) {
      for (let row = y; row < y + rows; row++) this.#pixels.set(drawn.subarray(row * w + x, row * w + x + columns), row * w + x);
    }
  }

  /** Whether it shows what one would that draws everything. */
  shows({ width: w, height: h, rgba }: Picture): boolean {
    return this.#size === `${w}×${h}` && Buffer.compare(new Uint8Array(this.#pixels.buffer), rgba) === 0;
  }
}

class Rig {
  readonly bare = BareMachine.create();
  readonly chips: MachineChips;
  readonly processor: InterpretingProcessor;
  readonly resources: GpuResources;
  /** Two viewers of each output. */
  viewers: Viewer[][] = [];
  duringRun: () => void = () => undefined;
  depth = 0;
  /** What the vCPU had to say: nothing, if all is well. */
  readonly said: unknown[] = [];

  constructor(tamper: (bare: BareMachine) => void = () => undefined) {
    const { bare } = this;
    const { bus, memory, control } = bare;
    tamper(bare);
    this.chips = constructChips(bus, control, { name: 'frames', cpus: 1, memoryBytes: bus.memory.ramBytes, clock: 'wall', boot: { kind: 'boot-sector', image: new Uint8Array(512) } }, () => undefined);
    bus.mmio('moment', moment, 4096, { read: () => (this.duringRun(), 0xff), write: () => undefined });
    this.resources = new GpuResources(bus.block(resourcesBlock), bus.scanoutMemory, bus.memory, (offset, bytes) => bus.scanoutsWritten(offset, bytes));
    this.chips.reset();
    this.chips.configureDisplay({ outputs: [output({ primary: true }), output({ x: width })], input: { keyboard: true, mouse: true, pointer: false, touchPoints: 0, pen: false } }, 1);
    this.pci(1, 0x10, frameBuffer);
    this.pci(2, 0x10, registers);
    this.pci(2, 0x18, frames);
    this.processor = new InterpretingProcessor(
      memory,
      0,
      platformOf({ cpu: 0, memory, control, clock: bare.clock, bus, interruptPending: () => false, acknowledgeInterrupt: () => -1, send: (message) => void this.said.push(message) }),
      compiled,
    );
    this.processor.vcpu.reset();
    const { state } = this.processor.vcpu.cpu;
    state.cr0 = 1;
    state.setSegment(Seg.cs, 8, 0, 0xffffffff, 0xc09b);
    for (const segment of [Seg.ds, Seg.es, Seg.ss]) state.setSegment(segment, 0x10, 0, 0xffffffff, 0xc093);
    this.processor.synchronise();
    run(control.words, releaseStop(control.stopWords, 0, StopReason.power));
    bus.memory.writeRam(source, Uint8Array.from({ length: 0x8000 }, (_, at) => (at * 167) ^ (at >> 8)));
    Object.values(programs).forEach((bytes, number) => bus.memory.writeRam(code + 64 * number, Uint8Array.from([...bytes, 0xeb, 0xfe])));
    this.resources.create(1, width, height);
    const entries = new DataView(new ArrayBuffer(16));
    entries.setUint32(0, source, true);
    entries.setUint32(8, 0x2_0000, true);
    this.resources.attach(1, entries);
  }

  /** As it was at first, for the next list of steps. */
  restart(): this {
    const { memory, bus } = this.bare;
    memory.vram.fill(0, 0, 1 << 20);
    memory.scanoutMemory.fill(0, 0, 1 << 20);
    bus.vramWritten(0, 1 << 20);
    bus.scanoutsWritten(0, 1 << 20);
    this.pci(1, 0x10, frameBuffer);
    this.mode(0);
    this.mode(32);
    this.frame(0, width * 4);
    this.viewers = [0, 1].map((index) => [0, 1].map(() => new Viewer(this.chips.screen(index))));
    return this;
  }

  pci(device: number, register: number, value: number): void {
    const { bus } = this.bare;
    const address = 0x8000_0000 + device * 0x800;
    for (const [at, word] of [[register, value], [4, 2]] as const) {
      bus.portWrite(0xcf8, 4, address + at);
      bus.portWrite(0xcfc, 4, word);
    }
  }

  mode(depth: number): void {
    this.depth = depth;
    for (const [index, value] of [[4, 0], [1, width], [2, height], [3, depth], [4, depth === 0 ? 0 : 0x41]] as const) {
      if (depth === 0 && index !== 4) continue;
      this.bare.bus.portWrite(0x1ce, 2, index);
      this.bare.bus.portWrite(0x1cf, 2, value);
    }
    // Palette on, and colours that differ.
    this.bare.bus.portRead(0x3da, 1);
    this.bare.bus.portWrite(0x3c0, 1, 0x20);
    this.bare.bus.portWrite(0x3c8, 1, 0);
    for (let at = 0; at < 768; at++) this.bare.bus.portWrite(0x3c9, 1, (at * 11) & 63);
  }

  text(): void {
    this.mode(0);
    this.chips.setTextMode();
  }

  /** 640×480 in planes, as the BIOS' mode 0x12 sets it. */
  planes(): void {
    this.text();
    const { bus } = this.bare;
    for (const [port, index, value] of [[0x3c4, 4, 6], [0x3c4, 2, 15], [0x3ce, 5, 0], [0x3ce, 6, 5], [0x3d4, 0x17, 0xe3], [0x3d4, 9, 0x40], [0x3d4, 0x14, 0]] as const) {
      bus.portWrite(port, 1, index);
      bus.portWrite(port + 1, 1, value);
    }
    bus.portRead(0x3da, 1);
    bus.portWrite(0x3c0, 1, 0x10);
    bus.portWrite(0x3c0, 1, 1);
    bus.portWrite(0x3c0, 1, 0x20);
  }

  /** Output 1 shows a frame at `at`. */
  frame(at: number, stride: number): void {
    const from = registers + 0x2000;
    [at, stride, width, height, 1].forEach((value, index) => this.bare.bus.mmioWrite(from + 0x40 + 4 * index, 4, value));
  }

  execute(program: Program, to: number, value: number, count: number): void {
    const { words } = this.bare.memory;
    const word = this.bare.control.stopWords.stop(0);
    const { state } = this.processor.vcpu.cpu;
    state.setRegister(eax, value);
    state.setRegister(ecx, count);
    state.setRegister(edx, moment);
    state.setRegister(esi, source + (value & 0xfff));
    state.setRegister(edi, to);
    state.setRegister(esp, to + 32);
    state.eip = code + 64 * Object.keys(programs).indexOf(program);
    Atomics.or(words, word, running);
    // Timers and stops of the chips make it come back before.
    let end = this.processor.run(40 + count);
    for (let again = 0; end !== RunEnd.budget && again < 5; again++) end = this.processor.run(40 + count);
    if (end !== RunEnd.budget) throw new Error(`${program} ended with ${end}, ${JSON.stringify(this.said)}`);
    // Now and then the vCPU goes on running: then an epoch is not in force before its next poll.
    if (value % 3 === 0) Atomics.and(words, word, ~running);
  }

  /** What a vCPU that has not come to a poll yet may do meanwhile: a store with a write entry that is fast. */
  storeBetweenPolls(to: number, value: number): void {
    const { memory, control } = this.bare;
    const tag = (this.processor.vcpu.cpu.tlb.half(false, false) + tlbSlot(to) * tlb.entryBytes + tlb.writeTag) >>> 2;
    const isRunning = (Atomics.load(memory.words, control.stopWords.stop(0)) & running) !== 0;
    if (isRunning && memory.words[tag] === (to & ~0xfff)) memory.vram[to & 0xff_ffff] = value;
  }

  draw(index: number, viewer: number): boolean {
    const one = this.viewers[index]?.[viewer];
    one?.look();
    return one?.shows(this.chips.screenshot(index)) === true;
  }
}

const memoryBytes = width * height * 4;
const offset = fc.oneof(fc.nat(memoryBytes - 0x1100), fc.nat(20).map((page) => page * 4096 + 4092));
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('cpu' as const), program: fc.constantFrom(...(Object.keys(programs) as Program[])), place: fc.constantFrom('linear', 'frame', 'window'), offset, value: fc.nat(0xffff_ffff), count: fc.nat(1024), viewer: fc.nat(1), looks: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('between' as const), offset, value: fc.nat(255) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('draw' as const), output: fc.nat(1), viewer: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('transfer' as const), x: fc.nat(255), y: fc.nat(95), across: fc.nat(255), down: fc.nat(95), from: fc.nat(0x1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dma' as const), offset, bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mode' as const), depth: fc.constantFrom(0, 4, 8, 15, 16, 24, 32, -1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pan' as const), line: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), place: fc.constantFrom(frameBuffer, otherPlace) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flip' as const), at: fc.constantFrom(0, memoryBytes), }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('palette' as const), index: fc.nat(255), value: fc.nat(63) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replaced' as const), offset, epoch: fc.nat(3) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Plays the steps; the first draw that is not right, or -1. */
function play(rig: Rig, steps: readonly Step[]): number {
  const { bus, memory, control } = rig.bare;
  let place = frameBuffer;
  for (const [number, one] of steps.entries()) {
    let right = true;
    switch (one.kind) {
      case 'cpu': {
        const to = one.place === 'linear' ? place + one.offset : one.place === 'frame' ? frames + one.offset : bankWindow + (one.offset % 0xf000);
        rig.duringRun = () => {
          for (let look = 0; look < one.looks; look++) right = rig.draw(one.place === 'frame' ? 1 : 0, one.viewer) && right;
        };
        rig.execute(one.program, to, one.value, one.program === 'fill' || one.program === 'copy' ? one.count : 1);
        break;
      }
      case 'between':
        rig.storeBetweenPolls(place + one.offset, one.value);
        break;
      case 'draw':
        right = rig.draw(one.output, one.viewer);
        break;
      case 'transfer':
        rig.resources.transfer(1, { x: one.x, y: one.y, width: Math.min(one.across, 256 - one.x), height: Math.min(one.down, 96 - one.y) }, one.from);
        break;
      case 'dma':
        bus.lock.with(() => bus.memory.dmaWrite(place + one.offset, one.bytes));
        break;
      case 'mode':
        if (one.depth === 0) rig.text();
        else if (one.depth < 0) rig.planes();
        else rig.mode(one.depth);
        break;
      case 'pan':
        bus.portWrite(0x1ce, 2, 9);
        bus.portWrite(0x1cf, 2, one.line);
        break;
      case 'move':
        place = one.place;
        rig.pci(1, 0x10, place);
        break;
      case 'flip':
        rig.frame(one.at, width * 4);
        break;
      case 'palette':
        bus.portWrite(0x3c8, 1, one.index);
        for (let component = 0; component < 3; component++) bus.portWrite(0x3c9, 1, one.value);
        break;
      default:
        // As a saved state that is resumed: other bytes, epochs of another time.
        memory.vram.fill(0x5a, one.offset, one.offset + 100);
        memory.scanoutMemory.fill(0xa5, one.offset, one.offset + 100);
        control.block.stateGeneration += 1;
        for (let ahead = 0; ahead < one.epoch; ahead++) control.advanceEpoch();
        memory.pageEpoch.fill(one.epoch);
        bus.lock.with(() => bus.stateReplaced());
    }
    if (!right) return number;
  }
  for (const index of [0, 1]) for (const viewer of [0, 1]) if (!rig.draw(index, viewer)) return steps.length;
  return -1;
}

const steps = fc.array(step, { maxLength: 30, size: 'max' });
const runs = process.env['VITRINE_LONG'] === '1' ? 300 : 12;

const draw = { kind: 'draw', output: 0, viewer: 0 } as const;
const write = (program: Program, place: 'linear' | 'window', value: number, looks = 1): Step => ({ kind: 'cpu', program, place, offset: 0x2000, value, count: 1, viewer: 0, looks });

describe('pictures drawn by what was written', () => {
  it('are those drawn of everything, whoever writes, and whenever somebody looks', { timeout: 300_000 }, () => {
    const rig = new Rig();
    fc.assert(fc.property(steps, (list) => play(rig.restart(), list) === -1), { numRuns: runs });
  });

  it.each<[what: string, tamper: (bare: BareMachine) => void, list: readonly Step[]]>([
    ['an epoch counts as in force before the vCPUs know', ({ control }) => (control.flushPassed = () => true), [draw, draw, write('store', 'linear', 1), draw, draw, draw, { kind: 'between', offset: 0x2000, value: 7 }]],
    ['write entries stay fast over an epoch', ({ control }) => (control.requestFlush = () => 0), [draw, write('store', 'linear', 3), draw, draw, draw, write('store', 'linear', 0x10203)]],
    ['chips do not say what they write', ({ bus }) => (bus.vramWritten = () => undefined), [draw, draw, draw, write('store', 'window', 0x10203)]],
    ['a window that moved is not taken for written', ({ bus }) => (bus.memory.frames.noteWritten = () => undefined), [draw, draw, draw, write('store', 'linear', 0x10203), { kind: 'move', place: otherPlace }]],
    ['nobody is told that the state was replaced', ({ control }) => (control.stateGeneration = () => 0), [draw, draw, draw, { kind: 'replaced', offset: 0x2000, epoch: 0 }]],
  ])('are stale, and this is seen, when %s', { timeout: 120_000 }, (_what, tamper, list) => {
    expect(play(new Rig().restart(), list)).toBe(-1);
    expect(play(new Rig(tamper).restart(), list)).not.toBe(-1);
  });

  it('are not drawn, nor is an epoch asked for, while nothing is written', () => {
    const rig = new Rig().restart();
    const { control } = rig.bare;
    rig.execute('fill', frameBuffer, 3, 1000);
    const [viewer] = rig.viewers[0] ?? [];
    for (let frame = 0; frame < 4; frame++) viewer?.look();
    const { draws = 0 } = viewer ?? {};
    const epoch = control.currentEpoch();
    rig.execute('fill', source + 0x4000, 3, 1000);
    for (let frame = 0; frame < 10; frame++) viewer?.look();
    expect([viewer?.draws, control.currentEpoch()]).toEqual([draws, epoch]);
    rig.execute('store', frameBuffer, 6, 1);
    for (let frame = 0; frame < 10; frame++) viewer?.look();
    expect(viewer?.draws).toBeLessThanOrEqual(draws + 3);
    expect(viewer?.shows(rig.chips.screenshot(0))).toBe(true);
  });
});
