/** What the pair's runtime asks a machine's service worker, and what it answers. Goes through Machine.ask. */
import type { EpochDecision, EpochState } from '../machine/epochs.ts';
import type { generalNames } from '../machine/debug/registers.ts';
import type { Machine, MachineInput } from '../machine/machine.ts';
import type { StateDifference } from './difference.ts';
import type { EpochHold } from './state-parts.ts';
import type { ChangedPages, Taken } from './state-transfer.ts';

/** The tool's name for Machine.ask. */
export const pairTool = 'pair';

export type GeneralName = (typeof generalNames)[number];

interface PairCalls {
  /** Stands still; with `tell`, what this side has changed since the last checkpoint. */
  /** With `epoch`, under the virtual clock, at the end of an epoch: of the one before `at`, or of the one that comes first. `within` so many milliseconds. */
  hold: { argument: { tell: boolean; epoch?: EpochHold | undefined }; result: ChangedPages | undefined };
  /** Goes on after `hold`; without `run` if it ran before. */
  go: { argument: { run?: boolean }; result: void };
  /** A transfer of the state begins: of all of it without `peer`, else of what differs. */
  begin: { argument: { peer: ChangedPages | undefined }; result: void };
  /** Pages that there would be to look at if the machine were held now. */
  pending: { argument: Record<never, never>; result: number };
  /** A round of what goes ahead begins; the machine runs. */
  round: { argument: Record<never, never>; result: void };
  /** Its next piece, or that it is over. */
  piece: { argument: { capture: number }; result: Uint8Array | undefined };
  /** What is left is copied, once held; then the machine goes on, and says nothing before this is answered. */
  snapshot: { argument: { capture: number; withDigest: boolean }; result: void };
  /** What was copied, ready to be sent. */
  pack: { argument: Record<never, never>; result: Taken };
  /** The other side's: a piece that goes ahead. */
  stage: { argument: { bytes: Uint8Array }; result: void };
  /** Replaces the state, once held. A transfer that is not whole is an answer, since nothing has changed then. */
  put: { argument: { bytes: Uint8Array; compare?: boolean; epochs?: EpochState<MachineInput> | undefined }; result: { refused: string } | { digest: string | undefined; difference: StateDifference | undefined } };
  /** The secondary's disks become the real ones. */
  takeOver: { argument: Record<never, never>; result: void };
  /** Blocks that only a secondary's memory holds of its disks. */
  heldBlocks: { argument: Record<never, never>; result: number };
  // Under the virtual clock: see engine/machine/epochs.ts. What begins is told by events.
  /** The next input. */
  offer: { argument: { sequence: number; input: MachineInput }; result: void };
  /** Who follows: what the leader has decided. */
  decided: { argument: { decision: EpochDecision }; result: void };
  /** Who leads: the epoch that the other has begun; undefined: it is not waited for. */
  followedTo: { argument: { epoch: number | undefined }; result: void };
  /** From now on this side leads. */
  lead: { argument: Record<never, never>; result: void };
  /** Every so many epochs whole states are compared; 0: never. */
  compareEvery: { argument: { epochs: number }; result: void };
  /** Changes the lowest bit of a byte of guest RAM: a fault to be found. */
  flip: { argument: { address: number }; result: void };
  /** The same of a general register. */
  flipRegister: { argument: { cpu: number; register: GeneralName }; result: void };
}

export type PairCall = keyof PairCalls;
export type PairQuestion = { [Call in PairCall]: { kind: Call } & PairCalls[Call]['argument'] }[PairCall];

/** Asks; the answer is that of the question's kind. */
export function askPair<Call extends PairCall>(machine: Machine, kind: Call, argument: PairCalls[Call]['argument']): Promise<PairCalls[Call]['result']> {
  // The tool answers a question with that question's result.
  return machine.ask(pairTool, { kind, ...argument }) as Promise<PairCalls[Call]['result']>;
}
