import type { Machine } from '../../engine/machine/machine.ts';
import { askPeek } from '../../engine/peek/client.ts';
import type { DescriptorTableName } from '../../engine/peek/descriptor-tables.ts';
import { describeEnding, linearSpace } from '../../engine/peek/operation.ts';
import { importDwarf } from '../../engine/peek/structures/dwarf/import.ts';
import { importIsf } from '../../engine/peek/structures/isf.ts';
import { profileOf, profiles } from '../../engine/peek/structures/profiles/profiles.ts';
import { parseTypes } from '../../engine/peek/structures/text.ts';
import { StructureError, type GuestSymbol, type TypeSet } from '../../engine/peek/structures/types.ts';
import type { ChipFactsMessage } from '../contract/chips.ts';
import type { DescriptorTableMessage } from '../contract/descriptors.ts';
import type { FrameMappingsMessage, PageWalkMessage } from '../contract/page-walk.ts';
import type { PeekExpression, PeekOperation, PeekOutcome, PeekProfile, PeekResult, PeekSpace } from '../contract/peek.ts';
import { chipFactsMessage, descriptorTableMessage, pageWalkMessage } from './peek-messages.ts';
import { HostError } from './errors.ts';

/** What live and single reads need of the host. */
export interface PeekParts {
  /** Asks the machine that is on; throws HostError. */
  ask<Answer>(id: string, question: (machine: Machine) => Promise<Answer>): Promise<Answer>;
  /** Labels of the source that the machine is made of; none for others. */
  labels(id: string): Promise<ReadonlyMap<string, number>>;
  readFile(path: string): Promise<Uint8Array>;
  /** "name+0x12" of a linear address of the machine that is on. */
  symbolAt(id: string, address: number): string | null;
}

interface Evaluation {
  id: string;
  cpu?: number | undefined;
  profile?: string | undefined;
  expressions: PeekExpression[];
}

type WatchEvent = { kind: 'result'; index: number; result: PeekResult } | { kind: 'off' };
type FileSource = { kind: 'path'; path: string } | { kind: 'bytes'; name: string; bytes: Uint8Array };

/** Types alone, for expressions that need none of a profile. */
const plainProfile = 'plain';
const mostFound = 200;
const elfMagic = [0x7f, 0x45, 0x4c, 0x46];
/** Symbol files of Linux kernels have some 30 MB, kernels with debugging information some hundreds. */
export const TYPES_LIMIT = 1024 * 1024 * 1024;

/** Reads of guest memory, and the types that each machine is looked at with. Main thread. */
export class Peeks {
  readonly #loaded = new Map<string, Map<string, TypeSet>>();
  /** Which machine (a new one at each start) already has which set. */
  readonly #given = new WeakMap<Machine, Map<string, TypeSet>>();
  readonly #built = new Map<string, TypeSet>();

  constructor(private readonly parts: PeekParts) {}

  async read(input: {
    id: string;
    cpu?: number | undefined;
    space: PeekSpace;
    user?: boolean | undefined;
    operation: PeekOperation;
  }): Promise<PeekOutcome> {
    const operation = { ...input.operation, space: input.space, ...(input.user === undefined ? {} : { user: input.user }) };
    const { bytes, pointers, complete, ending } = await this.parts.ask(input.id, (machine) =>
      askPeek(machine, 'read', { cpu: input.cpu ?? 0, operation }),
    );
    return {
      bytes,
      pointers: [...pointers],
      complete,
      fault: ending?.kind === 'fault' ? { vector: ending.vector, code: ending.code, address: ending.address } : null,
      problem: ending === undefined ? null : describeEnding(ending),
    };
  }

  async walk({
    id,
    cpu,
    address,
    cr3,
  }: {
    id: string;
    cpu?: number | undefined;
    address: number;
    cr3?: number | undefined;
  }): Promise<PageWalkMessage> {
    const { walk, bytes } = await this.parts.ask(id, (machine) =>
      askPeek(machine, 'walk', { cpu: cpu ?? 0, cr3, linear: address }),
    );
    return pageWalkMessage(walk, bytes);
  }

  async mappings({
    id,
    cpu,
    physical,
    cr3,
  }: {
    id: string;
    cpu?: number | undefined;
    physical: number;
    cr3?: number | undefined;
  }): Promise<FrameMappingsMessage> {
    const answer = await this.parts.ask(id, (machine) => askPeek(machine, 'mappings', { cpu: cpu ?? 0, cr3, physical }));
    return { ...answer, mappings: [...answer.mappings] };
  }

  async descriptors({
    id,
    cpu,
    table,
  }: {
    id: string;
    cpu?: number | undefined;
    table: DescriptorTableName;
  }): Promise<DescriptorTableMessage> {
    const found = await this.parts.ask(id, (machine) => askPeek(machine, 'descriptors', { cpu: cpu ?? 0, table }));
    return descriptorTableMessage(found, (address) => this.parts.symbolAt(id, address));
  }

  async chips(id: string): Promise<ChipFactsMessage[]> {
    const chips = await this.parts.ask(id, (machine) => askPeek(machine, 'chips', {}));
    return chips.map(chipFactsMessage);
  }

  // Types

  async profiles(id: string): Promise<PeekProfile[]> {
    const labels = await this.parts.labels(id);
    const shipped = profiles.map(({ id: profile }) => this.#describe(profile, withLabels(this.#shipped(profile), labels), false));
    const loaded = [...(this.#loaded.get(id) ?? [])].map(([profile, set]) => this.#describe(profile, set, true));
    return [...shipped, ...loaded];
  }

  #shipped(id: string): TypeSet {
    let set = this.#built.get(id);
    if (set === undefined) {
      set = parseTypes(id === plainProfile ? '' : profileOf(id).types);
      this.#built.set(id, set);
    }
    return set;
  }

  #describe(id: string, set: TypeSet, loaded: boolean): PeekProfile {
    const known = profiles.find((profile) => profile.id === viewsOf(id, set));
    const views = (known?.views ?? []).map(({ name, expression, description, physical, follow }) => ({
      name,
      expression,
      description,
      physical: physical === true,
      follow: follow ?? 0,
    }));
    return { id, title: loaded ? id : (known?.title ?? id), loaded, types: set.types.size, symbols: set.symbols.size, views };
  }

  async load(id: string, profile: string, file: FileSource): Promise<PeekProfile> {
    if (profiles.some((known) => known.id === profile) || profile === plainProfile)
      throw new HostError('CONFLICT', `A profile named ${profile} ships with Vitrine; choose another name.`);
    const name = file.kind === 'path' ? file.path : file.name;
    const bytes = file.kind === 'path' ? await this.parts.readFile(file.path) : file.bytes;
    const set = refusing(name, () => importTypes(bytes));
    const sets = this.#loaded.get(id) ?? new Map<string, TypeSet>();
    sets.set(profile, set);
    this.#loaded.set(id, sets);
    return this.#describe(profile, set, true);
  }

  unload(id: string, profile: string): void {
    if (this.#loaded.get(id)?.delete(profile) !== true)
      throw new HostError('NOT_FOUND', `No profile named ${profile} was loaded for this machine.`);
  }

  async #set(id: string, profile: string): Promise<TypeSet> {
    const loaded = this.#loaded.get(id)?.get(profile);
    if (loaded === undefined && profile !== plainProfile && !profiles.some((known) => known.id === profile)) {
      const names = [...profiles.map((known) => known.id), ...(this.#loaded.get(id)?.keys() ?? [])];
      throw new HostError('NOT_FOUND', `There is no profile ${profile}; there are ${names.join(', ')}.`);
    }
    return withLabels(loaded ?? this.#shipped(profile), await this.parts.labels(id));
  }

  async search(id: string, profile: string | undefined, text: string) {
    const set = await this.#set(id, profile ?? plainProfile);
    const wanted = text.toLowerCase();
    const matches = (name: string) => name.toLowerCase().includes(wanted);
    const types = [...set.types.keys()].filter(matches).slice(0, mostFound);
    const symbols = [...set.symbols].filter(([name]) => matches(name)).slice(0, mostFound);
    return { types, symbols: symbols.map(([name, { address }]) => ({ name, address })) };
  }

  // Evaluation

  async evaluate({
    id,
    cpu,
    profile = plainProfile,
    expressions,
    frozen = false,
  }: Evaluation & { frozen?: boolean | undefined }): Promise<PeekResult[]> {
    const set = await this.#set(id, profile);
    const items = expressions.map(({ expression, space, user, follow, limit }) => ({
      name: expression,
      expression,
      options: {
        space: space ?? linearSpace,
        ...(user === undefined ? {} : { user }),
        ...(follow === undefined ? {} : { follow }),
        ...(limit === undefined ? {} : { mostElements: limit }),
      },
    }));
    const results = await this.parts.ask(id, async (machine) => {
      await this.#give(machine, profile, set);
      return askPeek(machine, 'evaluate', { cpu: cpu ?? 0, types: profile, items, frozen });
    });
    // A tree of the engine is read-only; what crosses is a copy anyway.
    return results.map((result) =>
      result.kind === 'value'
        ? { kind: 'value', node: structuredClone(result.node) as Extract<PeekResult, { kind: 'value' }>['node'] }
        : { kind: 'error', message: result.message, ...(result.column === undefined ? {} : { column: result.column }) },
    );
  }

  /** Types cross to the machine once. */
  async #give(machine: Machine, profile: string, set: TypeSet): Promise<void> {
    const given = this.#given.get(machine) ?? new Map<string, TypeSet>();
    this.#given.set(machine, given);
    if (given.get(profile) === set && (await askPeek(machine, 'knows', { id: profile }))) return;
    const notes = viewsOf(profile, set);
    await askPeek(machine, 'types', {
      id: profile,
      set,
      profile: profiles.some((known) => known.id === notes) ? notes : undefined,
    });
    given.set(profile, set);
  }

  async *watch(input: Evaluation & { interval: number }, signal?: AbortSignal): AsyncGenerator<WatchEvent, void, void> {
    // What makes no sense at all is refused at once.
    await this.#set(input.id, input.profile ?? plainProfile);
    let known: string[] = [];
    let isOff = false;
    while (signal?.aborted !== true) {
      let results: PeekResult[] | undefined;
      try {
        results = await this.evaluate(input);
      } catch (error) {
        if (!(error instanceof HostError) || error.code !== 'WRONG_STATE') throw error;
      }
      if (results === undefined) {
        if (!isOff) yield { kind: 'off' };
        isOff = true;
        known = [];
      } else {
        isOff = false;
        for (const [index, result] of results.entries()) {
          const text = JSON.stringify(result);
          if (known[index] === text) continue;
          known[index] = text;
          yield { kind: 'result', index, result };
        }
      }
      await pause(input.interval, signal);
    }
  }
}

/** Resolves after so many milliseconds, or when the signal is aborted. */
function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { once: true });
    if (signal?.aborted) done();
  });
}

/** A kernel's own types bring the views of its kind. */
function viewsOf(profile: string, set: TypeSet): string {
  return set.types.has('struct task_struct') && set.symbols.has('init_task') ? 'linux' : profile;
}

const labelled = new WeakMap<TypeSet, { labels: ReadonlyMap<string, number>; set: TypeSet }>();

/** The set with the machine's own labels as symbols; the same object for the same two. */
function withLabels(set: TypeSet, labels: ReadonlyMap<string, number>): TypeSet {
  if (labels.size === 0) return set;
  const known = labelled.get(set);
  if (known?.labels === labels) return known.set;
  const symbols = new Map<string, GuestSymbol>([...labels].map(([name, address]) => [name, { address, type: undefined }]));
  for (const [name, symbol] of set.symbols) symbols.set(name, symbol);
  const made = { ...set, symbols };
  labelled.set(set, { labels, set: made });
  return made;
}

function importTypes(bytes: Uint8Array): TypeSet {
  if (elfMagic.every((byte, index) => bytes[index] === byte)) return importDwarf(bytes);
  const text = new TextDecoder().decode(bytes);
  return text.trimStart().startsWith('{') ? importIsf(text) : parseTypes(text);
}

function refusing<Result>(name: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    const place = error.place === undefined ? '' : `:${error.place.line}:${error.place.column}`;
    throw new HostError('BAD_INPUT', `${name}${place}: ${error.message}`, { cause: error });
  }
}
