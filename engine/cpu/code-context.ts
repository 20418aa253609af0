/** The numbers that stand for code contexts in `codeContext`. Local to a vCPU's thread and derived: dropped with the decoded code. */
import type { CodeContext } from '../execute/code-fetch.ts';

/** What decoded code depends on besides its bytes, and who may fetch it. */
interface KnownContext extends CodeContext {
  readonly id: number;
  /** CPL is 3: keeps what the supervisor may fetch apart from what the user may, so that a system call flushes nothing. */
  readonly user: boolean;
  /** Decoded in SMM, where SMRAM is seen: its records and those of what lies over it are kept apart. */
  readonly smm: boolean;
}

const buckets = 1024;
/** Real-mode code that loads CS with ever new values must not grow the table without end. */
const maximumContexts = 8192;

export class CodeContexts {
  readonly #heads = new Int32Array(buckets).fill(-1);
  readonly #next: number[] = [];
  readonly #list: KnownContext[] = [];

  /** The number of this combination; the same as long as `clear` is not called. */
  identify(base: number, limit: number, big: boolean, single: boolean, user: boolean, smm: boolean): number {
    const slot = ((base >>> 4) ^ (base >>> 14) ^ limit ^ (big ? 1 : 0) ^ (single ? 2 : 0) ^ (user ? 4 : 0) ^ (smm ? 8 : 0)) & (buckets - 1);
    for (let id = this.#heads[slot]!; id >= 0; id = this.#next[id]!) {
      const known = this.#list[id]!;
      if (known.base === base && known.limit === limit && known.big === big && known.single === single && known.user === user && known.smm === smm) return id;
    }
    const id = this.#list.length;
    this.#list.push({ id, base, limit, big, single, user, smm });
    this.#next.push(this.#heads[slot]!);
    this.#heads[slot] = id;
    return id;
  }

  get full(): boolean {
    return this.#list.length >= maximumContexts;
  }

  /** Throws RangeError for a number that was never given out. */
  context(id: number): CodeContext {
    const found = this.#list[id];
    if (found === undefined) throw new RangeError(`There is no code context ${id}.`);
    return found;
  }

  /** Forgets all numbers; only together with all decoded code. */
  clear(): void {
    this.#heads.fill(-1);
    this.#next.length = 0;
    this.#list.length = 0;
  }
}
