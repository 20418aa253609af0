import { hostname } from 'node:os';
import { Option, type Command } from 'commander';
import type { HostClient } from '../contract/contract.ts';
import type { DisplayLogEntry, DisplayStateMessage, InputRequestMessage, OutputRequestMessage } from '../contract/display.ts';
import { libraryFolder } from '../host/places.ts';
import { CommandError, EXIT, usage } from './exit.ts';
import { parseOutputs } from './display-options.ts';
import { parsePlace, rfbPassword } from './port.ts';
import { connectToHolder, findMachine, withLibrary, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

interface CommonOptions {
  library?: string;
  json?: boolean;
}

interface AttachOptions extends CommonOptions {
  output?: string[];
  name: string;
  client: string;
  pointer?: boolean;
  touch?: string;
  pen?: boolean;
  view?: boolean;
  takeOver?: boolean;
  whenEnds?: 'suspend' | 'run';
  seconds?: string;
  untilFrame?: boolean;
}

interface SetOptions extends CommonOptions {
  output?: string[];
  whenSessionEnds?: 'suspend' | 'run';
  virtioGpu?: 'on' | 'off';
  virtioInput?: 'on' | 'off';
}

const repeated = (value: string, before: string[] = []): string[] => [...before, value];

/** `vitrine display`: what a machine's displays are, and who has them; of a machine that runs in the app or server that holds the library. */
export function addDisplayCommands(program: Command, services: Services, terminal: Terminal): void {
  const display = program.command('display').description('display sessions: who has a machine’s displays, and what they are');

  const withMachine = async <Result>(word: string, options: CommonOptions, work: (client: HostClient, id: string) => Promise<Result>): Promise<Result> => {
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
  const outputHelp = 'a display: [NUMBER=]WIDTHxHEIGHT[,mm=WxH][,scale=PERCENT][,rotate=DEGREES][,refresh=HZ][,at=X:Y][,primary], or NUMBER=off; repeatable';

  common(display.command('list').description('sessions, outputs and what the guest makes of them')).action(async (word: string, options: CommonOptions) => {
    const state = await withMachine(word, options, (client, id) => client.display.state({ id }));
    if (options.json) return jsonLine(terminal.stdout, withoutBytes(state));
    for (const text of describe(state)) line(terminal.stdout, text);
  });

  common(display.command('attach').description('take the machine with displays of these properties, until interrupted'))
    .option('--output <display>', outputHelp, repeated)
    .option('--name <name>', 'what this client is called', `Terminal on ${hostname()}`.slice(0, 40))
    .option('--client <id>', 'tells clients apart; two commands with one are one session', `terminal-${process.pid}`)
    .option('--pointer', 'it has an absolute pointer')
    .option('--touch <points>', 'it has a touch screen for so many fingers')
    .option('--pen', 'it has a pen')
    .option('--view', 'look on, and change nothing')
    .option('--take-over', 'end the session of whoever has the machine')
    .addOption(new Option('--when-ends <what>', 'what the machine does when the session ends').choices(['suspend', 'run']).default('suspend'))
    .option('--seconds <number>', 'end after so long')
    .option('--until-frame', 'end when the guest has drawn at the right size; status 124 when --seconds are over first')
    .action((word: string, options: AttachOptions) => withMachine(word, options, (client, id) => attach(client, id, options, terminal)));

  common(display.command('set').description('change the displays of whoever has the machine'))
    .option('--output <display>', outputHelp, repeated)
    .addOption(new Option('--when-session-ends <what>', 'what the machine does when a session ends; kept in its file').choices(['suspend', 'run']))
    .addOption(new Option('--virtio-gpu <what>', 'a virtio GPU for guests with a driver for it; while the machine is off').choices(['on', 'off']))
    .addOption(new Option('--virtio-input <what>', 'virtio input devices that come and go with the session; while the machine is off').choices(['on', 'off']))
    .action(async (word: string, options: SetOptions) => {
      const { output, whenSessionEnds, virtioGpu, virtioInput } = options;
      if (output === undefined && whenSessionEnds === undefined && virtioGpu === undefined && virtioInput === undefined)
        throw usage('What to set? Give --output, --when-session-ends, --virtio-gpu or --virtio-input.');
      const outputs = output === undefined ? undefined : parseOutputs(output);
      // What stands in the machine's file can be set while nobody has the library open.
      const library = libraryFolder(options.library, terminal.environment);
      const result = await withLibrary(services, terminal, library, async (client) => {
        const id = await findMachine(client, word);
        if (virtioGpu !== undefined) await client.library.configure({ id, virtioGpu: virtioGpu === 'on' });
        if (virtioInput !== undefined) await client.library.configure({ id, virtioInput: virtioInput === 'on' });
        if (whenSessionEnds !== undefined) await client.display.whenSessionEnds({ id, whenSessionEnds });
        return outputs === undefined ? undefined : client.display.set({ id, outputs });
      });
      for (const sentence of result?.ignored ?? []) line(terminal.stderr, `vitrine: ${sentence}`);
      if (options.json) jsonLine(terminal.stdout, result ?? {});
    });

  common(display.command('rfb').description('let VNC viewers connect to output 0 while the machine is on'))
    .option('--port <port>', '[ADDRESS:]PORT; 0 is any that is free (default: 0 of this computer only). Password from $VITRINE_RFB_PASSWORD')
    .option('--off', 'no more; viewers are disconnected')
    .action(async (word: string, options: CommonOptions & { port?: string; off?: boolean }) => {
      if (options.off === true && options.port !== undefined) throw usage('--off takes no --port.');
      const place = parsePlace('--port', options.port ?? '0');
      const password = rfbPassword(terminal.environment);
      const bound = await withMachine(word, options, (client, id) =>
        options.off === true ? client.display.unlisten({ id }).then(() => undefined) : client.display.listen({ id, ...place, password }),
      );
      if (options.json) jsonLine(terminal.stdout, bound ?? {});
      else if (bound !== undefined) line(terminal.stdout, `VNC viewers may connect to ${bound.address}, port ${bound.port} (${bound.address}::${bound.port} for TigerVNC).`);
    });

  common(display.command('log').description('what happened to its sessions, and what was refused'))
    .option('--follow', 'go on until interrupted')
    .action(async (word: string, options: CommonOptions & { follow?: boolean }) => {
      const print = (entry: DisplayLogEntry): void => {
        if (options.json) jsonLine(terminal.stdout, entry);
        else line(terminal.stdout, `${new Date(entry.at).toISOString()}  ${entry.session === 0 ? '-' : `#${entry.session}`}  ${entry.what.padEnd(9)}  ${entry.sentence}`);
      };
      await withMachine(word, options, async (client, id) => {
        const stop = new AbortController();
        const end = terminal.onSignal(() => stop.abort());
        try {
          for await (const event of await client.display.watch({ id, history: true }, { signal: stop.signal })) {
            if (event.kind !== 'log') continue;
            event.entries.forEach(print);
            // The history is one event, also when it is empty.
            if (options.follow !== true) return;
          }
        } catch (error) {
          if (!stop.signal.aborted) throw error;
        } finally {
          end();
        }
      });
    });
}

async function attach(client: HostClient, id: string, options: AttachOptions, terminal: Terminal): Promise<void> {
  const outputs: OutputRequestMessage[] = parseOutputs(options.output ?? ['1280x800']);
  const seconds = options.seconds === undefined ? undefined : numberOf(options.seconds, '--seconds');
  const input: InputRequestMessage = {
    keyboard: true,
    mouse: true,
    pointer: options.pointer === true,
    touchPoints: options.touch === undefined ? 0 : numberOf(options.touch, '--touch'),
    pen: options.pen === true,
  };
  const stop = new AbortController();
  const { name, client: own, whenEnds, takeOver } = options;
  let attachment: number | undefined;
  let left = false;
  /** The host ends the stream of an attachment that is given back; one that is only cut is taken for lost. */
  const leave = async (): Promise<void> => {
    left = true;
    if (attachment === undefined) stop.abort();
    else await client.display.detach({ id, attachment }).catch(() => stop.abort());
  };
  const endSignals = terminal.onSignal(() => void leave());
  let overdue = false;
  const timer =
    seconds === undefined
      ? undefined
      : setTimeout(() => {
          overdue = true;
          void leave();
        }, seconds * 1000);
  try {
    const events = await client.display.attach(
      { id, client: { id: own, name }, outputs, input, role: options.view === true ? 'viewer' : 'holder', takeOver, whenEnds },
      { signal: stop.signal },
    );
    for await (const event of events) {
      if (options.json) jsonLine(terminal.stdout, event);
      if (event.kind === 'attached') {
        ({ attachment } = event);
        for (const sentence of event.ignored) line(terminal.stderr, `vitrine: ${sentence}`);
        if (!options.json) line(terminal.stdout, event.role === 'viewer' ? `Looks on at session ${event.session}.` : `Session ${event.session}.`);
      } else if (event.kind === 'frame') {
        if (!options.json) line(terminal.stdout, `First frame at the right size after ${event.after.toFixed(1)} ms.`);
        if (options.untilFrame === true) {
          overdue = false;
          await leave();
          return;
        }
      } else {
        throw new CommandError(EXIT.failed, event.reason);
      }
    }
  } catch (error) {
    if (!left || error instanceof CommandError) throw error;
  } finally {
    clearTimeout(timer);
    endSignals();
  }
  if (overdue && options.untilFrame === true) throw new CommandError(EXIT.timeOut, 'The time was up before the guest had drawn at the right size.');
}

function numberOf(text: string, option: string): number {
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text)) throw usage(`${option} takes a number, not ${text === '' ? 'nothing' : text}.`);
  return Number(text);
}

function withoutBytes(state: DisplayStateMessage) {
  return { ...state, outputs: state.outputs.map(({ edid, ...rest }) => ({ ...rest, edid: Buffer.from(edid).toString('hex') })) };
}

function describe(state: DisplayStateMessage): string[] {
  const { session, outputs, viewers, input } = state;
  const devices = [
    ...(input.keyboard ? ['keyboard'] : []),
    ...(input.mouse ? ['mouse'] : []),
    ...(input.pointer ? ['absolute pointer'] : []),
    ...(input.touchPoints > 0 ? [`touch (${input.touchPoints})`] : []),
    ...(input.pen ? ['pen'] : []),
  ];
  return [
    session === null
      ? `Nobody has the machine (${state.phase}).`
      : `${session.name} has it: session ${session.number}, ${state.phase}${session.firstFrameAfter === null ? '' : `, first frame after ${session.firstFrameAfter.toFixed(1)} ms`}.`,
    ...viewers.map(({ name }) => `${name} looks on.`),
    ...outputs.flatMap(({ output, properties, use, shown, frames, right, refusal }) => {
      if (properties === null) return [];
      const { width, height, millimetres, scale, orientation, refresh, x, y, primary } = properties;
      const size = millimetres === null ? 'size not known' : `${millimetres.width} x ${millimetres.height} mm${millimetres.estimated ? ' (estimated)' : ''}`;
      const guest = use === 'dark' ? 'dark' : `${use === 'vga' ? 'VGA' : `frame ${frames}`}, ${shown.width} x ${shown.height}${right ? '' : ', not its size'}`;
      return [
        `Output ${output}  ${width} x ${height} at ${x}, ${y}${primary ? ', primary' : ''}; ${size}, ${scale} %, ${orientation} degrees, ${refresh} Hz; guest: ${guest}${refusal === '' ? '' : `. ${refusal}`}`,
      ];
    }),
    `Input: ${devices.join(', ') || 'none'}.`,
    ...state.devices.map(
      ({ kind, place, state: here, driver, contacts }) =>
        `Device ${place}  ${kind}${contacts > 0 ? ` (${contacts})` : ''}; ${here === 'present' ? `driver: ${driver}` : here === 'leaving' ? 'the guest is asked to eject it' : 'another one comes when the guest has ejected it'}`,
    ),
    ...(state.rfb === null ? [] : [`VNC viewers may connect to ${state.rfb.address}, port ${state.rfb.port}${state.rfb.password ? ', with a password' : ''}.`]),
    `When a session ends: ${state.whenSessionEnds}.`,
  ];
}
