/** The vCPU's side: carries out what was posted, at a poll, through the vCPU's own translations. */
import type { Cpu } from '../cpu/core.ts';
import { run } from '../machine/atomic-step.ts';
import type { MachineControl } from '../machine/control.ts';
import type { MachineMemory } from '../machine/memory.ts';
import { GuestReader } from './guest-reader.ts';
import { finishRequest, takeRequest } from './hand-over.ts';
import { handOverWords, openRequestBlock, readOperation, writeOutcome } from './request-block.ts';
import { SilentMemory, type SilentMachine } from './silent-memory.ts';

export class ReadServer {
  /** For tools on the vCPU's thread: they open windows on it. */
  readonly reader: GuestReader;
  readonly #block;
  readonly #words;

  constructor(
    private readonly cpu: number,
    memory: MachineMemory,
    private readonly control: MachineControl,
    machine: SilentMachine,
    parts: Pick<Cpu, 'state' | 'tlb'>,
  ) {
    this.reader = new GuestReader(parts.state, new SilentMemory(machine, cpu, parts.state), parts.tlb);
    this.#block = openRequestBlock(memory, cpu).block;
    this.#words = handOverWords(memory, control);
  }

  /** Platform.servePeeks. */
  serve(): void {
    const { words } = this.control;
    if (!run(words, takeRequest(this.#words, this.cpu))) return;
    try {
      writeOutcome(this.#block, this.reader.perform(readOperation(this.#block)));
    } finally {
      run(words, finishRequest(this.#words, this.cpu));
    }
  }
}
