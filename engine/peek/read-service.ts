/** The service worker's side: reads for any vCPU of a machine, whatever that vCPU does. */
import type { ReadPhysical } from '../cpu/inspection.ts';
import { CpuState } from '../cpu/registers.ts';
import { vcpuState } from '../isa/state.ts';
import { perform, type Protocol } from '../machine/atomic-step.ts';
import type { MachineControl } from '../machine/control.ts';
import { MachineError } from '../machine/machine.ts';
import type { MachineMemory } from '../machine/memory.ts';
import { GuestReader } from './guest-reader.ts';
import { collectRequest, holdQuiescent, postRequest, releaseHold, type HandOverWords } from './hand-over.ts';
import { linearSpace, restOf, sizeOf, type Operation, type Outcome, type ReadAccess } from './operation.ts';
import { firstPiece, handOverWords, openRequestBlock, readOutcome, writeOperation, type RequestBlock } from './request-block.ts';
import { SilentMemory, type SilentMachine } from './silent-memory.ts';
import { joined } from './window.ts';

/** A vCPU that has not polled after this many milliseconds never will. */
const longestPoll = 20_000;

/** Who carried out the pieces of operations: for statistics and tests. */
export interface ServedBy {
  vcpu: number;
  service: number;
}

export class ReadService {
  readonly served: ServedBy = { vcpu: 0, service: 0 };
  readonly #control: MachineControl;
  readonly #words: HandOverWords;
  readonly #vcpus: { state: CpuState; memory: SilentMemory; reader: GuestReader; block: RequestBlock }[];

  constructor(memory: MachineMemory, control: MachineControl, machine: SilentMachine) {
    this.#control = control;
    this.#words = handOverWords(memory, control);
    this.#vcpus = Array.from({ length: memory.shape.cpus }, (_, cpu) => {
      const state = new CpuState(memory.buffer, memory.directory.open(vcpuState, String(cpu)));
      const silent = new SilentMemory(machine, cpu, state);
      return {
        state,
        memory: silent,
        reader: new GuestReader(state, silent, undefined),
        block: openRequestBlock(memory, cpu).block,
      };
    });
  }

  #vcpu(cpu: number) {
    const vcpu = this.#vcpus[cpu];
    if (vcpu !== undefined) return vcpu;
    const { length } = this.#vcpus;
    throw new MachineError(
      'bad-configuration',
      `There is no virtual CPU ${cpu}; the machine has ${length === 1 ? 'only number 0' : `0 to ${length - 1}`}.`,
    );
  }

  /** Reads as vCPU `cpu` would. Windows are opened on it. */
  access(cpu: number): ReadAccess {
    this.#vcpu(cpu);
    return { perform: (operation) => this.#perform(cpu, operation) };
  }

  /** Entries of page tables, as this vCPU's walks read them. */
  entryReader(cpu: number): ReadPhysical {
    return this.#vcpu(cpu).memory.readEntry;
  }

  /** A copy of the vCPU's registers as they are between two of its instructions. */
  registers(cpu: number): CpuState {
    const copy = new SharedArrayBuffer(vcpuState.size);
    new Uint8Array(copy).set(this.access(cpu).perform({ kind: 'state', space: linearSpace }).bytes);
    return new CpuState(copy, 0);
  }

  #perform(cpu: number, operation: Operation): Outcome {
    let outcome = this.#piece(cpu, firstPiece(operation));
    while (outcome.ending === undefined && !finished(operation, outcome)) {
      const next = firstPiece(restOf(operation, outcome));
      outcome = joined(outcome, this.#piece(cpu, next));
    }
    return outcome;
  }

  #piece(cpu: number, operation: Operation): Outcome {
    const { reader, block } = this.#vcpu(cpu);
    // Memory itself is the same for all, whoever runs.
    if (operation.space.kind === 'physical') return reader.perform(operation);
    const end = performance.now() + longestPoll;
    for (;;) {
      if (this.#drive(holdQuiescent(this.#words, cpu))) {
        try {
          this.served.service++;
          return reader.perform(operation);
        } finally {
          this.#drive(releaseHold(this.#words, cpu));
        }
      }
      writeOperation(block, operation);
      this.#drive(postRequest(this.#words, cpu));
      if (this.#drive(collectRequest(this.#words, cpu))) {
        this.served.vcpu++;
        return readOutcome(block);
      }
      if (performance.now() > end)
        throw new MachineError('crashed', `Virtual CPU ${cpu} does not poll any more, so nothing can be read through it.`);
    }
  }

  #drive<Result>(protocol: Protocol<Result>): Result {
    const end = performance.now() + longestPoll;
    let next = protocol.next(0);
    while (next.done !== true) {
      if (next.value.op === 'wait' && performance.now() > end)
        throw new MachineError('crashed', 'A virtual CPU does not stand still any more.');
      next = protocol.next(perform(this.#control.words, next.value));
    }
    return next.value;
  }
}

/** An operation by pieces is over when a string has its NUL, or everything was read. */
function finished(operation: Operation, outcome: Outcome): boolean {
  if (operation.kind === 'string') return outcome.complete || outcome.bytes.length === operation.limit;
  return outcome.bytes.length === sizeOf(operation);
}
