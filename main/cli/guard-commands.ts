import { Option, type Command } from 'commander';
import {
  guardAction,
  type GuardActionName,
  type GuardAlertMessage,
  type GuardRangeMessage,
  type GuardStateMessage,
} from '../contract/guard.ts';
import type { HostClient } from '../contract/contract.ts';
import { libraryFolder } from '../host/places.ts';
import { parseMemory } from '../host/memory-size.ts';
import { CommandError, EXIT, usage } from './exit.ts';
import { connectToHolder, findMachine, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

interface CommonOptions {
  library?: string;
  json?: boolean;
}

interface RangeOptions extends CommonOptions {
  address?: string;
  bytes?: string;
  linear?: boolean;
  table?: string;
  symbol?: string;
  field?: string;
  type?: string;
  profile?: string;
  cpu?: string;
}

const hex = (value: number, digits = 8): string => value.toString(16).padStart(digits, '0');
const actionNames: Record<GuardActionName, string> = {
  log: 'log',
  notify: 'notify',
  pause: 'pause',
  deny: 'deny',
  fault: 'fault',
  powerOff: 'power-off',
};

/** `vitrine guard`: pages whose writes are watched or denied, of a machine that runs in the app or server that holds the library. */
export function addGuardCommands(program: Command, services: Services, terminal: Terminal): void {
  const guard = program.command('guard').description('protect pages of a running machine, and see who writes them');

  const withMachine = async <Result>(
    word: string,
    options: CommonOptions,
    work: (client: HostClient, id: string) => Promise<Result>,
  ): Promise<Result> => {
    const library = libraryFolder(options.library, terminal.environment);
    const holder = await connectToHolder(services, library);
    if (!holder) throw new CommandError(EXIT.failed, `${word} is off: no program has the library ${library} open.`);
    try {
      return await work(holder.client, await findMachine(holder.client, word));
    } finally {
      holder.close();
    }
  };

  const common = (command: Command): Command =>
    command
      .argument('<machine>')
      .option('--library <folder>', 'the library (default: $VITRINE_LIBRARY, else your data folder)')
      .option('--json', 'print JSON');
  const ranged = (command: Command): Command =>
    common(command)
      .option('--address <hex>', 'first byte, a guest-physical address unless --linear')
      .option(
        '--bytes <number>',
        'how many, for instance 64 or 16K (default: 1, which is its page; of a symbol: as far as it reaches)',
      )
      .option('--linear', 'the address is linear, as the paging of --cpu maps it now')
      .addOption(new Option('--table <name>', 'what registers of --cpu point to instead').choices(['idt', 'gdt', 'ldt', 'tss']))
      .option('--symbol <name>', 'what lies at a symbol of the debugger instead')
      .option('--type <type@address>', 'an object instead, for instance "struct process@process_first" or "struct tss@0x1000"')
      .option('--field <type.field@address>', 'a field of an object instead, for instance "struct process.user@process_first"')
      .option('--profile <name>', 'whose types these are (default: those of the sample that the machine is made of)')
      .option('--cpu <number>', 'the virtual processor whose paging and registers count (default: 0)');

  const print = (state: GuardStateMessage, options: CommonOptions): void => {
    if (options.json) return jsonLine(terminal.stdout, state);
    for (const text of describe(state)) line(terminal.stdout, text);
  };

  ranged(guard.command('add').description('protect a range; it is in force when the command ends'))
    .addOption(new Option('--action <name>', 'what happens at a write').choices(Object.values(actionNames)).default('deny'))
    .option('--tree', 'set the action for writes to the guard’s own pages instead of protecting a range')
    .option('--at-power-on', 'keep it in the machine’s file, and set it at each power-on and reset')
    .action(async (word: string, options: RangeOptions & { action: string; tree?: boolean; atPowerOn?: boolean }) => {
      const action = actionOf(options.action);
      if (options.tree === true) {
        if (waysOf(options).length > 0) throw usage(`--tree names no range; give it without ${waysOf(options).join(' and ')}.`);
        return print(await withMachine(word, options, (client, id) => client.guard.treeAction({ id, action })), options);
      }
      const range = rangeOf(options);
      print(
        await withMachine(word, options, (client, id) => client.guard.add({ id, range, action, atPowerOn: options.atPowerOn })),
        options,
      );
    });

  ranged(guard.command('remove').description('let a range go'))
    .option('--all', 'everything; also out of a damaged tree')
    .action(async (word: string, options: RangeOptions & { all?: boolean }) => {
      if (options.all === true)
        return print(await withMachine(word, options, (client, id) => client.guard.clear({ id })), options);
      const range = rangeOf(options);
      print(await withMachine(word, options, (client, id) => client.guard.remove({ id, range })), options);
    });

  common(guard.command('list').description('what is protected, the tree that says so, and how often it was written')).action(
    async (word: string, options: CommonOptions) =>
      print(await withMachine(word, options, (client, id) => client.guard.state({ id })), options),
  );

  common(guard.command('watch').description('print alerts as they come, until interrupted'))
    .option('--history', 'those that are still known first')
    .option('--count <number>', 'end after so many')
    .action(async (word: string, options: CommonOptions & { history?: boolean; count?: string }) => {
      const count = options.count === undefined ? Infinity : numberOf(options.count, '--count');
      await withMachine(word, options, async (client, id) => {
        let seen = 0;
        for await (const alerts of await client.guard.watch({ id, history: options.history })) {
          for (const alert of alerts.slice(0, count - seen)) {
            if (options.json) jsonLine(terminal.stdout, jsonOf(alert));
            else line(terminal.stdout, sentence(alert));
          }
          seen += alerts.length;
          if (seen >= count) break;
        }
      });
    });
}

function actionOf(name: string): GuardActionName {
  const found = guardAction.options.find((action) => actionNames[action] === name);
  if (found === undefined) throw usage(`--action does not know ${name}.`);
  return found;
}

function numberOf(text: string, option: string): number {
  if (!/^\d{1,9}$/.test(text)) throw usage(`${option} takes a number, not ${text === '' ? 'nothing' : text}.`);
  return Number(text);
}

const ways = ['address', 'table', 'symbol', 'type', 'field'] as const;

/** Which of the options name a range. */
function waysOf(options: RangeOptions): string[] {
  return ways.filter((way) => options[way] !== undefined).map((way) => `--${way}`);
}

function rangeOf(options: RangeOptions): GuardRangeMessage {
  const { address, bytes, linear, table, symbol, type, field, profile, cpu: processor } = options;
  const cpu = numberOf(processor ?? '0', '--cpu');
  const [way, another] = waysOf(options);
  if (way === undefined) throw usage('What to protect? Give --address and --bytes, --table, --symbol, --type or --field.');
  if (another !== undefined) throw usage(`${way} says which bytes; give it without ${another}.`);
  const only = (option: string, given: boolean, allowed: readonly string[]): void => {
    if (given && !allowed.includes(way)) throw usage(`${option} goes with ${allowed.join(' or ')}, not with ${way}.`);
  };
  only('--linear', linear === true, ['--address']);
  only('--bytes', bytes !== undefined, ['--address', '--symbol']);
  only('--profile', profile !== undefined, ['--type', '--field']);
  if (table !== undefined) return { kind: 'table', table: table as 'idt' | 'gdt' | 'ldt' | 'tss', cpu };
  if (symbol !== undefined)
    return { kind: 'symbol', name: symbol, cpu, ...(bytes === undefined ? {} : { bytes: sizeOf(bytes) }) };
  if (type !== undefined || field !== undefined)
    return { kind: 'structure', expression: expressionOf(type, field), cpu, ...(profile === undefined ? {} : { profile }) };
  if (address === undefined || !/^(0x)?[0-9a-f]{1,8}$/i.test(address))
    throw usage(`--address takes a hexadecimal address of up to 8 digits, not ${address || 'nothing'}.`);
  if (processor !== undefined && linear !== true)
    throw usage('--cpu goes with --linear and with names; physical memory is the same for all processors.');
  const start = parseInt(address.replace(/^0x/i, ''), 16);
  const size = bytes === undefined ? 1 : sizeOf(bytes);
  return linear === true
    ? { kind: 'linear', address: start, bytes: size, cpu }
    : { kind: 'physical', address: start, bytes: size };
}

/** The expression of guest structures for "TYPE@ADDRESS" or "TYPE.FIELD@ADDRESS". */
function expressionOf(type: string | undefined, field: string | undefined): string {
  const form = type === undefined ? /^([^.@]+)\.([^@]+)@(.+)$/ : /^([^.@]+)()@(.+)$/;
  const [, name, path, at] = form.exec(type ?? field ?? '') ?? [];
  if (name === undefined || path === undefined || at === undefined)
    throw usage(
      type === undefined
        ? '--field is written as type.field@address, for instance "struct process.user@0x1000".'
        : '--type is written as type@address, for instance "struct process@0x1000".',
    );
  return type === undefined ? `((${name.trim()} *)(${at}))->${path.trim()}` : `*(${name.trim()} *)(${at})`;
}

/** Plain bytes, or a size with a unit. */
function sizeOf(text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : /^\d{1,7}K$/i.test(text) ? 1024 * parseInt(text, 10) : parseMemory(text);
  if (value < 1) throw usage('--bytes: At least one byte is protected.');
  return value;
}

function describe(state: GuardStateMessage): string[] {
  const used = state.nodes.filter(({ level }) => level !== null);
  const root = used.find(({ level }) => level === 2);
  return [
    state.ranges.length === 0 ? 'Nothing is protected.' : 'Protected:',
    ...state.ranges.map(
      ({ address, bytes, action, byHost }) =>
        `  ${hex(address)}-${hex(address + bytes - 1)}  ${actionNames[action].padEnd(9)}  ${byHost ? 'by the host' : 'by the agent'}`,
    ),
    `Tree: ${root === undefined ? 'empty' : `root at ${hex(root.address)}, ${used.length} nodes`}, ${state.nodes.length - used.length} spare pages; a write to it: ${actionNames[state.treeAction]}.`,
    ...(state.damaged === 0
      ? []
      : [
          `The tree is damaged in ${state.damaged} ${state.damaged === 1 ? 'place' : 'places'}; "remove --all" starts a new one.`,
        ]),
    state.agent === null
      ? 'No agent in the guest has registered.'
      : `Agent in the guest: ${state.agent}${state.sealed ? ', sealed' : ''}.`,
    `Alerts since power-on: ${state.alerts}, of which ${state.treeAlerts} at the tree.`,
  ];
}

function jsonOf(alert: GuardAlertMessage) {
  const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  return { ...alert, before: hexOf(alert.before), after: alert.after === null ? null : hexOf(alert.after) };
}

/** One alert as people read it. */
function sentence(alert: GuardAlertMessage): string {
  const bytes = (value: Uint8Array): string =>
    Buffer.from(value)
      .toString('hex')
      .replace(/(..)(?!$)/g, '$1 ');
  const what = { listed: 'write to', tree: 'ATTACK ON THE TREE at', damaged: 'damaged tree beside' }[alert.kind];
  const who =
    alert.writer === null
      ? 'a device'
      : `vCPU ${alert.writer.cpu} at ${hex(alert.writer.cs, 4)}:${hex(alert.writer.eip)}${alert.writer.symbol === null ? '' : ` <${alert.writer.symbol}>`}${{ instruction: '', delivery: ' (frame of an event)', walk: ' (page walk)', dma: '' }[alert.cause]}`;
  const change =
    alert.after === null
      ? bytes(alert.before)
      : `${bytes(alert.before)} -> ${bytes(alert.after)}${alert.size > alert.after.length ? ' …' : ''}`;
  const outcome = { made: 'made', dropped: 'denied', refused: 'refused with #GP' }[alert.outcome];
  return `${(alert.time / 1e9).toFixed(6).padStart(12)}  ${what} ${hex(alert.physical)}, ${alert.size} bytes, by ${who}: ${change} (${outcome}, ${actionNames[alert.action]})`;
}
