import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { HostClient } from '../contract/contract.ts';
import type { PeekExpression, PeekNode, PeekOutcome, PeekProfile, PeekSpace } from '../contract/peek.ts';
import { libraryFolder } from '../host/places.ts';
import { CommandError, EXIT, usage } from './exit.ts';
import { chipRows } from './chip-rows.ts';
import { hexRows } from './hex-rows.ts';
import { libraryOptions } from './library-commands.ts';
import { connectToHolder, findMachine, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';
import { mappingRows, walkRows } from './walk-rows.ts';

interface PeekOptions {
  library?: string;
  json?: boolean;
  type?: string;
  types?: string;
  profile?: string;
  cpu?: string;
  cr3?: string;
  physical?: boolean;
  segment?: string;
  user?: boolean;
  length?: string;
  format?: string;
  follow?: string;
  limit?: string;
  frozen?: boolean;
  watch?: string;
  walk?: boolean;
  mappings?: boolean;
  devices?: boolean;
}

const defaultLength = 64;
const longestString = 4096;
const segments = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;

function numberOf(text: string, what: string, least = 0): number {
  const value = /^(0x[0-9a-f]+|[0-9]+)$/i.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value) || value < least)
    throw usage(`${what} is a number${least > 0 ? ` from ${least}` : ''}, for instance 0x1000, not ${text}.`);
  return value;
}

function spaceOf(options: PeekOptions): PeekSpace {
  const given = [options.cr3 !== undefined, options.physical === true, options.segment !== undefined].filter(Boolean).length;
  if (given > 1) throw usage('Of --cr3, --physical and --segment only one can be given.');
  if (options.physical) return { kind: 'physical' };
  if (options.cr3 !== undefined) return { kind: 'root', cr3: numberOf(options.cr3, '--cr3') };
  if (options.segment === undefined) return { kind: 'linear' };
  const segment = segments.find((name) => name === options.segment);
  if (segment === undefined) throw usage(`--segment is one of ${segments.join(', ')}, not ${options.segment}.`);
  return { kind: 'segment', segment };
}

/** A value as lines, what is in it indented. */
export function nodeRows(node: PeekNode, indent = ''): string[] {
  const value = node.unreadable === undefined ? (node.value ?? '') : `<${node.unreadable}>`;
  const note = node.note === undefined ? '' : `  # ${node.note}`;
  const name = node.name === '' ? `(${node.type})` : node.name;
  const head = `${indent}${name}${value === '' ? '' : ` = ${value}`}${node.value === undefined && node.unreadable === undefined && node.address !== undefined ? ` @ 0x${node.address.toString(16)}` : ''}${note}`;
  const rows = [head, ...(node.children ?? []).flatMap((child) => nodeRows(child, `${indent}  `))];
  if (node.more !== undefined) rows.push(`${indent}  … ${node.more}`);
  return rows;
}

function profileRows(profile: PeekProfile): string[] {
  return [
    `${profile.id}  ${profile.title}, ${profile.types} types, ${profile.symbols} symbols`,
    ...profile.views.map(({ name, description }) => `  ${name}: ${description}`),
  ];
}

export function addPeekCommand(program: Command, services: Services, terminal: Terminal): void {
  libraryOptions(
    program
      .command('peek')
      .description('read memory and structures of a machine that is on, without its guest noticing')
      .argument('<machine>')
      .argument(
        '[what]',
        'an address, a symbol, a path (tasks[3].name), or a view of the profile; without it the profiles are listed',
      )
      .option('--type <type>', 'what lies at the address, for instance "struct task"')
      .option('--types <file>', 'types: a symbol file of Volatility 3, an ELF file with DWARF, or our own text')
      .option('--profile <name>', 'a profile that ships, for instance descriptor-tables')
      .option('--cpu <number>', 'through the eyes of this processor (default: 0)')
      .option('--cr3 <address>', 'through the page tables there')
      .option('--physical', 'addresses are physical')
      .option('--segment <register>', 'addresses are offsets into this segment')
      .option('--user', 'with the rights of privilege level 3')
      .option('--length <bytes>', `how much of memory (default: ${defaultLength})`)
      .option('--format <format>', 'hex, string or json')
      .option('--follow <depth>', 'follow pointers to structures')
      .option('--limit <count>', 'elements of each array and list')
      .option('--frozen', 'stop the machine while it is read, so that all parts fit each other')
      .option('--walk', 'the page tables from CR3 to the byte at this address')
      .option('--mappings', 'which linear addresses lead to the frame of this physical address')
      .option('--devices', 'what the chips of the machine do; with a word only those it names, for instance pic or lapic0')
      .option('--watch <milliseconds>', 'again and again, whenever it has changed'),
  ).action(async (word: string, what: string | undefined, options: PeekOptions) => {
    const folder = libraryFolder(options.library, terminal.environment);
    const { format } = options;
    if (format !== undefined && format !== 'hex' && format !== 'string' && format !== 'json')
      throw usage(`--format is hex, string or json, not ${format}.`);
    const space = spaceOf(options);
    const holder = await connectToHolder(services, folder);
    if (!holder) throw new CommandError(EXIT.failed, `${word} is off: no program has the library ${folder} open.`);
    try {
      const { client } = holder;
      const id = await findMachine(client, word);
      await peek({ client, id, space, terminal, asJson: options.json === true || format === 'json' }, what, options);
    } finally {
      holder.close();
    }
  });
}

interface Place {
  client: HostClient;
  id: string;
  space: PeekSpace;
  terminal: Terminal;
  asJson: boolean;
}

async function peek(place: Place, what: string | undefined, options: PeekOptions): Promise<void> {
  const { client, id, space, terminal, asJson } = place;
  if (options.devices === true) return peekDevices(place, what);
  if (options.walk === true || options.mappings === true) return peekTables(place, what, options);
  let profile = options.profile;
  if (options.types !== undefined) {
    profile = 'given';
    const loaded = await client.peek.load({ id, profile, file: { kind: 'path', path: resolve(options.types) } });
    if (what === undefined)
      return asJson ? jsonLine(terminal.stdout, loaded) : profileRows(loaded).forEach((row) => line(terminal.stdout, row));
  }
  if (what === undefined) {
    const found = (await client.peek.profiles({ id })).filter((each) => profile === undefined || each.id === profile);
    if (found.length === 0) throw usage(`There is no profile ${profile ?? ''}; "vitrine peek ${id}" lists them.`);
    if (asJson) return jsonLine(terminal.stdout, found);
    return found.flatMap(profileRows).forEach((row) => line(terminal.stdout, row));
  }
  const isAddress = /^(0x[0-9a-f]+|[0-9]+)$/i.test(what);
  if (isAddress && options.type === undefined && profile === undefined)
    return peekMemory(place, numberOf(what, 'The address'), options);

  const view = (await client.peek.profiles({ id }))
    .find((each) => each.id === profile)
    ?.views.find(({ name }) => name.toLowerCase() === what.toLowerCase());
  const expression: PeekExpression = {
    expression: view?.expression ?? (options.type === undefined ? what : `*(${options.type} *)(${what})`),
    space: view?.physical === true ? { kind: 'physical' } : space,
    user: options.user,
    follow: options.follow === undefined ? view?.follow : numberOf(options.follow, '--follow'),
    limit: options.limit === undefined ? undefined : numberOf(options.limit, '--limit', 1),
  };
  const question = {
    id,
    profile,
    cpu: options.cpu === undefined ? undefined : numberOf(options.cpu, '--cpu'),
    expressions: [expression],
  };
  if (options.watch !== undefined) return watch(place, { ...question, interval: numberOf(options.watch, '--watch', 50) });
  const [result] = await client.peek.evaluate({ ...question, frozen: options.frozen });
  if (result === undefined) return;
  if (result.kind === 'error')
    throw usage(`${expression.expression}${result.column === undefined ? '' : `, column ${result.column}`}: ${result.message}`);
  if (asJson) return jsonLine(terminal.stdout, result.node);
  for (const row of nodeRows(result.node)) line(terminal.stdout, row);
}

async function watch({ client, terminal, asJson }: Place, question: Parameters<HostClient['peek']['watch']>[0]): Promise<void> {
  for await (const event of await client.peek.watch(question)) {
    if (asJson) jsonLine(terminal.stdout, event);
    else if (event.kind === 'off') line(terminal.stdout, 'The machine is off.');
    else if (event.result.kind === 'error') throw usage(event.result.message);
    else for (const row of nodeRows(event.result.node)) line(terminal.stdout, row);
  }
}

async function peekDevices({ client, id, terminal, asJson }: Place, what: string | undefined): Promise<void> {
  const all = await client.peek.chips({ id });
  const chips = all.filter((chip) => what === undefined || chip.id === what);
  if (chips.length === 0) throw usage(`There is no device ${what ?? ''}; there are ${all.map((chip) => chip.id).join(', ')}.`);
  if (asJson) return jsonLine(terminal.stdout, chips);
  for (const row of chips.flatMap(chipRows)) line(terminal.stdout, row);
}

/** An address, or a symbol or expression whose value is one. */
async function addressOf({ client, id }: Place, what: string, cpu: number | undefined): Promise<number> {
  if (/^(0x[0-9a-f]+|[0-9]+)$/i.test(what)) return numberOf(what, 'The address');
  const [result] = await client.peek.evaluate({ id, cpu, expressions: [{ expression: what }] });
  if (result?.kind === 'value' && result.node.number !== undefined) return result.node.number;
  throw usage(result?.kind === 'error' ? `${what}: ${result.message}` : `${what} is no number that could be an address.`);
}

/** Eight bytes are no number of JSON. */
const hexOf = (value: bigint): string => `0x${value.toString(16)}`;

async function peekTables(place: Place, what: string | undefined, options: PeekOptions): Promise<void> {
  const { client, id, space, terminal, asJson } = place;
  if (options.walk === true && options.mappings === true) throw usage('Of --walk and --mappings only one can be given.');
  if (what === undefined) throw usage('Give the address that the page tables are walked for.');
  if (space.kind !== 'linear' && space.kind !== 'root')
    throw usage('Page tables are walked for a linear address: without --physical and --segment.');
  const cpu = options.cpu === undefined ? undefined : numberOf(options.cpu, '--cpu');
  const address = await addressOf(place, what, cpu);
  const where = { id, cpu, cr3: space.kind === 'root' ? space.cr3 : undefined };
  if (options.mappings === true) {
    const found = await client.peek.mappings({ ...where, physical: address });
    return asJson ? jsonLine(terminal.stdout, found) : mappingRows(found).forEach((row) => line(terminal.stdout, row));
  }
  const walk = await client.peek.walk({ ...where, address });
  if (!asJson) return walkRows(walk).forEach((row) => line(terminal.stdout, row));
  const entries = walk.entries.map((entry) => ({
    ...entry,
    value: hexOf(entry.value),
    replacement: entry.replacement === null ? null : hexOf(entry.replacement),
  }));
  jsonLine(terminal.stdout, { ...walk, entries, bytes: Buffer.from(walk.bytes).toString('hex') });
}

async function peekMemory({ client, id, space, terminal, asJson }: Place, address: number, options: PeekOptions): Promise<void> {
  const isText = options.format === 'string';
  const length = options.length === undefined ? (isText ? longestString : defaultLength) : numberOf(options.length, '--length');
  const outcome: PeekOutcome = await client.peek.read({
    id,
    cpu: options.cpu === undefined ? undefined : numberOf(options.cpu, '--cpu'),
    space,
    user: options.user,
    operation: isText ? { kind: 'string', address, limit: length } : { kind: 'read', address, length },
  });
  if (asJson) {
    const { bytes, ...rest } = outcome;
    jsonLine(terminal.stdout, { address, ...rest, bytes: Buffer.from(bytes).toString('hex') });
  } else if (isText) line(terminal.stdout, Buffer.from(outcome.bytes).toString('latin1'));
  else for (const row of hexRows(address, outcome.bytes)) line(terminal.stdout, row);
  if (outcome.problem !== null && !asJson)
    throw new CommandError(EXIT.failed, `${outcome.bytes.length} of ${length} bytes were read; then ${outcome.problem}.`);
}
