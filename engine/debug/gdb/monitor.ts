/** The `monitor` commands of a gdb that is attached: what gdb itself has no command for. */
import { describeMode } from '../../machine/debug/breakpoint.ts';
import { ExpressionError } from '../../machine/debug/expression.ts';
import { MachineError, type Machine } from '../../machine/machine.ts';
import { describeWatched, parseBreakpoint } from '../breakpoint-text.ts';
import type { Breakpoint, BreakpointStore } from '../store.ts';

/** What a command may change of the session. */
export interface MonitorState {
  /** The vCPU that gdb looks at. */
  readonly cpu: number;
  physical: boolean;
  linearPc: boolean;
}

interface Command {
  readonly name: string;
  readonly usage: string;
  run(words: readonly string[], rest: string): Promise<string> | string;
}

const hex = (value: number | bigint, digits = 8): string => value.toString(16).padStart(digits, '0');

export function describeBreakpoint(breakpoint: Breakpoint, hits: number): string {
  const { id, watched, cpu, condition, ignore, log, temporary, enabled, owner } = breakpoint;
  const parts = [`${id}`, describeWatched(watched)];
  if (cpu !== undefined) parts.push(`cpu ${cpu}`);
  if (ignore > 0) parts.push(`ignore ${ignore}`);
  if (temporary) parts.push('temporary');
  if (!enabled) parts.push('disabled');
  if (condition !== undefined) parts.push(`if ${condition}`);
  if (log !== undefined) parts.push(`log ${log}`);
  return `${parts.join(' ')}  (${owner === 'gdb' ? 'by gdb, ' : ''}${hits} ${hits === 1 ? 'hit' : 'hits'})`;
}

function switched(word: string | undefined, now: boolean, name: string): boolean {
  if (word === undefined) return now;
  if (word === 'on') return true;
  if (word === 'off') return false;
  throw new ExpressionError(`${name} is on or off, not ${word}.`);
}

function wholeNumber(word: string | undefined, what: string): number {
  if (word === undefined || !/^\d{1,9}$/u.test(word))
    throw new ExpressionError(`${what} is a number${word === undefined ? '' : `, not ${word}`}.`);
  return Number(word);
}

function commands(machine: Machine, store: BreakpointStore, state: MonitorState): Command[] {
  const list: Command[] = [
    {
      name: 'help',
      usage: 'help                     this list',
      run: () => `${list.map(({ usage }) => usage).join('\n')}\n`,
    },
    {
      name: 'info',
      usage: 'info registers [cpu] | info cpus | info breakpoints | info status',
      run: (words) => info(words, machine, store, state),
    },
    {
      name: 'break',
      usage:
        'break WHAT [cpu N] [ignore N] [temporary] [if CONDITION] [log TEXT]\n' +
        '                         WHAT: [physical] execute|read|write|access ADDRESS [LENGTH], port FIRST[-LAST] [read|write],\n' +
        '                         msr [NUMBER], cr0|cr2|cr3|cr4, interrupt|exception [VECTOR], mode, smm [enter|leave]; lists without WHAT',
      run: async (words, rest) => {
        if (words.length === 0) return info(['breakpoints'], machine, store, state);
        const added = await store.add(parseBreakpoint(rest));
        return `${describeBreakpoint(added, 0)}\n`;
      },
    },
    {
      name: 'delete',
      usage: 'delete N                 a breakpoint that “info breakpoints” shows',
      run: async (words) => {
        const id = wholeNumber(words[0], 'What is deleted');
        if (!(await store.remove(id))) throw new ExpressionError(`There is no breakpoint ${id}.`);
        return '';
      },
    },
    {
      name: 'phys',
      usage: 'phys [on|off]            addresses are guest-physical (as maintenance packet Qqemu.PhyMemMode:1)',
      run: (words) => {
        state.physical = switched(words[0], state.physical, 'phys');
        return `Addresses are ${state.physical ? 'physical' : 'linear, as the vCPU sees them'}.\n`;
      },
    },
    {
      name: 'pc',
      usage: 'pc [linear|offset]       what $eip is: EIP as it is, or with the base of CS, for code outside of flat segments',
      run: (words) => {
        const [word] = words;
        if (word !== undefined && word !== 'linear' && word !== 'offset')
          throw new ExpressionError(`pc is linear or offset, not ${word}.`);
        if (word !== undefined) state.linearPc = word === 'linear';
        return `$eip is ${state.linearPc ? 'the linear address of the next instruction' : 'EIP, an offset in CS'}. After a change: maintenance flush register-cache\n`;
      },
    },
    {
      name: 'translate',
      usage: 'translate ADDRESS        what a linear address is mapped to',
      run: async (words) => {
        const text = words[0] ?? '';
        const address = /^(0x)?[0-9a-f]{1,8}$/iu.test(text) ? Number.parseInt(text.replace(/^0x/iu, ''), 16) : Number.NaN;
        if (Number.isNaN(address))
          throw new ExpressionError(`${text === '' ? 'The address is missing' : `${text} is no address`}.`);
        const page = await machine.debug('page', { space: { kind: 'linear', cpu: state.cpu }, address });
        if (page.physical === undefined) return `${hex(address)} is not mapped (${page.reason}).\n`;
        const rights = [
          page.writable ? 'writable' : 'read-only',
          page.user ? 'user' : 'supervisor',
          page.executable ? '' : 'no execution',
        ];
        return `${hex(address)} is ${hex(page.physical)} (${page.backing ?? 'none'}), ${rights.filter((right) => right !== '').join(', ')}.\n`;
      },
    },
    {
      name: 'reset',
      usage: 'reset                    resets the machine',
      run: async () => {
        await machine.reset();
        return 'The machine was reset. After it: maintenance flush register-cache\n';
      },
    },
    {
      name: 'quit',
      usage: 'quit                     pulls the plug',
      run: async () => {
        await machine.powerOff();
        return '';
      },
    },
  ];
  return list;
}

async function info(words: readonly string[], machine: Machine, store: BreakpointStore, state: MonitorState): Promise<string> {
  switch (words[0]) {
    case 'registers': {
      const cpu = words[1] === undefined ? state.cpu : wholeNumber(words[1], 'A vCPU');
      const { registers, cpl, mode } = await machine.debug('registers', { cpu });
      const lines: string[] = [];
      for (const group of ['general', 'flags', 'segment', 'control', 'debug', 'table', 'msr'] as const) {
        const texts = registers
          .filter((each) => each.group === group)
          .map(({ name, bits, value }) => `${name}=${hex(value, bits / 4)}`);
        for (let at = 0; at < texts.length; at += 8) lines.push(texts.slice(at, at + 8).join(' '));
      }
      return `vCPU ${cpu}: ${describeMode(mode)}, CPL ${cpl}\n${lines.join('\n')}\n`;
    }
    case 'cpus': {
      const lines: string[] = [];
      for (let cpu = 0; cpu < machine.configuration.cpus; cpu++) {
        const { pc, activity, mode, instructions } = await machine.debug('registers', { cpu });
        lines.push(
          `${cpu === state.cpu ? '*' : ' '} vCPU ${cpu}: ${hex(pc)} ${activity}, ${describeMode(mode)}, ${instructions} instructions`,
        );
      }
      return `${lines.join('\n')}\n`;
    }
    case 'breakpoints': {
      const hits = await store.hits();
      const lines = store.list.map((breakpoint) => describeBreakpoint(breakpoint, hits.get(breakpoint.id) ?? 0));
      return lines.length === 0 ? 'There are no breakpoints.\n' : `${lines.join('\n')}\n`;
    }
    case 'status':
      return `The machine ${machine.configuration.name} is ${machine.state}.\n`;
    default:
      throw new ExpressionError('info is followed by registers, cpus, breakpoints or status.');
  }
}

/** Runs a command. Whatever is wrong with it comes back as text, since gdb shows nothing else. */
export async function monitor(text: string, machine: Machine, store: BreakpointStore, state: MonitorState): Promise<string> {
  const [name = 'help', ...words] = text.trim().split(/\s+/u);
  const rest = text.trim().slice(name.length).trim();
  const all = commands(machine, store, state);
  const exact = all.find((command) => command.name === name);
  const short = all.filter((command) => name !== '' && command.name.startsWith(name));
  const command = name === '' ? all[0] : (exact ?? (short.length === 1 ? short[0] : undefined));
  if (command === undefined) return `There is no command “${name}”; “monitor help” lists them.\n`;
  try {
    return await command.run(words, rest);
  } catch (error) {
    if (error instanceof ExpressionError || error instanceof MachineError) return `${error.message}\n`;
    throw error;
  }
}
