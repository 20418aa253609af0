/** The reader of one machine on its service worker: answers the main thread's questions. */
import { pagingStateOf, withRoot, type PagingState } from '../cpu/inspection.ts';
import type { CpuState } from '../cpu/registers.ts';
import type { ChipFacts } from '../layout/facts.ts';
import type { MachineControl } from '../machine/control.ts';
import { MachineError, type MachineState } from '../machine/machine.ts';
import type { MachineMemory } from '../machine/memory.ts';
import { readDescriptorTable } from './descriptor-tables.ts';
import { operationProblem, physicalSpace } from './operation.ts';
import { mappingsOf, pagingModeOf, walkPage, type FrameMapping } from './page-walk.ts';
import type { EvaluationItem, EvaluationResult, MappingsAnswer, PeekQuestion, Questions, WalkAnswer } from './questions.ts';
import { ReadService } from './read-service.ts';
import { registerOf } from './registers.ts';
import type { SilentMachine } from './silent-memory.ts';
import { Evaluator } from './structures/evaluate.ts';
import { parseExpression } from './structures/expression.ts';
import { profileOf } from './structures/profiles/profiles.ts';
import { StructureError, type TypeSet } from './structures/types.ts';
import { withWindow } from './window.ts';

export interface ToolParts {
  readonly name: string;
  readonly memory: MachineMemory;
  readonly control: MachineControl;
  readonly machine: SilentMachine;
  state(): MachineState;
  inspectChips(): ChipFacts[];
  whileStopped<Result>(body: () => Result): Result;
}

/** Bytes shown of what a walk leads to. */
const rowBytes = 16;
/** Linear addresses of one frame. */
const mostMappings = 4096;
/** Milliseconds of searching before others have their turn. */
const longestSlice = 2;
/** Sets of types that a machine keeps. */
const mostSets = 16;

export class PeekTool {
  readonly reads: ReadService;
  readonly #sets = new Map<string, { set: TypeSet; profile: string | undefined }>();

  constructor(private readonly parts: ToolParts) {
    this.reads = new ReadService(parts.memory, parts.control, parts.machine);
  }

  /** Throws MachineError: the machine is off, there is no such vCPU, the operation cannot be. */
  answer(question: PeekQuestion): Questions[keyof Questions]['answer'] | Promise<MappingsAnswer> {
    switch (question.name) {
      case 'read': {
        this.#requireOn();
        const { cpu, operation } = question.question;
        const problem = operationProblem(operation);
        if (problem !== undefined) throw new MachineError('bad-configuration', problem);
        return withWindow(this.reads.access(cpu), { kind: 'report' }, (window) => window.read(operation));
      }
      case 'types': {
        const { id, set, profile } = question.question;
        this.#sets.delete(id);
        this.#sets.set(id, { set, profile });
        for (const oldest of this.#sets.keys()) {
          if (this.#sets.size <= mostSets) break;
          this.#sets.delete(oldest);
        }
        return undefined;
      }
      case 'knows':
        return this.#sets.has(question.question.id);
      case 'evaluate':
        return this.#evaluate(question.question);
      case 'walk':
        return this.#walk(question.question);
      case 'descriptors': {
        this.#requireOn();
        const { cpu, table } = question.question;
        return readDescriptorTable(this.reads.registers(cpu), this.reads.access(cpu), table);
      }
      case 'chips':
        this.#requireOn();
        return this.parts.inspectChips();
      case 'mappings':
        return this.#mappings(question.question);
    }
  }

  /** The vCPU's paging, or the same modes with the tables at another CR3. */
  #paging(cpu: number, cr3: number | undefined): PagingState {
    const paging = pagingStateOf(this.reads.registers(cpu));
    return cr3 === undefined ? paging : withRoot(paging, cr3, this.reads.entryReader(cpu));
  }

  #walk({ cpu, cr3, linear }: Questions['walk']['question']): WalkAnswer {
    this.#requireOn();
    const walk = walkPage(this.#paging(cpu, cr3), this.reads.entryReader(cpu), linear, cr3 === undefined);
    const { physical } = walk;
    if (physical === undefined) return { walk, bytes: undefined };
    const length = rowBytes - (physical % rowBytes);
    return { walk, bytes: this.reads.access(cpu).perform({ kind: 'read', space: physicalSpace, address: physical, length }) };
  }

  /** In slices: the service worker has timers to serve. */
  async #mappings({ cpu, cr3, physical }: Questions['mappings']['question']): Promise<MappingsAnswer> {
    this.#requireOn();
    const paging = this.#paging(cpu, cr3);
    const found: FrameMapping[] = [];
    let end = performance.now() + longestSlice;
    for (const some of mappingsOf(paging, this.reads.entryReader(cpu), physical)) {
      found.push(...some);
      if (found.length > mostMappings) break;
      if (performance.now() < end) continue;
      await new Promise((resolve) => setImmediate(resolve));
      end = performance.now() + longestSlice;
    }
    const mappings = found.slice(0, mostMappings);
    return { mode: pagingModeOf(paging), cr3: paging.cr3, mappings, isCut: found.length > mostMappings };
  }

  #requireOn(): void {
    if (this.parts.state() !== 'off') return;
    throw new MachineError('wrong-state', `The machine ${this.parts.name} is off, so there is no memory to read.`);
  }

  #evaluate({ cpu, types, items, frozen }: Questions['evaluate']['question']): EvaluationResult[] {
    this.#requireOn();
    const kept = this.#sets.get(types);
    if (kept === undefined) throw new MachineError('bad-configuration', `No types are kept under the name ${types}.`);
    const note = kept.profile === undefined ? undefined : profileOf(kept.profile).note;
    const body = () => items.map((item) => this.#evaluateOne(cpu, kept.set, note, item));
    return frozen ? this.parts.whileStopped(body) : body();
  }

  #evaluateOne(
    cpu: number,
    set: TypeSet,
    note: ((type: string, bytes: Uint8Array) => string | undefined) | undefined,
    item: EvaluationItem,
  ): EvaluationResult {
    let state: CpuState | undefined;
    try {
      const expression = parseExpression(item.expression, set);
      return withWindow(this.reads.access(cpu), { kind: 'report' }, (window) => {
        const read = window.read.bind(window);
        const evaluator = new Evaluator(
          set,
          { read, note, register: (name) => registerOf((state ??= this.reads.registers(cpu)), read, name) },
          item.options,
        );
        return { kind: 'value', node: evaluator.evaluate(expression, item.name) };
      });
    } catch (error) {
      if (!(error instanceof StructureError)) throw error;
      return { kind: 'error', message: error.message, column: error.place?.column };
    }
  }
}
