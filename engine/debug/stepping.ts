/** Steps over and out of functions, and runs to a place: by breakpoints that go with the next stop, whatever causes it. */
import { decode, Decoded, DecodeStatus, maximumLength } from '../isa/decoder.ts';
import type { StopCause } from '../machine/debug/breakpoint.ts';
import { MachineError, type Machine } from '../machine/machine.ts';
import { callStack } from './call-stack.ts';
import type { BreakpointStore } from './store.ts';

/** What is passed over as one: it comes back to the instruction behind it. */
const passedOver: ReadonlySet<string> = new Set(['call', 'int', 'int3', 'into', 'loop', 'loope', 'loopne']);

/** The instruction at the vCPU's next address. Undefined where nothing can be read or decoded. */
async function nextInstruction(
  machine: Machine,
  cpu: number,
): Promise<{ mnemonic: string; repeats: boolean; end: number } | undefined> {
  const vcpu = await machine.debug('registers', { cpu });
  const { bytes, readable } = await machine.debug('readMemory', {
    space: { kind: 'linear', cpu },
    address: vcpu.pc,
    length: maximumLength,
  });
  const hole = readable.indexOf(0);
  const decoded = new Decoded();
  const status = decode(bytes, 0, hole < 0 ? bytes.length : hole, vcpu.codeBits === 32 ? 4 : 2, decoded);
  if (status !== DecodeStatus.ok || decoded.form === undefined) return undefined;
  const { form } = decoded;
  return {
    mnemonic: form.instruction.mnemonic.toLowerCase(),
    repeats: form.repeat !== 'none',
    end: (vcpu.pc + decoded.length) >>> 0,
  };
}

function requirePaused(machine: Machine): void {
  if (machine.state !== 'paused')
    throw new MachineError('wrong-state', `The machine is ${machine.state}; it steps only while it is paused.`);
}

export async function stepInto(machine: Machine, cpu: number, others: 'stopped' | 'running'): Promise<void> {
  await machine.debug('step', { cpu, count: 1, others });
}

/** Executes one instruction; calls, software interrupts, repeated strings and loops as a whole. All vCPUs run while it does. */
export async function stepOver(
  machine: Machine,
  store: BreakpointStore,
  cpu: number,
  others: 'stopped' | 'running',
): Promise<void> {
  requirePaused(machine);
  const next = await nextInstruction(machine, cpu);
  if (next === undefined || !(next.repeats || passedOver.has(next.mnemonic))) return stepInto(machine, cpu, others);
  const { stack } = await machine.debug('registers', { cpu });
  // A recursive call comes by the same place with a deeper stack.
  await goTo(
    machine,
    store,
    cpu,
    next.end,
    next.mnemonic === 'call' || next.mnemonic === 'int' ? `stack >= ${stack}` : undefined,
  );
}

/** Instructions that one line may take before it is taken to wait for something. */
const longestLine = 4096;

/**
 * Steps over instructions until the vCPU is at another source line, or something else stops it. `lineOf` tells lines apart; where it
 * knows none, one instruction. Resolves once the machine stands still for good, or is off.
 */
export async function stepLine(
  machine: Machine,
  store: BreakpointStore,
  cpu: number,
  others: 'stopped' | 'running',
  lineOf: (address: number) => string | undefined,
): Promise<void> {
  requirePaused(machine);
  const line = lineOf((await machine.debug('registers', { cpu })).pc);
  if (line === undefined) return stepOver(machine, store, cpu, others);
  for (let count = 0; count < longestLine; count++) {
    const set = new Set(store.list.filter(({ owner }) => owner !== 'run').map(({ id }) => id));
    const stopped = nextStop(machine);
    try {
      await stepOver(machine, store, cpu, others);
    } catch (error) {
      stopped.cancel();
      throw error;
    }
    const cause = await stopped.cause;
    // The end of a call that was stepped over is a breakpoint of nobody but this step.
    const isOurs = ({ id }: { id: number }): boolean => !set.has(id) && (store.get(id)?.owner ?? 'run') === 'run';
    const ended = cause?.kind === 'step' || (cause?.kind === 'breakpoint' && cause.hits.every(isOurs));
    if (!ended || machine.state !== 'paused') return;
    if (lineOf((await machine.debug('registers', { cpu })).pc) !== line) return;
  }
}

/** Why the machine stops next; undefined if it goes off. */
function nextStop(machine: Machine): { cause: Promise<StopCause | undefined>; cancel: () => void } {
  let cancel = (): void => undefined;
  const cause = new Promise<StopCause | undefined>((resolve) => {
    const end = machine.on((event) => {
      if (event.kind === 'debug' && event.event.kind === 'stopped') finish(event.event.cause);
      else if (event.kind === 'state' && (event.state === 'off' || event.state === 'crashed')) finish(undefined);
    });
    const finish = (found: StopCause | undefined): void => {
      end();
      resolve(found);
    };
    cancel = () => finish(undefined);
  });
  return { cause, cancel };
}

/** Runs until the function returns to its caller, as far as the call stack knows that. */
export async function stepOut(machine: Machine, store: BreakpointStore, cpu: number): Promise<void> {
  requirePaused(machine);
  const { frames, end } = await callStack(machine, cpu);
  const caller = frames[1];
  if (caller === undefined) throw new MachineError('not-supported', `There is no caller to step out to. ${end}`);
  const { stack } = await machine.debug('registers', { cpu });
  await goTo(machine, store, cpu, caller.linear, `stack > ${stack}`);
}

/** Runs until some vCPU (or this one) reaches an address. */
export async function runTo(machine: Machine, store: BreakpointStore, cpu: number | undefined, address: number): Promise<void> {
  requirePaused(machine);
  await goTo(machine, store, cpu, address, undefined);
}

async function goTo(
  machine: Machine,
  store: BreakpointStore,
  cpu: number | undefined,
  address: number,
  condition: string | undefined,
): Promise<void> {
  const { id } = await store.add({
    watched: { kind: 'execute', space: 'linear', address },
    cpu,
    condition,
    temporary: true,
    owner: 'run',
  });
  try {
    await machine.resume();
  } catch (error) {
    await store.remove(id);
    throw error;
  }
}
