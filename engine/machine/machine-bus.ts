/**
 * The bus of one machine as one thread sees it: ports, MMIO, timers, streams and posts, over the shared memory. Each
 * thread makes its own and constructs the same chips on it in the same order.
 *
 * Accesses from outside a chip take the device lock; chips are called under it.
 */
import { defineBlock, scalar, type BlockLayout, type BlockView, type Field } from '../layout/block.ts';
import type { Bus, ChipRequest, DiskOptions, DiskPort, MmioHandler, MmioRegion, PortHandler, PortRegion, Timer, Width } from './bus.ts';
import type { MachineClock } from './clock.ts';
import type { MachineControl } from './control.ts';
import type { DeviceLock } from './device-lock.ts';
import { DiskSet } from './disks.ts';
import type { MachineMemory } from './memory.ts';
import { OutputRing } from './output-ring.ts';
import { allOnes, MachinePhysicalMap } from './physical-map.ts';
import { TimerSet } from './timers.ts';

const portCount = 0x10000;

const portsBlock = defineBlock('ports', 1, { base: scalar('u32'), placed: scalar('u32') });
/** Raised when a range of ports moves, so that other threads rebuild their tables. */
const portMapBlock = defineBlock('port-map', 1, { generation: scalar('u32') });

interface Range {
  /** As it was declared; where it is now is in `state`. */
  readonly first: number;
  readonly count: number;
  readonly handler: PortHandler;
  readonly state: { base: number; placed: number };
}

export interface BusHooks {
  /** A chip's request, after the device lock was released. */
  onRequest(request: ChipRequest): void;
  /** A ring that was empty has bytes; under the device lock. */
  onOutput(): void;
  /** A drive has a request; under the device lock. */
  onDisk(): void;
  /** A timer was armed; under the device lock. */
  onArmed(deadline: number): void;
}

export class MachineBus implements Bus {
  readonly memory: MachinePhysicalMap;
  readonly vram: Uint8Array<SharedArrayBuffer>;
  readonly scanoutMemory: Uint8Array<SharedArrayBuffer>;
  readonly timers: TimerSet;
  readonly disks: DiskSet;
  /** Few, and gone through before every slice of instructions. */
  readonly outputs: OutputRing[] = [];
  readonly #ranges: Range[] = [];
  readonly #portMap;
  /** Index in #ranges plus one, per port. */
  readonly #owners = new Uint16Array(portCount);
  #ownersGeneration = -1;
  readonly #posted: ChipRequest[] = [];

  constructor(
    private readonly machine: MachineMemory,
    private readonly control: MachineControl,
    readonly clock: MachineClock,
    readonly lock: DeviceLock,
    private readonly hooks: BusHooks,
  ) {
    this.memory = new MachinePhysicalMap(machine, control);
    this.vram = machine.vram;
    this.scanoutMemory = machine.scanoutMemory;
    this.timers = new TimerSet(machine);
    this.timers.onArmed = (deadline) => hooks.onArmed(deadline);
    this.disks = new DiskSet(machine, clock, this.timers, () => hooks.onDisk());
    this.#portMap = machine.transientBlock(portMapBlock);
    lock.afterRelease = () => this.#deliver();
  }

  // For chips

  block<F extends Record<string, Field>>(layout: BlockLayout<F>, instance = ''): BlockView<F> {
    return this.machine.block(layout, instance);
  }

  ports(first: number, count: number, handler: PortHandler): PortRegion {
    if (!Number.isInteger(count) || count < 1 || count > portCount) throw new RangeError(`A range of ports cannot have ${count} ports.`);
    const isNew = !this.machine.directory.sealed;
    // Named by what it is, not by its turn: a machine with one chip more still finds its saved ranges.
    const name = first.toString(16);
    const same = this.#ranges.filter((range) => range.first === first).length;
    const state = this.machine.block(portsBlock, same === 0 ? name : `${name}.${same}`);
    this.#ranges.push({ first, count, handler, state });
    this.#ownersGeneration = -1;
    const place = (base: number | undefined) => {
      if (base !== undefined && (!Number.isInteger(base) || base < 0 || base + count > portCount)) {
        throw new RangeError(`${count} ports cannot be placed at 0x${base.toString(16)}.`);
      }
      if (base === undefined ? state.placed === 0 : state.placed !== 0 && state.base === base) return;
      state.base = base ?? 0;
      state.placed = base === undefined ? 0 : 1;
      this.#portMap.generation += 1;
    };
    // Later threads find the range where the guest has it by now.
    if (isNew && state.placed === 0) place(first);
    return {
      get base() {
        return state.base;
      },
      count,
      place,
    };
  }

  mmio(name: string, base: number | undefined, size: number, handler: MmioHandler): MmioRegion {
    return this.memory.addRegion(name, base, size, handler);
  }

  frameBuffer(name: string, base: number | undefined, size: number, vramOffset: number): MmioRegion {
    return this.memory.addRegion(name, base, size, { vramOffset });
  }

  scanoutBuffer(name: string): MmioRegion {
    return this.memory.addRegion(name, undefined, this.scanoutMemory.length, { scanoutOffset: 0 });
  }

  vramWritten(offset: number, bytes: number): void {
    this.memory.frames.noteWritten(this.machine.vramBase + offset, bytes);
  }

  scanoutsWritten(offset: number, bytes: number): void {
    this.memory.frames.noteWritten(this.machine.scanoutBase + offset, bytes);
  }

  timer(name: string, callback: () => void): Timer {
    return this.timers.add(name, callback);
  }

  output(name: string): OutputRing {
    let ring = this.outputs.find((each) => each.name === name);
    if (ring === undefined) {
      ring = new OutputRing(name, this.machine, () => this.hooks.onOutput());
      this.outputs.push(ring);
    }
    return ring;
  }

  disk(name: string, options: DiskOptions): DiskPort {
    return this.disks.add(name, options);
  }

  post(request: ChipRequest): void {
    this.#posted.push(request);
  }

  /** Saved blocks were replaced from outside, while no vCPU runs: derives from them what this and other threads look up. */
  stateReplaced(): void {
    this.#portMap.generation += 1;
    this.memory.rederive();
    this.displayChanged();
  }

  displayChanged(): void {
    this.control.noteDisplayChange();
  }

  #deliver(): void {
    for (let request = this.#posted.shift(); request !== undefined; request = this.#posted.shift()) this.hooks.onRequest(request);
  }

  // For vCPUs, loaders and tools

  #owner(port: number): PortHandler | undefined {
    if (this.#ownersGeneration !== this.#portMap.generation) this.#mapPorts();
    return this.#ranges[(this.#owners[port & 0xffff] ?? 0) - 1]?.handler;
  }

  #mapPorts(): void {
    this.#ownersGeneration = this.#portMap.generation;
    this.#owners.fill(0);
    const order = this.#ranges.map((range, index) => ({ range, index }));
    order.sort((a, b) => b.range.count - a.range.count || a.index - b.index);
    for (const { range, index } of order) {
      if (range.state.placed !== 0) this.#owners.fill(index + 1, range.state.base, range.state.base + range.count);
    }
  }

  portRead(port: number, width: Width): number {
    return this.lock.with(() => this.#portRead(port, width));
  }

  #portRead(port: number, width: Width): number {
    const owner = this.#owner(port);
    if (owner !== undefined) return (owner.read(port, width) & allOnes(width)) >>> 0;
    if (width === 1) return 0xff;
    let value = 0;
    for (let byte = 0; byte < width; byte++) value += this.#portRead((port + byte) & 0xffff, 1) * 2 ** (8 * byte);
    return value;
  }

  portWrite(port: number, width: Width, value: number): void {
    this.lock.with(() => this.#portWrite(port, width, value));
  }

  #portWrite(port: number, width: Width, value: number): void {
    const owner = this.#owner(port);
    if (owner !== undefined) owner.write(port, width, (value & allOnes(width)) >>> 0);
    else if (width > 1) for (let byte = 0; byte < width; byte++) this.#portWrite((port + byte) & 0xffff, 1, value >>> (8 * byte));
  }

  /** What a tool sees at a port: undefined when its chip cannot be asked without side effects. Holes read as ones. */
  portPeek(port: number, width: Width): number | undefined {
    const owner = this.#owner(port);
    if (owner === undefined) return allOnes(width);
    return this.lock.with(() => owner.peek?.(port, width));
  }

  mmioRead(address: number, width: Width): number {
    return this.lock.with(() => (this.memory.readUnbacked(address, width) & allOnes(width)) >>> 0);
  }

  mmioWrite(address: number, width: Width, value: number): void {
    this.lock.with(() => this.memory.writeUnbacked(address, width, value));
  }

  /** A read of guest-physical memory that has no backing, without side effects; undefined where the chip cannot be asked. */
  mmioPeek(address: number, width: Width): number | undefined {
    const value = this.lock.with(() => this.memory.peekUnbacked(address, width));
    return value === undefined ? undefined : (value & allOnes(width)) >>> 0;
  }

  /** Runs the timers that are due. True if any was. */
  runDueTimers(): boolean {
    return this.lock.with(() => this.timers.runDue(this.clock.now()));
  }

  nextDeadline(): number {
    return this.lock.with(() => this.timers.next());
  }

  /** A ring whose producer has to wait, if there is one. */
  congested(): OutputRing | undefined {
    for (const ring of this.outputs) if (ring.congested) return ring;
    return undefined;
  }
}
