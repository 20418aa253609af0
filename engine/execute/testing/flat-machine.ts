/**
 * A vCPU with flat 32-bit segments over identity-mapped memory, for tests of generated code: no paging, no devices. Accesses
 * beyond its memory raise #PF; services that need cpu/ raise #UD, so that a test notices.
 */
import { Attention, Exit, Reg, Seg, segmentBytes, segmentField, vcpuState, type VcpuState } from '../../isa/state.ts';
import type { Services } from '../../isa/services.ts';
import { Interpreter } from '../interpreter.ts';
import { jumpCacheBytes, tlb, tlbHalfBytes } from '../translation-cache.ts';

const vcpuBase = 0;
const cacheBase = 0x10000;
const cacheBytes = jumpCacheBytes + 0x80000;
const tlbBase = 0x100000;
/** Where guest-physical address 0 lies in the shared memory. */
const ramBase = 0x200000;

export interface Outcome {
  exit: Exit;
  /** Vector of the exception, or -1. */
  vector: number;
}

export class FlatMachine {
  readonly state: VcpuState;
  readonly ram: Uint8Array<SharedArrayBuffer>;
  readonly interpreter: Interpreter;
  /** Pages that the tests want to be slow to write (they hold code). */
  readonly codePages = new Set<number>();
  private readonly view: DataView;

  constructor(readonly ramBytes = 0x400000) {
    const pages = Math.ceil((ramBase + ramBytes) / 65536);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const buffer = memory.buffer as unknown as SharedArrayBuffer;
    this.view = new DataView(buffer);
    this.state = vcpuState.at(buffer, vcpuBase);
    this.ram = new Uint8Array(buffer, ramBase, ramBytes);
    new Uint8Array(buffer, tlbBase, tlbHalfBytes).fill(0xff);
    this.interpreter = new Interpreter({
      memory,
      vcpu: vcpuBase,
      cacheBase,
      cacheBytes,
      services: this.services(),
      fetch: {
        context: () => ({ base: 0, limit: 0xffffffff, big: true, single: false }),
        translate: (linear) => (linear < ramBytes ? linear : this.pageFault(linear, 0x10)),
        page: (page) => ramBase + page * 4096,
        readByte: () => 0xff,
        markCode: (page) => {
          this.codePages.add(page);
          this.view.setBigInt64(tlbBase + (page & (tlb.entries - 1)) * tlb.entryBytes + tlb.writeTag, -1n, true);
        },
      },
    });
    this.state.tlb = tlbBase;
    this.reset();
  }

  /** Flat ring-0-like segments, zero registers, ESP in the middle of memory. */
  reset(): void {
    const { state } = this;
    state.registers.fill(0n);
    for (let seg = 0; seg < 6; seg++) {
      const at = vcpuBase + vcpuState.offset.segments + seg * segmentBytes;
      this.view.setBigUint64(at + segmentField.base, 0n, true);
      this.view.setBigInt64(at + segmentField.readEnd, 0xffffffffn, true);
      this.view.setBigInt64(at + segmentField.writeEnd, 0xffffffffn, true);
      this.view.setUint32(at + segmentField.limit, 0xffffffff, true);
      this.view.setUint16(at + segmentField.selector, seg === (Seg.cs as number) ? 8 : 16, true);
    }
    state.stackMask = 0xffffffff;
    state.eflags = 2;
    state.faultVector = -1;
    state.attention = 0;
    this.setRegister(Reg.esp, this.ramBytes / 2);
  }

  register(reg: Reg): number {
    return Number(BigInt.asUintN(32, this.state.registers[reg] ?? 0n));
  }
  setRegister(reg: Reg, value: number): void {
    this.state.registers[reg] = BigInt(value >>> 0);
  }

  load(address: number, bytes: ArrayLike<number>): void {
    this.ram.set(bytes, address);
    for (let page = address >>> 12; page <= (address + bytes.length - 1) >>> 12; page++) this.interpreter.invalidatePage(page);
  }

  /** Runs from `eip` for at most `budget` instructions. */
  run(eip: number, budget: number): Outcome {
    const { state } = this;
    state.eip = BigInt(eip);
    state.budget = budget;
    state.faultVector = -1;
    const exit = this.interpreter.run();
    return { exit, vector: state.faultVector };
  }

  private pageFault(linear: number, code: number): number {
    this.state.faultVector = 14;
    this.state.faultCode = code;
    this.state.faultAddress = BigInt(linear >>> 0);
    return -1;
  }

  private fill(offset: number, size: number, write: boolean): number {
    const linear = offset >>> 0;
    if (linear + size > this.ramBytes) {
      this.pageFault(linear, write ? 2 : 0);
      return 0;
    }
    const page = linear >>> 12;
    const entry = tlbBase + (page & (tlb.entries - 1)) * tlb.entryBytes;
    this.view.setBigUint64(entry + tlb.readTag, BigInt(page * 4096), true);
    if (write && this.codePages.has(page)) {
      this.interpreter.invalidatePage(page);
      if ((linear + size - 1) >>> 12 !== page) this.interpreter.invalidatePage(page + 1);
    } else this.view.setBigInt64(entry + tlb.writeTag, write ? BigInt(page * 4096) : -1n, true);
    this.view.setUint32(entry + tlb.addend, ramBase, true);
    return ramBase + linear;
  }

  private services(): Services {
    const undefinedHere = (): number => {
      this.state.faultVector = 6;
      return 0;
    };
    const slow = (write: boolean) => (_segment: number, offset: number, size: number) => this.fill(offset, size, write);
    const known: Partial<Services> = {
      readSlow: slow(false),
      writeSlow: slow(true),
      updateSlow: slow(true),
      lockedSlow: slow(true),
      commitWrite: () => undefined,
      probeWrite: (_segment, offset, size) => void this.fill(offset, size, true),
      halt: () => undefined,
      requireProtected: () => undefined,
      // Tests use it to ask for attention from inside.
      hypercall: () => void (this.state.attention = Attention.stop),
    };
    return new Proxy(known, { get: (target, name) => Reflect.get(target, name) ?? undefinedHere }) as Services;
  }
}
