import { basename } from 'node:path';
import { Option, type Command } from 'commander';
import { pairRegister, type PairRegister } from '../contract/pairs.ts';
import { HostError } from '../host/errors.ts';
import { scancodesOf, scancodesOfKeys } from '../host/keyboard.ts';
import { readLibrary, readMachine, type StoredMachine } from '../host/library.ts';
import { readEtcdCredentials } from '../host/pair/etcd-credentials.ts';
import { libraryOf, Pair, runPairProcess, type PairOptions, type PairProcess, type PairStatus } from '../host/pair/pairs.ts';
import { failPoints, type FailPoint } from '../host/pair/protocol.ts';
import { runSideHere } from '../host/peer/sides-here.ts';
import { libraryFolder } from '../host/places.ts';
import { outcomeOf, usage } from './exit.ts';
import { unescape } from './guest-console.ts';
import { requestLines, statusLines } from './pair-words.ts';
import { parsePort } from './port.ts';
import { findMachine, withLibrary, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

interface PairCommandOptions {
  library?: string;
  json?: boolean;
}

/** `vitrine pair`: two machines, one service. */
export function addPairCommands(program: Command, services: Services, terminal: Terminal): void {
  const pair = program.command('pair').description('a machine in two processes of which either may die; clients of its serial port notice nothing');

  /** The machine, as its folder says it. */
  const stored = async (word: string, options: PairCommandOptions): Promise<{ machine: StoredMachine; library: string }> => {
    const library = libraryFolder(options.library, terminal.environment);
    const all = await readLibrary(services.disk, library);
    const exact = all.filter(({ id }) => id === word);
    const found = exact.length > 0 ? exact : all.filter((one) => 'file' in one && one.file.name.toLowerCase() === word.toLowerCase());
    const [machine] = found;
    if (machine === undefined) throw new HostError('NOT_FOUND', `There is no machine named ${word}; "vitrine list" shows what there is.`);
    if (found.length > 1) throw new HostError('BAD_INPUT', `Several machines are named ${word}: ${found.map(({ id }) => id).join(', ')}. Say which.`);
    if ('problem' in machine) throw machine.problem;
    return { machine, library };
  };
  const pairOf = (machine: StoredMachine) => new Pair(machine, services.engine.launch);
  const verb = (name: string, description: string) =>
    pair
      .command(name)
      .description(description)
      .argument('<machine>')
      .option('--library <folder>', 'the library (default: $VITRINE_LIBRARY, else your data folder)')
      .option('--json', 'print JSON');
  const give = async (word: string, strokes: readonly number[][], options: PairCommandOptions): Promise<void> => {
    const { machine } = await stored(word, options);
    await pairOf(machine).input(strokes.map((bytes) => ({ kind: 'scancodes', bytes })));
    if (options.json) jsonLine(terminal.stdout, { typed: strokes.length });
  };
  const print = (status: PairStatus, options: PairCommandOptions): void => {
    if (options.json) return jsonLine(terminal.stdout, status);
    for (const text of statusLines(status)) line(terminal.stdout, text);
  };

  verb('create', 'start a machine that is off as a pair on this host, and wait until it is protected')
    .addOption(new Option('--port <number>', 'where clients of COM1 connect, on loopback; 0: any that is free').default('0'))
    .addOption(new Option('--dead-after <milliseconds>', 'silence after which a side counts as gone').default('1000'))
    .addOption(new Option('--late-after <milliseconds>', 'for which output waits for its equal before a resync').default('200'))
    .addOption(new Option('--storm-after <number>', 'resyncs for divergence in 10 s behind which outputs are committed by periodic checkpoints').default('10'))
    .option('--peer <name>', 'run the secondary on this other host, on which "vitrine serve --peer" runs; needs --etcd')
    .option('--etcd <addresses>', 'keep the lease in etcd: its http or https addresses, with commas between them (default: in a file of this host)')
    .addOption(new Option('--lease-validity <milliseconds>', 'with --etcd: for which a side goes by what etcd said, and the other waits before it takes over').default('400'))
    .option('--etcd-ca <file>', 'the authority that has signed the certificate of an https etcd, in PEM (default: those that Node knows)')
    .option('--etcd-cert <file>', 'a certificate to show to etcd, in PEM; with --etcd-key')
    .option('--etcd-key <file>', 'its private key, in PEM')
    .option('--verify', 'compare both sides’ digests after each resync')
    .action(async (word: string, options: PairCommandOptions & { port: string; deadAfter: string; lateAfter: string; stormAfter: string; peer?: string; verify?: boolean } & LeaseOptions) => {
      const port = parsePort('--port', options.port);
      const deadAfter = numberFrom('--dead-after', options.deadAfter, 50);
      const lateAfter = numberFrom('--late-after', options.lateAfter, 10);
      const stormAfter = numberFrom('--storm-after', options.stormAfter, 1);
      const lease = leaseFrom(options);
      const { machine, library } = await withLibrary(services, terminal, libraryFolder(options.library, terminal.environment), async (client) => {
        const id = await findMachine(client, word);
        const entry = (await client.library.list()).find((one) => one.id === id);
        if (entry?.kind === 'machine' && entry.state !== 'off') throw new HostError('WRONG_STATE', `${entry.name} is ${entry.state}. A pair is made of a machine that is off.`);
        return stored(id, options);
      });
      print(await pairOf(machine).create(library, { port, deadAfter, lateAfter, stormAfter, lease, peer: options.peer, verify: options.verify === true }), options);
    });

  verb('status', 'how a pair fares, and why').action(async (word: string, options: PairCommandOptions) => {
    const one = pairOf((await stored(word, options)).machine);
    const [status, failover] = [await one.status(), await one.lastFailover()];
    if (options.json) return jsonLine(terminal.stdout, { ...status, failover: failover ?? null });
    for (const text of statusLines(status, failover)) line(terminal.stdout, text);
  });
  verb('output', 'the last that left on COM1, as clients got it: at most 64 KiB, byte for byte').action(async (word: string, options: PairCommandOptions) => {
    const { offset, bytes } = await pairOf((await stored(word, options)).machine).outside(0);
    if (options.json) return jsonLine(terminal.stdout, { offset, bytes: Buffer.from(bytes).toString('base64') });
    terminal.stdout.write(bytes);
  });
  verb('requests', 'the last inputs, and how long until the first byte of COM1 left behind each, whatever it answers').action(async (word: string, options: PairCommandOptions) => {
    const outside = await pairOf((await stored(word, options)).machine).outside(Number.MAX_SAFE_INTEGER);
    const shown = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    if (options.json) return jsonLine(terminal.stdout, outside.inputs.map(({ begin, left, ...rest }) => ({ ...rest, begin: shown(begin), left: left && { ...left, begin: shown(left.begin) } })));
    for (const text of requestLines(outside)) line(terminal.stdout, text);
  });
  verb('failover', 'kill the primary, as a power failure would, and wait until the other goes on').action(async (word: string, options: PairCommandOptions) => {
    print(await pairOf((await stored(word, options)).machine).failover(), options);
  });
  verb('reprotect', 'give a side that goes on alone a secondary again').action(async (word: string, options: PairCommandOptions) => {
    print(await pairOf((await stored(word, options)).machine).reprotect(), options);
  });
  verb('break', 'end a pair; the machine is left suspended in the library').action(async (word: string, options: PairCommandOptions) => {
    const { machine } = await stored(word, options);
    const state = await pairOf(machine).break();
    if (options.json) return jsonLine(terminal.stdout, { machine: machine.id, state });
    line(
      terminal.stdout,
      state === 'suspended'
        ? `${machine.file.name} is suspended; "vitrine resume ${machine.id}" goes on with it.`
        : `No side was left. ${machine.file.name} is off, with the disks of the side that spoke last.`,
    );
  });
  verb('type', 'type a text on the keyboard of a pair')
    .argument('<text>', '\\n, \\t and \\e stand for Enter, Tab and Escape')
    .action(async (word: string, text: string, options: PairCommandOptions) => {
      await give(word, scancodesOf(unescape(text, 'type')), options);
    });
  verb('key', 'press keys of a pair, one after the other')
    .argument('<keys...>', 'for instance f2, or ctrl+alt+delete')
    .action(async (word: string, keys: string[], options: PairCommandOptions) => {
      await give(word, keys.map(scancodesOfKeys), options);
    });
  pair
    .command('inject')
    .description('do something bad to a pair: what a client notices of it is nothing')
    .argument('<machine>')
    .argument('<fault>', 'kill, stop, cut, delay, flip-memory, flip-register, flip-output, fail-at, or resync, which does no harm')
    .addOption(new Option('--side <side>', 'to whom').choices(['primary', 'secondary']).default('secondary'))
    .addOption(new Option('--for <seconds>', 'how long stop lasts').default('2'))
    .addOption(new Option('--by <milliseconds>', 'how long delay holds each message back').default('50'))
    .addOption(new Option('--point <name>', 'the step of the protocol at which fail-at kills').choices([...failPoints]))
    .addOption(new Option('--signal <signal>', 'what fail-at does there').choices(['SIGKILL', 'SIGSTOP']).default('SIGKILL'))
    .addOption(new Option('--address <address>', 'where flip-memory changes a bit, in hexadecimal').default('2ff000'))
    .addOption(new Option('--cpu <number>', 'the vCPU of which flip-register changes a bit').default('0'))
    .addOption(new Option('--register <name>', 'the register, for flip-register').choices([...pairRegister.options]).default('eax'))
    .option('--full', 'a resync of all of the state, not of what was changed')
    .option('--library <folder>', 'the library (default: $VITRINE_LIBRARY, else your data folder)')
    .option('--json', 'print JSON')
    .action(async (word: string, fault: string, options: PairCommandOptions & { full?: boolean; side: 'primary' | 'secondary'; for: string; by: string; address: string; cpu: string; register: PairRegister; point?: FailPoint; signal: 'SIGKILL' | 'SIGSTOP' }) => {
      const one = pairOf((await stored(word, options)).machine);
      switch (fault) {
        case 'kill':
        case 'cut':
        case 'flip-output':
          await one.inject(options.side, { kind: fault });
          break;
        case 'stop':
          await one.inject(options.side, { kind: 'stop', seconds: numberFrom('--for', options.for, 1) });
          break;
        case 'delay':
          await one.inject(options.side, { kind: 'delay', milliseconds: numberFrom('--by', options.by, 0) });
          break;
        case 'flip-memory':
          if (!/^[0-9a-f]{1,8}$/iu.test(options.address)) throw usage(`--address takes a hexadecimal number, not ${options.address}.`);
          await one.inject(options.side, { kind: 'flip-memory', address: Number.parseInt(options.address, 16) });
          break;
        case 'flip-register':
          await one.inject(options.side, { kind: 'flip-register', cpu: numberFrom('--cpu', options.cpu, 0), register: options.register });
          break;
        case 'fail-at':
          if (options.point === undefined) throw usage(`fail-at takes --point: ${failPoints.join(', ')}.`);
          await one.inject(options.side, { kind: 'fail-at', point: options.point, signal: options.signal });
          break;
        case 'resync':
          await one.resync(options.full === true);
          break;
        default:
          throw usage(`There is no fault named ${fault}; there are kill, stop, cut, delay, flip-memory, flip-register, flip-output, fail-at and resync.`);
      }
      if (options.json) jsonLine(terminal.stdout, { done: true });
    });

  program
    .command('pair-process', { hidden: true })
    .description('a process of a pair; "pair create" starts these')
    .argument('<process>')
    .argument('<folder>', 'the machine’s')
    .argument('<side>')
    .action(async (kind: string, folder: string, side: string) => {
      if (kind === 'away' && side === 'b') {
        await forEver(terminal, side, () => runSideHere(folder, services.engine.createMachine));
        return;
      }
      if ((kind !== 'gateway' && kind !== 'primary' && kind !== 'secondary') || (side !== 'a' && side !== 'b')) throw usage('This is for "vitrine pair" alone.');
      const machine = await readMachine(services.disk, libraryOf(folder), basename(folder));
      if (machine === undefined) throw new HostError('NOT_FOUND', `There is no machine in ${folder}.`);
      if ('problem' in machine) throw machine.problem;
      const { disk, engine, guests } = services;
      await forEver(terminal, side, () => runPairProcess(kind satisfies PairProcess, machine, side, { disk, assemble: engine.assemble, guests }, engine.createMachine));
    });
}

async function forEver(terminal: Terminal, side: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Its links would keep it alive.
    line(terminal.stderr, `${side}: ${outcomeOf(error).sentence}`);
    process.exit(1);
  }
  await new Promise(() => {});
}

interface LeaseOptions {
  readonly etcd?: string;
  readonly leaseValidity: string;
  readonly etcdCa?: string;
  readonly etcdCert?: string;
  readonly etcdKey?: string;
}

function leaseFrom({ etcd, leaseValidity, etcdCa: ca, etcdCert: certificate, etcdKey: key }: LeaseOptions): PairOptions['lease'] {
  const validity = numberFrom('--lease-validity', leaseValidity, 100);
  if (etcd === undefined) {
    if (ca !== undefined || certificate !== undefined || key !== undefined) throw usage('--etcd-ca, --etcd-cert and --etcd-key go with --etcd.');
    return { kind: 'file' };
  }
  const endpoints = etcd.split(',').map((text) => text.trim());
  for (const text of endpoints) if (!/^https?:\/\//u.test(text) || !URL.canParse(text)) throw usage(`--etcd takes addresses like http://127.0.0.1:2379, not ${text}.`);
  return { kind: 'etcd', endpoints, validity, credentials: readEtcdCredentials({ ca, certificate, key }, endpoints) };
}

function numberFrom(option: string, text: string, least: number): number {
  const value = /^\d{1,8}$/u.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least)) throw usage(`${option} takes a number from ${least} on, not ${text}.`);
  return value;
}
