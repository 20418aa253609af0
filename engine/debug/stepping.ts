/** Steps over and out of functions, and runs to a place: by breakpoints that go with the next stop, whatever causes it. */
import { decode, Decoded, DecodeStatus, maximumLength } from '../isa/decoder.ts';
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
