/**
 * A stack that gate and return code pushes to or pops from before it commits to it: the current one, or one that a TSS
 * names. ESP of the vCPU changes only when the caller stores `pointer`.
 */
import { Seg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { PageFault, Vector } from './faults.ts';
import { rights } from './registers.ts';

export class StackFrame {
  /** The stack pointer as it would be now; bits outside a 16-bit stack's pointer are kept. */
  pointer = 0;
  #base = 0;
  #limit = 0;
  #rights = 0;
  #mask = 0;
  #user = 0;
  /** Selector of #SS errors: 0 for the current stack. */
  #selector = 0;

  constructor(private readonly cpu: Cpu) {}

  /** SS:ESP as they are, with the rights of the current privilege level. */
  useCurrent(): void {
    const { state } = this.cpu;
    this.use(state.segmentBase(Seg.ss), state.segmentLimit(Seg.ss), state.segmentRights(Seg.ss), state.esp, state.cpl, 0);
  }

  /** Another stack. `selector` goes into #SS errors. */
  use(base: number, limit: number, segmentRights: number, pointer: number, privilege: number, selector: number): void {
    this.#base = base;
    this.#limit = limit;
    this.#rights = segmentRights;
    this.#mask = segmentRights & rights.big ? 0xffffffff : 0xffff;
    this.#user = privilege === 3 ? PageFault.user : 0;
    this.#selector = selector;
    this.pointer = pointer;
  }

  /** #SS unless `count` pushes of `size` bytes fit. */
  requireRoom(count: number, size: number): void {
    for (let index = 1; index <= count; index++) this.check(((this.pointer - index * size) & this.#mask) >>> 0, size);
  }

  /** #SS unless `count` items of `size` bytes can be popped. */
  requireItems(count: number, size: number): void {
    for (let index = 0; index < count; index++) this.check(((this.pointer + index * size) & this.#mask) >>> 0, size);
  }

  push(size: number, value: number): void {
    const offset = ((this.pointer - size) & this.#mask) >>> 0;
    this.check(offset, size);
    this.cpu.access.write(this.#base + offset, size, value, this.#user);
    this.pointer = ((this.pointer & ~this.#mask) | offset) >>> 0;
  }

  pop(size: number): number {
    const value = this.peek(0, size);
    this.release(size);
    return value;
  }

  /** The item `distance` bytes above the pointer. */
  peek(distance: number, size: number): number {
    const offset = ((this.pointer + distance) & this.#mask) >>> 0;
    this.check(offset, size);
    return this.cpu.access.read(this.#base + offset, size, this.#user);
  }

  /** Moves the pointer up. */
  release(bytes: number): void {
    this.pointer = ((this.pointer & ~this.#mask) | ((this.pointer + bytes) & this.#mask)) >>> 0;
  }

  private check(offset: number, size: number): void {
    const last = offset + size - 1;
    const fits = this.#rights & rights.expandDown ? offset > this.#limit && last <= this.#mask >>> 0 : last <= this.#limit;
    if (!fits) this.cpu.fail(Vector.stackFault, this.#selector);
  }
}
