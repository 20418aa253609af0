/** Random changes of a library, and what must be there after the program was killed in the middle of one. */
import { rmSync } from 'node:fs';
import type { HostClient } from '../../main/contract/contract.ts';
import type { LibraryEntry } from '../../main/contract/machine.ts';

interface Known {
  name: string;
  group: string | null;
  tags: string[];
  note: string;
}

/** What may have happened or not: the change that was under way. */
interface Pending {
  readonly sentence: string;
  /** The machine that may have changed into this, or be gone. */
  readonly id?: string;
  readonly after?: Known | 'gone';
  /** The name of a machine that may be there. */
  readonly made?: Known;
}

const GUEST =
  '        bits 16\n        org 0x7c00\nagain:  hlt\n        jmp again\n        times 510 - ($ - $$) db 0\n        db 0x55, 0xaa\n';
const MOST = 8;

export class LibraryWork {
  readonly known = new Map<string, Known>();
  #pending: Pending | undefined;
  #count = 0;
  /** Changes that were answered. */
  done = 0;

  constructor(private readonly random: (below: number) => number) {}

  /** Changes the library until the program dies or `stop` says so. */
  async run(client: HostClient, stop: () => boolean): Promise<void> {
    while (!stop()) await this.step(client);
  }

  private async step(client: HostClient): Promise<void> {
    const ids = [...this.known.keys()];
    const id = ids[this.random(Math.max(1, ids.length))];
    const of = id === undefined ? undefined : this.known.get(id);
    const choice = this.random(8);
    if (id === undefined || of === undefined || (choice < 2 && ids.length < MOST)) return this.create(client);
    if (choice < 4 && ids.length < MOST) return this.clone(client, id, of);
    if (choice === 4 || ids.length >= MOST) return this.remove(client, id);
    if (choice === 5) {
      const name = `Renamed ${++this.#count}`;
      return this.change(id, { ...of, name }, () => client.library.rename({ id, name }));
    }
    const after = { ...of, group: `Group ${this.random(3)}`, tags: [`tag ${this.random(5)}`], note: `Note ${++this.#count}` };
    return this.change(id, after, () => client.library.configure({ id, group: after.group, tags: after.tags, note: after.note }));
  }

  private async create(client: HostClient): Promise<void> {
    const name = `Machine ${++this.#count}`;
    const made = { name, group: null, tags: [], note: '' };
    const withDisk = this.random(2) === 0;
    const { id } = await this.doing({ sentence: `create ${name}`, made }, () =>
      client.library.create({
        name,
        memoryBytes: 1 << 20,
        source: withDisk
          ? { kind: 'drives', drives: [{ kind: 'disk', emptyBytes: 4 << 20 }] }
          : { kind: 'assembly-text', text: GUEST },
      }),
    );
    this.known.set(id, made);
  }

  private async clone(client: HostClient, id: string, of: Known): Promise<void> {
    const made = { ...of, name: `Clone ${++this.#count}` };
    const entry = await this.doing({ sentence: `clone ${id}`, made }, () => client.library.clone({ id, name: made.name }));
    this.known.set(entry.id, made);
  }

  private async remove(client: HostClient, id: string): Promise<void> {
    const what = this.random(3) === 0 ? 'machine' : 'machine-and-disks';
    const { kept, folder } = await this.doing({ sentence: `delete ${id}`, id, after: 'gone' }, () =>
      client.library.delete({ id, what }),
    );
    this.known.delete(id);
    // The person's files, of which she has had enough by now.
    if (kept.length > 0) rmSync(folder, { recursive: true });
  }

  private async change(id: string, after: Known, work: () => Promise<unknown>): Promise<void> {
    await this.doing({ sentence: `change ${id}`, id, after }, work);
    this.known.set(id, after);
  }

  private async doing<Result>(pending: Pending, work: () => Promise<Result>): Promise<Result> {
    this.#pending = pending;
    const result = await work();
    this.#pending = undefined;
    this.done++;
    return result;
  }

  /** Compares a freshly opened library with what was answered, but for its samples and one other machine. Returns what is wrong, and takes over what is there. */
  compare(entries: readonly LibraryEntry[], other: string): string[] {
    const wrong: string[] = [];
    const pending = this.#pending;
    this.#pending = undefined;
    const found = new Map<string, Known>();
    for (const entry of entries) {
      if (entry.kind === 'unreadable') wrong.push(`${entry.id} cannot be read: ${entry.problem}`);
      else if (entry.sample === null && entry.id !== other)
        found.set(entry.id, { name: entry.name, group: entry.group, tags: entry.tags, note: entry.note });
    }
    for (const [id, before] of this.known) {
      const now = found.get(id);
      const allowed = [before, ...(pending?.id === id ? [pending.after] : [])];
      if (!allowed.some((one) => (one === 'gone' ? now === undefined : same(one, now))))
        wrong.push(
          `${id} is ${JSON.stringify(now)} and was ${JSON.stringify(before)} (under way: ${pending?.sentence ?? 'nothing'})`,
        );
    }
    const strange = [...found].filter(([id]) => !this.known.has(id));
    for (const [id, now] of strange.slice(same(pending?.made, strange[0]?.[1]) ? 1 : 0))
      wrong.push(`${id} is there as ${JSON.stringify(now)}, and nobody made it (under way: ${pending?.sentence ?? 'nothing'})`);
    this.known.clear();
    for (const [id, one] of found) this.known.set(id, one);
    return wrong;
  }
}

function same(one: Known | undefined, other: Known | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
