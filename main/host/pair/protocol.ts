/** What the processes of a pair and the command line say over local sockets, beside the protocol itself (engine/tolerance/messages.ts). */
import type { EpochDecision } from '../../../engine/machine/epochs.ts';
import type { MachineInput } from '../../../engine/machine/machine.ts';
import { byteChannel } from '../../../engine/tolerance/channel.ts';
import type { Mode } from '../../../engine/tolerance/side.ts';
import type { Divergence, SideName, SideNote, ToPeer } from '../../../engine/tolerance/messages.ts';
import type { StateDifference } from '../../../engine/tolerance/difference.ts';
import type { GeneralName } from '../../../engine/tolerance/questions.ts';
import type { ChangedPages } from '../../../engine/tolerance/state-transfer.ts';
import type { Beat } from './round-trip.ts';

/** What leaves a machine: COM1, and the debug console at port 0xE9. */
export const pairChannels = [byteChannel('com1'), byteChannel('debug')];

export type Control = { readonly kind: 'control'; readonly question: unknown };

/** The first message of a link to the gateway; from a side, the protocol follows. */
export type ToGatewayProcess = Control | { readonly kind: 'side'; readonly side: SideName };

export type GatewayQuestion =
  | { readonly kind: 'status' }
  /** Keys, mouse, bytes of COM1: numbered behind what came before, in this order. The contract has checked them. */
  | { readonly kind: 'input'; readonly inputs: readonly MachineInput[] }
  /** Answered by a PairOutsideMessage of the contract: what went in and out last, of COM1 from this offset on. */
  | { readonly kind: 'outside'; readonly from: number }
  | { readonly kind: 'end' };

export interface GatewayStatus {
  readonly pid: number;
  readonly port: number;
  readonly term: number;
  readonly clients: number;
  /** Clients so far. */
  readonly served: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly waitingInputs: number;
  /** Bytes of output that no client was given. */
  readonly lost: number;
}

/** Between the sides, and what else a link to a side may begin with. */
export type ToPeerProcess =
  | Control
  /** The gateway, to a side on another host: the protocol follows. */
  | { readonly kind: 'gateway' }
  /** Whether this side could serve clients: it has the gateway, and its lease could be proved. */
  | { readonly kind: 'reach'; readonly canServe: boolean }
  | { readonly kind: 'peer'; readonly side: SideName }
  | Beat
  | { readonly kind: 'protocol'; readonly message: ToPeer }
  /** Stand still, and say what you have changed. */
  | { readonly kind: 'hold'; readonly capture: number; readonly tell: boolean; /** At the end of the epoch before this one. */ readonly epoch: number | undefined }
  | { readonly kind: 'held'; readonly capture: number; readonly changed: ChangedPages | undefined }
  /** Virtual clock: what the primary has decided; how far the secondary is; where it was not what the primary was, for the first time since a checkpoint. */
  | { readonly kind: 'epoch'; readonly decision: EpochDecision }
  | { readonly kind: 'followed'; readonly epoch: number }
  | { readonly kind: 'strayed'; readonly epoch: number }
  /** So many blocks of its disks are in the secondary's memory alone: a state is to bring them to its images. */
  | { readonly kind: 'laden'; readonly blocks: number }
  /** A piece of a state that is to come, and that it has been laid aside. */
  | { readonly kind: 'ahead'; readonly capture: number; readonly bytes: Uint8Array }
  | { readonly kind: 'staged'; readonly capture: number }
  /** Before the state of this generation is acknowledged: what the secondary had otherwise. */
  | { readonly kind: 'difference'; readonly generation: number; readonly difference: StateDifference };

export type Fault =
  | { readonly kind: 'cut' }
  /** Without `seconds` until another one comes, or the link goes. */
  | { readonly kind: 'delay'; readonly milliseconds: number; readonly seconds?: number }
  /** The lowest bit of a byte of guest memory. */
  | { readonly kind: 'flip-memory'; readonly address: number }
  /** The lowest bit of a general register. */
  | { readonly kind: 'flip-register'; readonly cpu: number; readonly register: GeneralName }
  /** The lowest bit of the next byte that leaves the machine. */
  | { readonly kind: 'flip-output' }
  /** The process dies or stands still, as by a signal, when it comes to this point. */
  | { readonly kind: 'fail-at'; readonly point: FailPoint; readonly signal: 'SIGKILL' | 'SIGSTOP' };

/** Steps of the protocol at which a side can be made to fail. */
export const failPoints = [
  /** Primary: a resync is about to begin; a piece is about to go ahead; both stand still; the state is taken; it is sent; it is acknowledged and what was held about to leave. */
  'resync',
  'ahead',
  'held',
  'taken',
  'sent',
  'acknowledged',
  /** Primary: output is about to go to the gateway, or has just gone. */
  'release',
  'released',
  /** Secondary: a piece that went ahead is laid aside; a state has come; it is in place and not acknowledged; it is acknowledged. */
  'staged',
  'received',
  'committed',
  'confirmed',
  /** Secondary: output is about to go to the primary. */
  'produce',
  /** Either: an input has come, and the machine does not have it yet. */
  'input',
] as const;

export type FailPoint = (typeof failPoints)[number];

export type SideQuestion =
  | { readonly kind: 'status' }
  /** The machine as it was made, without its drives: for a side on another host. */
  | { readonly kind: 'configuration' }
  /** `isFull`: all of the state travels, not what was changed. */
  | { readonly kind: 'resync'; readonly isFull: boolean }
  /** What its machine shows now: a PackedPicture. */
  | { readonly kind: 'picture' }
  /** Where its machine's display is, with a secret in it: see Machine.display. */
  | { readonly kind: 'display' }
  | { readonly kind: 'inject'; readonly fault: Fault }
  /** Writes the primary's state to this file, which must not exist, and goes on. */
  | { readonly kind: 'copy'; readonly path: string }
  /** Writes the state to this file and ends: the pair is over. Only the side that speaks. */
  | { readonly kind: 'suspend'; readonly path: string }
  | { readonly kind: 'end' };

/** A page that was not the same on both sides. */
export interface DifferingPage {
  /** `ram`, `vram`, `disk ide0.0`, or a block: `block vcpu/0 1`. */
  readonly part: string;
  readonly page: number;
}

export interface Resync {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: Extract<SideNote, { kind: 'resync' }>['reason'];
  readonly divergence: Divergence | undefined;
  /** Known once it is sent. */
  pages?: number;
  bytes?: number;
  /** Rounds that went ahead while the primary ran. */
  rounds?: number;
  /** For which the primary stood still, in milliseconds. */
  pause?: number;
  /** Until the secondary acknowledged it, from its begin on, in milliseconds. */
  took?: number;
  digest?: string | undefined;
  /** What of the secondary's state was not the primary's, with the acknowledgement; not of a full state or a periodic checkpoint. */
  difference?: StateDifference;
  /** Virtual clock: the first epoch at whose begin the sides were not the same; null: they were at all. */
  strayed?: number | null;
  /** The first pages that differed. */
  differing?: readonly DifferingPage[];
}

export interface SideStatus {
  readonly pid: number;
  readonly side: SideName;
  readonly role: 'primary' | 'secondary';
  readonly mode: Mode;
  readonly term: number;
  readonly generation: number;
  readonly periodic: boolean;
  readonly isProtected: boolean;
  /** A sentence. */
  readonly reason: string;
  readonly heldBytes: number;
  /** Milliseconds since anything came from the other side; null without one. */
  readonly heartbeatAge: number | null;
  /** Milliseconds for which output has waited for its equal, at most in the last half second. Of a primary that has a secondary, else null. */
  readonly lag: number | null;
  /** Milliseconds since the lease last said that this side has the newest term; null where it has none. */
  readonly leaseAge: number | null;
  /** Bytes to and from the other side since it joined, and how many of those sent were states; null without one. */
  readonly link: { readonly sent: number; readonly received: number; readonly states: number } | null;
  /** Milliseconds to the other process and back; null without one, or before it is measured. */
  readonly roundTrip: number | null;
  /**
   * Milliseconds since it has a secondary, for how many of them output waited for its equal, and the machine stood still for a resync. Of a primary that has one, else
   * null.
   */
  readonly cost: { readonly together: number; readonly waited: number; readonly stood: number } | null;
  readonly resyncs: number;
  /** The newest last. */
  readonly recent: readonly Resync[];
  readonly events: readonly { readonly at: number; readonly text: string }[];
}
