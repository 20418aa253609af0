/** Local APICs over memory of their own, with a clock that stands still and a host that keeps what it is told. */
import { Attention, vcpuState, type VcpuState } from '../../../isa/state.ts';
import { Activity } from '../../reset.ts';
import { LocalApics } from '../local-apic.ts';
import { resetLocalApic } from '../local-vectors.ts';
import { ApicRegister, firstApicMsr, type Delivery, type Shorthand } from '../registers.ts';
import { ApicBase, defaultApicBase, localApicState, type LocalApicState } from '../state.ts';

export class ApicBench {
  readonly apics: LocalApics;
  readonly states: LocalApicState[] = [];
  readonly vcpus: VcpuState[] = [];
  /** Vectors whose end reached the I/O APIC. */
  readonly ended: number[] = [];
  readonly deadlines: (number | undefined)[] = [];
  now = 1_000_000;
  /** The level of the 8259s' INTR. */
  external = false;
  listened = 0;
  /** What other threads do while one waits to write its timer. */
  beforeNoneExpires: () => void = () => undefined;

  constructor(cpus: number, options: { enabled?: boolean } = {}) {
    const stride = vcpuState.size + localApicState.size;
    const buffer = new SharedArrayBuffer(cpus * stride);
    for (let cpu = 0; cpu < cpus; cpu++) {
      const vcpu = vcpuState.at(buffer, cpu * stride);
      const state = localApicState.at(buffer, cpu * stride + vcpuState.size);
      vcpu.apicBase = BigInt(defaultApicBase + ApicBase.enable + (cpu === 0 ? ApicBase.bootstrap : 0));
      vcpu.activity = cpu === 0 ? Activity.running : Activity.waitForSipi;
      resetLocalApic(state, cpu, cpu === 0);
      this.vcpus.push(vcpu);
      this.states.push(state);
    }
    this.apics = new LocalApics(
      this.states.map((state, cpu) => ({ state, vcpu: this.vcpu(cpu) })),
      {
        now: () => this.now,
        timestamp: () => BigInt(this.now),
        attend: (cpu, bits) => void (this.vcpu(cpu).attention |= bits),
        withdraw: (cpu, bits) => void (this.vcpu(cpu).attention &= ~bits),
        armTimer: (cpu, deadline) => void (this.deadlines[cpu] = deadline),
        whileNoneExpires: (body) => {
          this.beforeNoneExpires();
          body();
        },
        endOfInterrupt: (vector) => void this.ended.push(vector),
        listening: () => void this.listened++,
        externalAsserted: () => this.external,
      },
    );
    if (options.enabled !== false) for (let cpu = 0; cpu < cpus; cpu++) this.write(cpu, ApicRegister.spurious, 0x1ff);
    for (let cpu = 0; cpu < cpus; cpu++) this.seen(cpu);
  }

  vcpu(cpu: number): VcpuState {
    const vcpu = this.vcpus[cpu];
    if (vcpu === undefined) throw new RangeError(`no vCPU ${cpu}`);
    return vcpu;
  }

  read(cpu: number, register: ApicRegister): number {
    return this.apics.read(cpu, register, 4);
  }

  write(cpu: number, register: ApicRegister, value: number): void {
    this.apics.write(cpu, register, 4, value);
  }

  /** The attention bits of a vCPU, taken back. */
  seen(cpu: number): number {
    const vcpu = this.vcpu(cpu);
    const bits = vcpu.attention;
    vcpu.attention = 0;
    return bits & ~Attention.interrupt;
  }

  /** Sends by the interrupt command register. */
  send(
    cpu: number,
    vector: number,
    {
      mode = 0,
      shorthand = 0,
      logical = false,
      destination = 0,
    }: { mode?: Delivery; shorthand?: Shorthand; logical?: boolean; destination?: number },
  ): void {
    this.write(cpu, ApicRegister.commandHigh, (destination << 24) >>> 0);
    this.write(cpu, ApicRegister.commandLow, vector | (mode << 8) | (logical ? 1 << 11 : 0) | (1 << 14) | (shorthand << 18));
  }

  /** The vCPUs that have this vector requested. */
  requested(vector: number): number[] {
    const found: number[] = [];
    for (const cpu of this.vcpus.keys()) {
      const word = this.apics.peek(cpu, ApicRegister.requested + (vector >>> 5) * 16) ?? 0;
      if (((word >>> (vector & 31)) & 1) !== 0) found.push(cpu);
    }
    return found;
  }

  /** The errors since the last call. */
  errors(cpu: number): number {
    this.write(cpu, ApicRegister.errorStatus, 0);
    return this.read(cpu, ApicRegister.errorStatus);
  }

  extend(cpu: number): void {
    if (!this.apics.writeBase(cpu, this.vcpu(cpu).apicBase | BigInt(ApicBase.x2apic))) throw new Error('x2APIC mode was refused');
  }

  readMsr(cpu: number, register: ApicRegister): readonly [number, number] | undefined {
    return this.apics.readMsr(cpu, firstApicMsr + (register >>> 4));
  }

  writeMsr(cpu: number, register: ApicRegister, low: number, high = 0): boolean {
    return this.apics.writeMsr(cpu, firstApicMsr + (register >>> 4), low, high);
  }

  /** Lets guest time pass, with the timers that come due on the way. */
  pass(nanoseconds: number): void {
    const end = this.now + nanoseconds;
    for (;;) {
      let next = Infinity;
      let due = -1;
      for (const cpu of this.vcpus.keys()) {
        const deadline = this.deadlines[cpu] ?? Infinity;
        if (deadline < next) [next, due] = [deadline, cpu];
      }
      if (due < 0 || next > end) break;
      this.now = Math.max(this.now, next);
      this.deadlines[due] = undefined;
      this.apics.timerExpired(due);
    }
    this.now = end;
  }
}
