/** A machine in real workers (out/engine) with a guest in assembly, for specs of the debugger. */
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { assemble } from '../../assembler/assembler.ts';
import type { ArmedBreakpoint, StopCause, Watched } from '../../machine/debug/breakpoint.ts';
import { parseExpression, parseLogText } from '../../machine/debug/expression.ts';
import { knownNames } from '../../machine/debug/registers.ts';
import type { BootSource, ClockMode, Machine, MachineEvent } from '../../machine/machine.ts';
import { createMachine } from '../../machine/virtual-machine.ts';

const root = path.resolve(import.meta.dirname, '../../..');

/** Our assembler's output, with what `%include` names taken from test/boot/smp. */
export function assembled(text: string): { bytes: Uint8Array; address: (label: string) => number } {
  const main = new TextEncoder().encode(text);
  const result = assemble({
    file: 'main.asm',
    read: (file) => ({
      path: file,
      bytes: file === 'main.asm' ? main : new Uint8Array(readFileSync(path.join(root, 'test/boot/smp', file))),
    }),
  });
  const error = result.errors[0];
  if (error !== undefined) throw new Error(`${error.file}:${error.line}: ${error.message}`);
  const address = (label: string): number => {
    const symbol = result.symbols.get(label);
    if (symbol === undefined) throw new Error(`The guest has no ${label}.`);
    return Number(symbol.value);
  };
  return { bytes: result.bytes, address };
}

export interface Debugged {
  readonly machine: Machine;
  readonly events: MachineEvent[];
  address(label: string): number;
  arm(
    ...breakpoints: (Partial<Omit<ArmedBreakpoint, 'condition' | 'log'>> & {
      watched: Watched;
      condition?: string;
      log?: string;
    })[]
  ): Promise<void>;
  /** The next stop that nobody has been told of, or the end of the machine. */
  stopped(): Promise<StopCause>;
  /** Resumes and gives the stop after it. */
  go(): Promise<StopCause>;
  step(cpu?: number, others?: 'stopped' | 'running'): Promise<StopCause>;
  register(name: string, cpu?: number): Promise<number>;
  logged(): string[];
}

/** Starts it paused at its first instruction. */
export async function debugged(
  text: string,
  options: { cpus?: number; clock?: ClockMode; kernel?: boolean } = {},
): Promise<Debugged> {
  const { bytes, address } = assembled(text);
  const image = new Uint8Array(512);
  if (options.kernel !== true) {
    image.set(bytes);
    image.set([0x55, 0xaa], 510);
  }
  const boot: BootSource = options.kernel === true ? { kind: 'kernel', image: bytes } : { kind: 'boot-sector', image };
  const machine = await createMachine(
    { name: 'debugged', cpus: options.cpus ?? 1, memoryBytes: 16 << 20, clock: options.clock ?? 'wall', boot, startTime: 0 },
    { workerDirectory: path.join(root, 'out/engine') },
  );
  const events: MachineEvent[] = [];
  const stops: StopCause[] = [];
  const waiting: ((cause: StopCause) => void)[] = [];
  machine.on((event) => {
    events.push(event);
    if (event.kind !== 'debug' || event.event.kind !== 'stopped') return;
    const next = waiting.shift();
    if (next === undefined) stops.push(event.event.cause);
    else next(event.event.cause);
  });
  const stopped = (): Promise<StopCause> => {
    const cause = stops.shift();
    return cause === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(cause);
  };
  await machine.start({ paused: true });
  await stopped();
  return {
    machine,
    events,
    address,
    arm: (...breakpoints) =>
      machine.debug(
        'setBreakpoints',
        breakpoints.map(({ condition, log, ...breakpoint }, index) => ({
          id: index + 1,
          cpu: undefined,
          ignore: 0,
          ...breakpoint,
          condition: condition === undefined ? undefined : parseExpression(condition, knownNames),
          log: log === undefined ? undefined : parseLogText(log, knownNames),
        })),
      ),
    stopped,
    go: async () => {
      const next = stopped();
      await machine.resume();
      return next;
    },
    step: async (cpu = 0, others = 'stopped') => {
      const next = stopped();
      await machine.debug('step', { cpu, count: 1, others });
      return next;
    },
    register: async (name, cpu = 0) => {
      const { registers } = await machine.debug('registers', { cpu });
      const found = registers.find((each) => each.name === name);
      if (found === undefined) throw new Error(`There is no ${name}.`);
      return Number(found.value);
    },
    logged: () => events.flatMap((event) => (event.kind === 'debug' && event.event.kind === 'logged' ? [event.event.text] : [])),
  };
}
