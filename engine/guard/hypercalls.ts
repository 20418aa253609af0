/**
 * What the guest's kernel may ask of the guard by VMCALL or VMMCALL: docs/formats/hypercalls.md is its description. On the thread of the calling vCPU; pages
 * are numbers of guest-physical pages. Nothing that the guest gives is believed.
 */
import type { HypercallRegisters, Hypercalls } from '../cpu/platform.ts';
import { physicalPages } from '../cpu/platform.ts';
import { run } from '../machine/atomic-step.ts';
import type { MachineControl } from '../machine/control.ts';
import { acquireExclusivityBetweenInstructions, releaseExclusivity } from '../machine/stop.ts';
import { none32 } from './alert.ts';
import type { Guard, GuardFailure, Update } from './guard.ts';

/** EAX of a call. */
export const enum Call {
  /** EAX 0, EBX version, ECX features, EDX spare nodes, ESI listed pages, EDI alerts so far. */
  query = 0,
  /** ECX, EDX, ESI, EDI: up to 16 characters of a name. */
  register,
  /** EBX first page, ECX count: from now on they are the tree's. */
  donate,
  /** EBX first page, ECX count, EDX action. */
  protect,
  unprotect,
  change,
  /** EBX page. Out: EBX 0 free, 1 listed, 2 node, 3 damaged; ECX action; EDX flags. */
  look,
  /** What is protected stays so until the machine is reset. */
  seal,
  /** EBX number of an alert: that one, or the first after it that is still there. */
  alert,
  /** EBX action at a write to the tree. */
  treeAction,
}

/** EAX of an answer. */
export const Status = {
  done: 0,
  'unknown-call': 1,
  'no-agent': 2,
  'bad-range': 3,
  'bad-action': 4,
  'not-memory': 5,
  'is-node': 6,
  'not-listed': 7,
  'no-room': 8,
  damaged: 9,
  'host-only': 10,
  sealed: 11,
  listed: 12,
  'too-many-nodes': 13,
  'no-alert': 14,
} as const satisfies Record<GuardFailure | 'done' | 'unknown-call' | 'no-agent' | 'no-alert', number>;

const version = 1;
/** Bit 0: the tree and its alerts. */
const features = 1;
const foundKinds = { none: 0, listed: 1, node: 2, damaged: 3 } as const;

export class GuardHypercalls implements Hypercalls {
  readonly version = version;
  readonly features = features;

  constructor(
    private readonly guard: Guard,
    private readonly control: MachineControl,
    private readonly cpu: number,
  ) {}

  call(registers: HypercallRegisters): void {
    registers.eax = Status[this.#call(registers)];
  }

  #call(registers: HypercallRegisters): keyof typeof Status {
    const { guard } = this;
    const { eax, ebx, ecx, edx } = registers;
    switch (eax) {
      case Call.query: {
        const { spareNodes, listed, alerts } = guard.status();
        Object.assign(registers, { ebx: version, ecx: features, edx: spareNodes, esi: listed, edi: alerts });
        return 'done';
      }
      case Call.register:
        return this.#register(registers);
      case Call.look:
        return this.#look(registers);
      case Call.alert:
        return this.#alert(registers);
    }
    if (eax > Call.treeAction) return 'unknown-call';
    if (!guard.agentRegistered) return 'no-agent';
    switch (eax) {
      case Call.donate:
        return this.#donate(ebx, ecx);
      case Call.protect:
        return this.#exclusively(() => guard.protect([{ first: ebx, count: ecx }], edx, false));
      case Call.change:
        return this.#exclusively(() => guard.change([{ first: ebx, count: ecx }], edx, false));
      case Call.unprotect:
        return this.#settled(guard.unprotect([{ first: ebx, count: ecx }], false));
      case Call.seal:
        guard.seal();
        return 'done';
      case Call.treeAction:
        return guard.sealed ? 'sealed' : this.#settled(guard.setTreeAction(ebx));
    }
    return 'unknown-call';
  }

  #settled(update: Update): keyof typeof Status {
    return update.refused ?? 'done';
  }

  /**
   * A right is taken away while every other vCPU stands still between two instructions: each finds the flush before its next one. This one finds
   * it behind the hypercall.
   */
  #exclusively(body: () => Update): keyof typeof Status {
    const { control, cpu } = this;
    if (control.cpus === 1) return this.#settled(body());
    run(control.words, acquireExclusivityBetweenInstructions(control.stopWords, cpu));
    try {
      return this.#settled(body());
    } finally {
      run(control.words, releaseExclusivity(control.stopWords, cpu));
    }
  }

  #register({ ecx, edx, esi, edi }: HypercallRegisters): keyof typeof Status {
    if (this.guard.sealed) return 'sealed';
    const name = new Uint8Array(Uint32Array.of(ecx, edx, esi, edi).buffer);
    // It is shown to people: printable ASCII up to the first zero.
    const end = name.indexOf(0);
    this.guard.registerAgent(
      name.subarray(0, end < 0 ? name.length : end).map((byte) => (byte >= 0x20 && byte < 0x7f ? byte : 0x3f)),
    );
    return 'done';
  }

  #donate(first: number, count: number): keyof typeof Status {
    return this.#exclusively(() => {
      const traced = this.guard.traceDonated(first, count);
      if (traced.refused === undefined) this.guard.takeDonated(first, count);
      return traced;
    });
  }

  #look(registers: HypercallRegisters): keyof typeof Status {
    if (registers.ebx >= physicalPages) return 'bad-range';
    const found = this.guard.look(registers.ebx);
    registers.ebx = foundKinds[found.kind];
    registers.ecx = found.kind === 'listed' ? found.action : 0;
    registers.edx = found.kind === 'listed' ? found.flags : 0;
    return 'done';
  }

  /** Out: EBX its number; ECX physical address; EDX kind, action, outcome, cause from the low byte up; ESI EIP of the writer; EDI first bytes it wrote. */
  #alert(registers: HypercallRegisters): keyof typeof Status {
    return this.guard.readAlert(registers.ebx, (alert) => {
      if (alert === undefined) return 'no-alert';
      registers.ebx = alert.sequence;
      registers.ecx = alert.physical;
      registers.edx = (alert.kind | (alert.action << 8) | (alert.outcome << 16) | (alert.cause << 24)) >>> 0;
      registers.esi = alert.cpu === 0xff ? none32 : alert.eip;
      const [a = 0, b = 0, c = 0, d = 0] = alert.after;
      registers.edi = (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
      return 'done';
    });
  }
}
