/**
 * What the three processes of a pair tell each other. Every message may be lost, late, or come twice: each says where in its stream it
 * belongs, and what is known already is left out.
 */
import type { OutputLog } from './output-log.ts';

export type SideName = 'a' | 'b';

export function other(name: SideName): SideName {
  return name === 'a' ? 'b' : 'a';
}

/** A machine's state on its way, with what of its streams belongs to it. The state itself is the runtime's: the protocol never looks inside. */
export interface Checkpoint {
  /** Counts the checkpoints of the pair. */
  readonly generation: number;
  /** Of the primary: the one that takes over asks for the next. */
  readonly term: number;
  /** The first input that the state has not taken. */
  readonly input: number;
  /** Output of the state that the gateway has not confirmed. */
  readonly channels: Readonly<Record<string, OutputLog>>;
  /** The secondary stands still until the next one: outputs are not compared, only committed. */
  readonly periodic: boolean;
  readonly state: unknown;
}

/** Gateway to a side. */
export type FromGateway =
  /** From now on inputs are kept for the other side too. */
  | { readonly kind: 'shared'; readonly term: number }
  | { readonly kind: 'input'; readonly sequence: number; readonly input: unknown }
  /** The client has been given everything before `offset`. */
  | { readonly kind: 'delivered'; readonly channel: string; readonly offset: number }
  /** Somebody speaks under a newer term. */
  | { readonly kind: 'outdated'; readonly term: number };

/** A side to the gateway. */
export type ToGateway =
  /** The other side is about to get a state from this one, which speaks under `term`: inputs are to be kept for it too. */
  | { readonly kind: 'share'; readonly term: number }
  /** Inputs before `kept` are not needed any more; `next` is the one that is wanted now. */
  | { readonly kind: 'applied'; readonly kept: number; readonly next: number }
  /** The same, from somebody whose state went back: what was sent before is to be sent again. */
  | { readonly kind: 'rewound'; readonly next: number }
  /** This side speaks alone under `term`; the other's needs count no more. */
  | { readonly kind: 'alone'; readonly term: number }
  | { readonly kind: 'output'; readonly term: number; readonly channel: string; readonly offset: number; readonly bytes: Uint8Array };

/** A side to the other. */
export type ToPeer =
  /** A secondary without a state. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint }
  | { readonly kind: 'committed'; readonly generation: number }
  /** The secondary's output. */
  | { readonly kind: 'produced'; readonly generation: number; readonly channel: string; readonly offset: number; readonly bytes: Uint8Array }
  /** The checkpoint was damaged on its way; nothing of it was used. */
  | { readonly kind: 'refused'; readonly generation: number }
  /** The primary has inputs before `input` in every state that may still come in this generation. */
  | { readonly kind: 'progress'; readonly generation: number; readonly input: number };

/** First difference of a stream, for people. */
export interface Divergence {
  readonly channel: string;
  readonly offset: number;
  /** What both have said right before, as far as it is still known. */
  readonly before: Uint8Array;
  /** From `offset` on. */
  readonly primary: Uint8Array;
  readonly secondary: Uint8Array;
}

/** What a side wants done, in this order. */
export type SideAction =
  | { readonly kind: 'toPeer'; readonly message: ToPeer }
  | { readonly kind: 'toGateway'; readonly message: ToGateway }
  /**
   * To the gateway as well; the lease is looked at first, and the side told `fenced` when its term is not the last one. What cannot be proved now is left out; the
   * side is told `repeat` when it can.
   */
  | { readonly kind: 'release'; readonly message: Extract<ToGateway, { kind: 'output' }> }
  /** Give this input to the machine. */
  | { readonly kind: 'apply'; readonly sequence: number; readonly input: unknown }
  /** Have the other machine stand still, and this one when little is left to be sent; tell by `snapped` when its state is copied, and by `captured` when it can be sent. */
  | { readonly kind: 'capture'; readonly generation: number; readonly full: boolean }
  /** A capture that is under way is of no use any more. */
  | { readonly kind: 'abandon' }
  /** Check the checkpoint and replace the machine's state in one step; then tell by `committed`, or by `refused` when nothing was changed. */
  | { readonly kind: 'commit'; readonly checkpoint: Checkpoint }
  /** Ask the lease for a term; then tell by `leased`. */
  | { readonly kind: 'acquire'; readonly term: number }
  /** This side goes on alone. Of a secondary: let the machine run, with the disks as it has them. */
  | { readonly kind: 'alone'; readonly tookOver: boolean }
  /** The other side goes on: stop the machine for good. */
  | { readonly kind: 'fence' }
  | { readonly kind: 'note'; readonly note: SideNote };

/** What people are told of. */
export type SideNote =
  | { readonly kind: 'resync'; readonly reason: 'differs' | 'late' | 'asked' | 'periodic' | 'join' | 'refused'; readonly divergence: Divergence | undefined }
  | { readonly kind: 'protected'; readonly generation: number };
