import { Option, type Command } from 'commander';
import type { SmmStateMessage } from '../contract/smm.ts';
import { libraryFolder } from '../host/places.ts';
import { usage } from './exit.ts';
import { findMachine, requireHolder, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

interface SmiOptions {
  library?: string;
  json?: boolean;
  cpu: string;
  count: string;
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** `vitrine smi`: sends SMIs to a machine that runs in the app or server that holds the library. */
export function addSmmCommands(program: Command, services: Services, terminal: Terminal): void {
  program
    .command('smi')
    .description('send system-management interrupts to a running machine, and say how its processors fare')
    .argument('<machine>')
    .addOption(new Option('--cpu <number>', 'the virtual processor, or all').default('0'))
    .addOption(new Option('--count <number>', 'how many, each behind the entry of the one before').default('1'))
    .option('--library <folder>', 'the library (default: $VITRINE_LIBRARY, else your data folder)')
    .option('--json', 'print JSON')
    .action(async (word: string, options: SmiOptions) => {
      const target = options.cpu === 'all' ? 'all' : numberOf(options.cpu, '--cpu', 'a number or all');
      const count = numberOf(options.count, '--count', 'a number');
      if (count < 1) throw usage('--count: At least one SMI is sent.');
      const library = libraryFolder(options.library, terminal.environment);
      const holder = await requireHolder(services, library, word);
      try {
        const id = await findMachine(holder.client, word);
        const sent = await holder.client.smm.inject({ id, target, count });
        const state = await holder.client.smm.state({ id });
        if (options.json) return jsonLine(terminal.stdout, { ...sent, state });
        line(
          terminal.stdout,
          `${plural(sent.sent, 'SMI')} sent to ${target === 'all' ? `all of ${id}` : `vCPU ${target} of ${id}`}; ${sent.latched} fell together with one that was pending.`,
        );
        for (const text of describe(state)) line(terminal.stdout, text);
      } finally {
        holder.close();
      }
    });
}

function numberOf(text: string, option: string, what: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (value === undefined) throw usage(`${option} takes ${what}, not ${text === '' ? 'nothing' : text}.`);
  return value;
}

/** What a person wants to know of SMM: how it is set up, and a line for each vCPU. */
function describe({ ranges, locked, open, statistics }: SmmStateMessage): string[] {
  const hex = (value: number): string => value.toString(16).padStart(8, '0');
  const places = ranges.map(({ base, size }) => `${hex(base)}-${hex(base + size - 1)}`).join(' and ');
  const access = locked ? 'locked' : open ? 'open to everybody' : 'not locked';
  return [
    ranges.length === 0
      ? 'SMRAM is not enabled.'
      : `SMRAM ${places}, ${access}; mapped ${plural(statistics.rendezvous, 'time')}.`,
    ...statistics.vcpus.map((vcpu, number) => {
      const where = vcpu.inSmm ? 'in SMM' : vcpu.stopped ? 'stopped for SMM' : 'outside of SMM';
      return `vCPU ${number}: ${where}, ${plural(vcpu.entries, 'entry').replace('entrys', 'entries')}, stopped for others ${plural(vcpu.stops, 'time')}, smbase ${hex(vcpu.smbase)}.`;
    }),
  ];
}
