/**
 * A pair under the virtual clock as one value: the sides' and the gateway's protocol (engine/tolerance), the plan of epochs of each machine's service worker
 * (engine/machine/epochs.ts), what the side's process counts of it (main/host/pair/epoch-input.ts), and links. The machines are the smallest that show when they got
 * what: each answers every input with a byte that says its number and the epoch at whose begin it came. epoch-steps.ts has what may happen.
 */
import type { EpochDecision, EpochState } from '../../engine/machine/epochs.ts';
import type { MachineInput } from '../../engine/machine/machine.ts';
import { byteChannel } from '../../engine/tolerance/channel.ts';
import { startingGateway, type GatewayState } from '../../engine/tolerance/gateway.ts';
import type { FromGateway, SideName, ToGateway, ToPeer } from '../../engine/tolerance/messages.ts';
import { startingSide, type SideState } from '../../engine/tolerance/side.ts';

export const channel = byteChannel('com1');
export const names = ['a', 'b'] as const;
/** More than there are inputs. */
const epochFactor = 8;

export type Input = MachineInput;

/** What is in a machine's memory. */
export interface Guest {
  /** Numbers of inputs, with the epoch that began with each. */
  readonly applied: readonly { readonly epoch: number; readonly input: number }[];
  readonly answered: number;
}

/** What a checkpoint carries. */
export interface Carried {
  readonly guest: Guest;
  readonly epochs: EpochState<Input>;
}

/** An EpochPlan, as it can be made again. */
export interface Planned {
  readonly leads: boolean;
  readonly state: EpochState<Input>;
  readonly decisions: readonly EpochDecision[];
  readonly followed: number | undefined;
}

export type ToOther =
  | { readonly kind: 'protocol'; readonly message: ToPeer }
  | { readonly kind: 'hold' | 'held' }
  | { readonly kind: 'epoch'; readonly decision: EpochDecision }
  | { readonly kind: 'followed'; readonly epoch: number };

export interface SideWorld {
  state: SideState;
  /** Of the process: what it counts. */
  counted: EpochState<Input>;
  guest: Guest;
  plan: Planned;
  isHeld: boolean;
  /** Behind a state that is being put in place. */
  behind: ToOther[];
  /** Primary: a state is wanted, and who follows stands still or not yet; then it is copied, not sent. */
  capture: 'asked' | 'held' | 'copied' | undefined;
  copied: Carried | undefined;
  /** For a fault: what was counted when the state was asked for. */
  early: EpochState<Input> | undefined;
  checkpointEpoch: number;
}

export interface World {
  sides: Record<SideName, SideWorld | undefined>;
  gateway: GatewayState;
  links: { ab: ToOther[]; ba: ToOther[]; toA: FromGateway[]; toB: FromGateway[]; fromA: ToGateway[]; fromB: ToGateway[] };
  lease: { term: number; side: SideName };
  toCome: number;
  budgets: Budgets;
  delivered: number[];
}

/** How often something may still happen. */
export interface Budgets {
  /** An epoch begins without input, as of a guest that has something to do. */
  ticks: number;
  /** A side dies. */
  faults: number;
  /** A state is asked for. */
  resyncs: number;
}

/** What a negative control takes out. */
export interface Faults {
  /** The secondary begins epochs by itself, with what it has by then. */
  noDecision?: boolean;
  /** A state does not say which inputs have come and were not applied. */
  noOffered?: boolean;
  /** A state says what the process has heard of before the machine stood still. */
  earlyCount?: boolean;
  /** Who takes over waits for decisions still. */
  noLead?: boolean;
  /** Who is left alone waits for the other to follow. */
  waitsForDead?: boolean;
}

export const linkTo = { a: 'toA', b: 'toB' } as const;
export const linkFrom = { a: 'fromA', b: 'fromB' } as const;
export const linkBetween = { a: 'ab', b: 'ba' } as const;

function sideWorld(name: SideName, role: 'primary' | 'secondary'): SideWorld {
  const empty: EpochState<Input> = { next: 1, applied: 0, offered: [] };
  return {
    state: startingSide(name, role, [channel.name]),
    counted: empty,
    guest: { applied: [], answered: 0 },
    plan: { leads: role === 'primary', state: empty, decisions: [], followed: undefined },
    isHeld: role === 'secondary',
    behind: [],
    capture: undefined,
    copied: undefined,
    early: undefined,
    checkpointEpoch: 0,
  };
}

/** The primary, and a secondary without a state; nothing has been said yet. */
export function silentWorld(inputs: number, budgets: Budgets): World {
  return {
    sides: { a: sideWorld('a', 'primary'), b: sideWorld('b', 'secondary') },
    gateway: startingGateway([channel.name]),
    links: { ab: [], ba: [], toA: [], toB: [], fromA: [], fromB: [] },
    lease: { term: 1, side: 'a' },
    toCome: inputs,
    budgets: { ...budgets },
    delivered: [],
  };
}

export const byteOf = ({ epoch, input }: { epoch: number; input: number }) => epoch * epochFactor + input;
export const saidBy = ({ applied, answered }: Guest) => applied.slice(0, answered).map(byteOf);
/** Of a state: what has come to the guest, and when. */
export const printOf = ({ applied }: Guest) => applied.map(byteOf).join();

/** What a client says. */
export function inputOf(number: number): Input {
  return { kind: 'serial', bytes: Uint8Array.of(number) };
}

export function plain(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value;
}

export function textOf(world: World): string {
  return JSON.stringify(world, plain);
}

/** Nobody is left, or clients have every answer. */
export function isServed(world: World, inputs: number): boolean {
  return names.every((name) => world.sides[name] === undefined) || world.delivered.length === inputs;
}
