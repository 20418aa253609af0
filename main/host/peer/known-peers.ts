/** The hosts that a library trusts, by the fingerprints of their certificates. A file each, so that no program overwrites what another has added. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../atomic-file.ts';
import { nodeDisk } from '../disk.ts';
import { HostError, isSystemError } from '../errors.ts';
import { peerFolder } from './identity.ts';

export const fingerprintSchema = z.string().regex(/^[0-9a-f]{64}$/u);
export const peerNameSchema = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u);

const knownPeer = z.strictObject({
  version: z.literal(1),
  name: peerNameSchema,
  fingerprint: fingerprintSchema,
  /** Where it listens; null: it came to us, and we have not been told. */
  address: z.strictObject({ host: z.string().min(1).max(255), port: z.int().min(1).max(65535) }).nullable(),
});

export type KnownPeer = z.infer<typeof knownPeer>;

export class KnownPeers {
  readonly #folder: string;

  constructor(library: string) {
    this.#folder = join(peerFolder(library), 'known');
  }

  #file(fingerprint: string): string {
    return join(this.#folder, `${fingerprint}.json`);
  }

  /** By name. Throws HostError when one of the files is damaged: nobody is trusted by guess. */
  list(): KnownPeer[] {
    let names: string[];
    try {
      names = readdirSync(this.#folder);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return [];
      throw error;
    }
    const peers = names.flatMap((name) => {
      const fingerprint = /^([0-9a-f]{64})\.json$/u.exec(name)?.[1];
      const peer = fingerprint === undefined ? undefined : this.get(fingerprint);
      return peer === undefined ? [] : [peer];
    });
    return peers.sort((one, two) => (one.name < two.name ? -1 : 1));
  }

  get(fingerprint: string): KnownPeer | undefined {
    const file = this.#file(fingerprintSchema.parse(fingerprint));
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw error;
    }
    try {
      const peer = knownPeer.parse(JSON.parse(text));
      if (peer.fingerprint !== fingerprint) throw new RangeError('another fingerprint');
      return peer;
    } catch (error) {
      throw new HostError('BROKEN', `${file} is damaged.`, { cause: error });
    }
  }

  /** By the name that it was given here. */
  named(name: string): KnownPeer {
    const peer = this.list().find((one) => one.name === name);
    if (peer === undefined) throw new HostError('NOT_FOUND', `There is no peer named ${name}; "vitrine peer list" shows what there is.`);
    return peer;
  }

  /** Who is known already keeps its name; a new one gets the next free form of the name that it wants. */
  async add(wanted: string, fingerprint: string, address: KnownPeer['address']): Promise<KnownPeer> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const all = this.list();
    const known = all.find((one) => one.fingerprint === fingerprint);
    let name = known?.name ?? wanted;
    for (let number = 2; known === undefined && all.some((one) => one.name === name); number++) name = `${wanted.slice(0, 58)}-${number}`;
    const peer = knownPeer.parse({ version: 1, name, fingerprint, address: address ?? known?.address ?? null });
    await writeAtomically(nodeDisk, this.#file(fingerprint), Buffer.from(`${JSON.stringify(peer, undefined, 2)}\n`));
    return peer;
  }

  remove(name: string): void {
    rmSync(this.#file(this.named(name).fingerprint));
  }
}
