/** Whether a side may speak: its lease, whether it reaches clients, and what the other side says of the same. docs/decisions/0027. */
import type { Lease } from '../../../engine/tolerance/lease.ts';
import type { SideAction } from '../../../engine/tolerance/messages.ts';
import type { Side } from '../../../engine/tolerance/side.ts';
import type { PairDescription } from './folder.ts';
import type { Link } from './link.ts';
import type { SideRecord } from './side-record.ts';

/** What it needs of its side. */
export interface VoiceParts {
  readonly pair: Pick<PairDescription, 'home' | 'deadAfter' | 'lease'>;
  readonly side: Pick<Side, 'state' | 'fenced' | 'repeat'>;
  readonly lease: Lease;
  readonly record: Pick<SideRecord, 'note'>;
  gateway(): Pick<Link, 'send' | 'silence'> | undefined;
  peer(): Pick<Link, 'send'> | undefined;
  perform(actions: readonly SideAction[]): void;
}

export class Voice {
  #leaseAt: number | undefined;
  /** Since when the lease cannot be proved. */
  #unproven: number | undefined;
  /** Primary: since when nothing can leave, for want of the gateway or of a proof. */
  #muteSince: number | undefined;
  /** What the other was told of `#canServe`. */
  #told: boolean | undefined;
  /** What the other side says of itself. */
  peerCanServe = false;

  constructor(private readonly parts: VoiceParts) {}

  /** A gateway on another host says all the time that it is there. */
  get #hasGateway(): boolean {
    const { pair } = this.parts;
    const gateway = this.parts.gateway();
    return gateway !== undefined && (pair.home === null || gateway.silence < pair.deadAfter / 2);
  }

  get #canServe(): boolean {
    return this.#hasGateway && this.parts.lease.isReachable;
  }

  /** Milliseconds since the lease was certain last. */
  leaseAge(now: number): number | null {
    return this.#leaseAt === undefined ? null : Math.round(now - this.#leaseAt);
  }

  /** Another side has joined, which was told nothing. */
  metPeer(): void {
    this.#told = undefined;
    this.peerCanServe = false;
  }

  /** Tells the other side whether this one could serve, when that has changed. */
  tellReach(): void {
    const canServe = this.#canServe;
    if (canServe === this.#told) return;
    this.#told = canServe;
    this.parts.peer()?.send({ kind: 'reach', canServe });
  }

  async acquire(term: number): Promise<boolean> {
    const { pair, lease } = this.parts;
    // Who reaches no client leaves the term to who may: the other, if it is there.
    const after = term > 1 && !this.#hasGateway ? 2 * pair.deadAfter + (pair.lease.kind === 'etcd' ? 2 * pair.lease.validity : 0) : 0;
    const has = await lease.acquire(term, after);
    if (has) this.#leaseAt = performance.now();
    return has;
  }

  /** Output leaves only under a lease that is certain at this moment. */
  release(message: Extract<SideAction, { kind: 'release' }>['message']): void {
    const { lease, side } = this.parts;
    switch (lease.standing(message.term)) {
      case 'held':
        this.#leaseAt = performance.now();
        this.parts.gateway()?.send(message);
        return;
      case 'unproven':
        this.#unproven ??= performance.now();
        return;
      case 'lost':
        this.parts.perform(side.fenced());
    }
  }

  /** What time brings, at `now`. `isProtected`: the secondary has had a state. */
  look(now: number, isProtected: boolean): void {
    this.#lookAtLease(now);
    this.#standDown(now, isProtected);
    this.tellReach();
  }

  /** Looks whether the lease has come back, or is gone, since something was held for it. */
  #lookAtLease(now: number): void {
    const { lease, side, record } = this.parts;
    const { role, mode, term } = side.state;
    if (role !== 'primary' || (mode !== 'alone' && mode !== 'together')) return;
    const standing = lease.standing(term);
    if (standing === 'lost') this.parts.perform(side.fenced());
    else if (standing === 'unproven') this.#unproven ??= now;
    else if (this.#unproven !== undefined) {
      record.note(`The lease was not certain for ${Math.round(now - this.#unproven)} ms; what was held leaves now.`);
      this.#unproven = undefined;
      this.parts.perform(side.repeat());
    }
  }

  /** A primary that can say nothing for as long as a silent one is borne leaves the field to a secondary that could. It says nothing from then on. */
  #standDown(now: number, isProtected: boolean): void {
    const { pair, lease, side, record } = this.parts;
    const { role, mode, term, sync } = side.state;
    const isMute = role === 'primary' && mode === 'together' && (!this.#hasGateway || lease.standing(term) === 'unproven');
    if (!isMute) {
      this.#muteSince = undefined;
      return;
    }
    this.#muteSince ??= now;
    if (!isProtected || sync !== undefined || !this.peerCanServe || now - this.#muteSince < pair.deadAfter) return;
    record.note('It cannot reach clients, or prove its lease, and the other side can: it leaves the field.');
    this.parts.perform(side.fenced());
  }
}
