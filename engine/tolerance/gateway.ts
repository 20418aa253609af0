/**
 * The gateway as a pure state machine: numbers what clients say, keeps it until no side needs it any more, and gives clients each byte of
 * output once, from whoever may speak.
 */
import { other, type FromGateway, type SideName, type ToGateway } from './messages.ts';

export interface GatewayState {
  /** The newest term anyone has spoken under. */
  term: number;
  /** Number of the first input that is kept. */
  base: number;
  inputs: unknown[];
  /** By side that takes part: it needs no input before `kept`, and was sent those before `sent`. */
  members: Partial<Record<SideName, { kept: number; sent: number }>>;
  /** By channel: clients have been given everything before this offset. */
  delivered: Record<string, number>;
}

export type GatewayAction =
  | { readonly kind: 'toSide'; readonly side: SideName; readonly message: FromGateway }
  | { readonly kind: 'deliver'; readonly side: SideName; readonly channel: string; readonly offset: number; readonly bytes: Uint8Array };

export function startingGateway(channels: readonly string[]): GatewayState {
  return { term: 0, base: 0, inputs: [], members: {}, delivered: Object.fromEntries(channels.map((name) => [name, 0])) };
}

export class Gateway {
  #actions: GatewayAction[] = [];

  constructor(readonly state: GatewayState) {}

  /** A client, or a person at the console, said something. */
  input(input: unknown): GatewayAction[] {
    this.state.inputs.push(input);
    this.#sendInputs();
    return this.#taken();
  }

  fromSide(side: SideName, message: ToGateway): GatewayAction[] {
    const { state } = this;
    switch (message.kind) {
      case 'share':
        if (!this.#mayRaise(side, message.term)) break;
        this.#memberOf(side);
        this.#memberOf(other(side));
        this.#toSide(side, { kind: 'shared', term: message.term });
        break;
      case 'applied': {
        const member = state.members[side];
        if (member === undefined) break;
        member.kept = Math.max(member.kept, message.kept);
        this.#forget();
        break;
      }
      case 'rewound': {
        const member = state.members[side];
        // One that takes part no more: it would keep every input from being forgotten.
        if (member === undefined) break;
        member.sent = Math.max(state.base, message.next);
        this.#tellDelivered(side);
        break;
      }
      case 'alone':
        if (!this.#mayRaise(side, message.term)) break;
        this.#memberOf(side);
        // Also one that was to join under this term, and is gone.
        delete state.members[other(side)];
        this.#forget();
        break;
      case 'output':
        if (this.#mayRaise(side, message.term)) this.#deliver(side, message);
        break;
    }
    this.#sendInputs();
    return this.#taken();
  }

  /** Says everything again that may have been lost. */
  retry(): GatewayAction[] {
    for (const [side, member] of this.#members()) {
      member.sent = Math.max(this.state.base, member.kept);
      this.#tellDelivered(side);
    }
    this.#sendInputs();
    return this.#taken();
  }

  #members(): [SideName, { kept: number; sent: number }][] {
    return (['a', 'b'] as const).flatMap((side) => {
      const member = this.state.members[side];
      return member === undefined ? [] : [[side, member] as [SideName, typeof member]];
    });
  }

  #memberOf(side: SideName): { kept: number; sent: number } {
    return (this.state.members[side] ??= { kept: this.state.base, sent: this.state.base });
  }

  /** False for a side that speaks under a term that is over; it is told. A newer term ends the other's part. */
  #mayRaise(side: SideName, term: number): boolean {
    const { state } = this;
    if (term < state.term) {
      this.#toSide(side, { kind: 'outdated', term: state.term });
      return false;
    }
    if (term > state.term) {
      state.term = term;
      delete state.members[other(side)];
      this.#forget();
    }
    return true;
  }

  #deliver(side: SideName, { channel, offset, bytes }: Extract<ToGateway, { kind: 'output' }>): void {
    const { delivered } = this.state;
    const at = delivered[channel];
    // A gap is filled by who says it again.
    if (at === undefined || offset > at) return;
    const fresh = bytes.subarray(at - offset);
    if (fresh.length > 0) {
      delivered[channel] = at + fresh.length;
      this.#actions.push({ kind: 'deliver', side, channel, offset: at, bytes: fresh });
    }
    for (const [member] of this.#members()) this.#toSide(member, { kind: 'delivered', channel, offset: delivered[channel] ?? 0 });
  }

  #tellDelivered(side: SideName): void {
    for (const [channel, offset] of Object.entries(this.state.delivered)) this.#toSide(side, { kind: 'delivered', channel, offset });
  }

  #forget(): void {
    const { state } = this;
    const kept = this.#members().map(([, member]) => member.kept);
    if (kept.length === 0) return;
    const least = Math.min(...kept);
    if (least <= state.base) return;
    state.inputs.splice(0, least - state.base);
    state.base = least;
  }

  #sendInputs(): void {
    const { state } = this;
    const end = state.base + state.inputs.length;
    for (const [side, member] of this.#members()) {
      for (; member.sent < end; member.sent++) {
        this.#toSide(side, { kind: 'input', sequence: member.sent, input: state.inputs[member.sent - state.base] });
      }
    }
  }

  #toSide(side: SideName, message: FromGateway): void {
    this.#actions.push({ kind: 'toSide', side, message });
  }

  #taken(): GatewayAction[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }
}
