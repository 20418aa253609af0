import type { HostClient } from '../../contract/contract.ts';
import type { DebugEventMessage } from '../../contract/debug.ts';
import type { MachineEventMessage, MachineInputMessage } from '../../contract/machine.ts';
import type { PeekResult } from '../../contract/peek.ts';
import { Peeks } from '../../host/peeks.ts';
import { encodePng } from '../../host/picture.ts';
import type { Session } from '../../host/session.ts';

/** The machine that a script is for. Refusals are sentences. */
export interface ScriptGuest {
  /** From the present on, with what COM1 has said before. */
  events(signal: AbortSignal): Promise<AsyncIterable<MachineEventMessage>>;
  /** From the present on. */
  debugEvents(signal: AbortSignal): Promise<AsyncIterable<DebugEventMessage>>;
  input(input: MachineInputMessage): Promise<void>;
  screenText(): Promise<readonly string[] | null>;
  /** PNG. */
  screenshot(): Promise<Uint8Array>;
  pause(): Promise<unknown>;
  resume(): Promise<unknown>;
  /** Returns the breakpoint's number. */
  addBreakpoint(text: string): Promise<number>;
  removeBreakpoints(breakpoints: number[]): Promise<void>;
  /** The value of an expression of registers and memory. */
  valueOf(cpu: number, expression: string): Promise<number>;
  /** What a path leads to. */
  peek(cpu: number, profile: string | undefined, path: string): Promise<PeekResult | undefined>;
}

/** A machine in the program that has the library open. */
export function clientGuest(client: HostClient, id: string): ScriptGuest {
  return {
    events: (signal) => client.machines.events({ id, history: true }, { signal }),
    debugEvents: (signal) => client.debug.events({ id }, { signal }),
    input: (input) => client.machines.input({ id, input }),
    screenText: () => client.machines.screenText({ id }),
    screenshot: async () => (await client.machines.screenshot({ id })).png,
    pause: () => client.machines.pause({ id }),
    resume: () => client.machines.resume({ id }),
    addBreakpoint: async (text) => (await client.debug.breakpoints.addText({ id, text })).id,
    removeBreakpoints: (breakpoints) => client.debug.breakpoints.remove({ id, breakpoints }),
    valueOf: async (cpu, text) => (await client.debug.symbols.resolve({ id, cpu, text })).address,
    peek: async (cpu, profile, expression) =>
      (await client.peek.evaluate({ id, cpu, profile, expressions: [{ expression }] })).at(0),
  };
}

/** A machine that this process runs without a library. `labels`: those of its source. */
export function sessionGuest(session: Session, labels: () => Promise<ReadonlyMap<string, number>>): ScriptGuest {
  const id = 'here';
  const peeks = new Peeks({
    ask: (_id, question) => question(session.machine),
    labels,
    readFile: (path) => Promise.reject(new Error(`A script reads no types, and not ${path}.`)),
    symbolAt: (_id, address) => session.debug.symbolAt(address),
  });
  return {
    events: (signal) => Promise.resolve(session.events.subscribe(session.present(true), signal)),
    debugEvents: (signal) => session.debug.watch(signal),
    input: (input) => session.machine.input(input),
    screenText: async () => (await session.machine.screenText()) ?? null,
    screenshot: async () => encodePng(await session.machine.screenshot()),
    pause: () => session.machine.pause(),
    resume: () => session.machine.resume(),
    addBreakpoint: async (text) => (await session.debug.addText(text)).id,
    removeBreakpoints: (breakpoints) => session.debug.remove(breakpoints),
    valueOf: (cpu, text) => session.debug.resolve(cpu, text),
    peek: async (cpu, profile, expression) => (await peeks.evaluate({ id, cpu, profile, expressions: [{ expression }] })).at(0),
  };
}
