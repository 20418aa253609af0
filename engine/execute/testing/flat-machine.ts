/**
 * A vCPU with flat 32-bit segments over identity-mapped memory, for tests of generated code: no paging, no devices. Accesses
 * beyond its memory raise #PF; services that need cpu/ raise #UD, so that a test notices.
 */
import type { Exit } from '../../isa/state.ts';
import { Attention, Reg, Seg, segmentBytes, segmentField, vcpuState, type VcpuState } from '../../isa/state.ts';
import type { Services } from '../../isa/services.ts';
import { Interpreter } from '../interpreter.ts';
import { jumpCacheBytes, tlb, tlbHalfBytes, tlbSlot } from '../translation-cache.ts';

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
  /** Called at each slow write. */
  whenWritten: () => void = () => undefined;
  private readonly view: DataView;
  private bounced = { offset: 0, size: 0 };

  /** `mapped` tells which pages exist, `executable` which of them code may be fetched from; an access elsewhere is a #PF. */
  constructor(
    readonly ramBytes = 0x400000,
    private readonly mapped: (page: number) => boolean = () => true,
    executable: (page: number) => boolean = () => true,
  ) {
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
        translate: (linear) => (this.exists(linear) && executable(linear >>> 12) ? linear : this.pageFault(linear, 0x10)),
        page: (page) => ramBase + page * 4096,
        readByte: () => 0xff,
        markLines: () => false,
        generation: () => 0,
        markCode: (page) => {
          this.codePages.add(page);
          this.view.setBigInt64(tlbBase + tlbSlot(page * 4096) * tlb.entryBytes + tlb.writeTag, -1n, true);
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
    state.debugPending = 0;
    this.whenWritten = () => undefined;
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

  /** Flags as an EFLAGS image: the six arithmetic ones and DF. */
  get flags(): number {
    const { flagZero, flagSignParity, flagAux, eflags } = this.state;
    let ones = 0;
    for (let low = flagSignParity & 0xff; low !== 0; low &= low - 1) ones++;
    const carry = flagAux >>> 31;
    const overflow = ((flagAux ^ (flagAux << 1)) >>> 31) & 1;
    return (
      carry |
      (ones & 1 ? 0 : 4) |
      ((flagAux & 8) << 1) |
      (flagZero === 0 ? 0x40 : 0) |
      ((flagSignParity >>> 31) << 7) |
      (eflags & 0x400) |
      (overflow << 11)
    );
  }
  set flags(image: number) {
    const { state } = this;
    state.flagZero = image & 0x40 ? 0 : 1;
    state.flagSignParity = (image & 0x80 ? 0x80000000 : 0) | (image & 4 ? 0 : 1);
    const carry = image & 1;
    const overflow = (image >> 11) & 1;
    state.flagAux = (carry << 31) | ((carry ^ overflow) << 30) | ((image & 0x10) >> 1);
    state.eflags = 2 | (image & 0x400);
  }

  private exists(linear: number): boolean {
    return linear < this.ramBytes && this.mapped(linear >>> 12);
  }

  private pageFault(linear: number, code: number): number {
    this.state.faultVector = 14;
    this.state.faultCode = code;
    this.state.faultAddress = BigInt(linear >>> 0);
    return -1;
  }

  private fill(segment: number, offset: number, size: number, write: boolean): number {
    const linear = offset >>> 0;
    if (write) this.whenWritten();
    if (linear + size > 0x1_0000_0000) {
      this.state.faultVector = segment === Seg.ss * segmentBytes ? 12 : 13;
      this.state.faultCode = 0;
      return 0;
    }
    const last = (linear + size - 1) >>> 0;
    if (!this.exists(linear) || !this.exists(last)) {
      this.pageFault(this.exists(linear) ? last & ~0xfff : linear, write ? 2 : 0);
      return 0;
    }
    const page = linear >>> 12;
    const entry = tlbBase + tlbSlot(page * 4096) * tlb.entryBytes;
    this.view.setBigUint64(entry + tlb.readTag, BigInt(page * 4096), true);
    if (write && this.codePages.has(page)) {
      this.interpreter.invalidatePage(page);
      if ((linear + size - 1) >>> 12 !== page) this.interpreter.invalidatePage(page + 1);
    } else this.view.setBigInt64(entry + tlb.writeTag, write ? BigInt(page * 4096) : -1n, true);
    this.view.setUint32(entry + tlb.addend, ramBase, true);
    return ramBase + linear;
  }

  private bounceBytes(size: number): Uint8Array {
    return new Uint8Array(this.view.buffer, vcpuBase + vcpuState.offset.bounce, size);
  }

  /** A misaligned locked operand goes through the bounce buffer, since WebAssembly's atomics trap on it. */
  private bounce(segment: number, offset: number, size: number): number {
    const address = this.fill(segment, offset, size, true);
    if (address === 0 || address % size === 0) return address;
    this.bounced = { offset: offset >>> 0, size };
    this.bounceBytes(size).set(this.ram.subarray(offset >>> 0, (offset >>> 0) + size));
    return vcpuBase + vcpuState.offset.bounce;
  }

  private services(): Services {
    const undefinedHere = (): number => {
      this.state.faultVector = 6;
      return 0;
    };
    const slow = (write: boolean) => (segment: number, offset: number, size: number) => this.fill(segment, offset, size, write);
    const known: Partial<Services> = {
      readSlow: slow(false),
      writeSlow: slow(true),
      updateSlow: slow(true),
      lockedSlow: (segment, offset, size) => this.bounce(segment, offset, size),
      commitWrite: () => this.ram.set(this.bounceBytes(this.bounced.size), this.bounced.offset),
      probeWrite: (segment, offset, size) => void this.fill(segment, offset, size, true),
      pause: () => undefined,
      halt: () => undefined,
      requireProtected: () => undefined,
      softwareInterrupt: (vector) => void (this.state.faultVector = vector),
      // Tests use it to ask for attention from inside.
      hypercall: () => void (this.state.attention = Attention.stop),
    };
    return new Proxy(known, { get: (target, name) => Reflect.get(target, name) ?? undefinedHere }) as Services;
  }
}
