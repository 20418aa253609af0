/** What the sides of a pair showed when somebody looked last, as small pictures. */
import { createHash } from 'node:crypto';
import type { SideName } from '../../../engine/tolerance/messages.ts';
import { encodePng, shrink } from '../picture.ts';
import type { Pair } from './pairs.ts';

interface Seen {
  readonly digest: string;
  readonly png: Uint8Array;
  readonly stamp: number;
}

export class PairPictures {
  readonly #seen: Partial<Record<SideName, Seen>> = {};

  /** True if the side shows something else than before. One that does not answer keeps what was seen of it. */
  async look(side: SideName, pair: Pick<Pair, 'picture'>): Promise<boolean> {
    const picture = await pair.picture(side);
    if (picture === undefined) return false;
    const digest = createHash('sha1').update(`${picture.width}x${picture.height}`).update(picture.rgba).digest('hex');
    if (digest === this.#seen[side]?.digest) return false;
    this.#seen[side] = { digest, png: new Uint8Array(encodePng(shrink(picture))), stamp: Date.now() };
    return true;
  }

  png(side: SideName): Uint8Array | undefined {
    return this.#seen[side]?.png;
  }

  /** Another number for each picture; null where nothing was seen. */
  stamp(side: SideName): number | null {
    return this.#seen[side]?.stamp ?? null;
  }
}
