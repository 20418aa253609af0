import { createRouterClient } from '@orpc/server';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { serializers, type HostClient } from '../contract/contract.ts';
import { controlPath, MESSAGE_LIMIT, serveControl } from '../host/control-socket.ts';
import type { Disk } from '../host/disk.ts';
import { runDoctor } from '../host/doctor/doctor.ts';
import { HostError } from '../host/errors.ts';
import { Host, type EngineTools } from '../host/host.ts';
import { readLibrary } from '../host/library.ts';
import { lockHolder } from '../host/library-lock.ts';
import type { FrontContext } from '../host/router.ts';
import { router } from '../host/router.ts';
import { CommandError, EXIT } from './exit.ts';
import type { Terminal } from './terminal.ts';
import { line } from './terminal.ts';

/** What the commands work with. */
export interface Services {
  engine: EngineTools;
  disk: Disk;
  /** Shipped guests, worker programs, and the built UI. */
  guests: string;
  workers: string;
  files: string;
  version: string;
}

/** A library that this process holds. */
export interface HeldLibrary {
  host: Host;
  client: HostClient;
  context: FrontContext;
  close(): Promise<void>;
}

/** Opens the library in this process (LIBRARY_BUSY if another has it), and listens for other command lines meanwhile. */
export async function holdLibrary(
  services: Services,
  terminal: Terminal,
  library: string,
  program: string,
): Promise<HeldLibrary> {
  const warn = (sentence: string): void => line(terminal.stderr, `vitrine: ${sentence}`);
  const control = controlPath(library);
  const { engine, disk, guests, workers } = services;
  const host = await Host.open({ library, program, control, engine, disk, guests, warn });
  try {
    const context: FrontContext = {
      front: 'command-line',
      host,
      displayUrl: (_id, url) => url,
      doctor: () => runDoctor({ library, workers, guests }),
      log: (text) => {
        if (terminal.environment['VITRINE_DEBUG'] === '1') line(terminal.stderr, text);
      },
    };
    const socket = await serveControl(control, context);
    return {
      host,
      context,
      client: createRouterClient(router, { context }),
      async close() {
        await socket.close();
        await host.close();
      },
    };
  } catch (error) {
    await host.close();
    throw error;
  }
}

/** A client of the program that holds the library; undefined if none does. */
export async function connectToHolder(
  services: Services,
  library: string,
): Promise<{ client: HostClient; program: string; close(): void } | undefined> {
  const holder = await lockHolder(services.disk, library);
  if (!holder) return undefined;
  const socket = new WebSocket('ws://localhost/', {
    createConnection: () => connect(holder.control),
    maxPayload: MESSAGE_LIMIT,
    perMessageDeflate: false,
  });
  socket.binaryType = 'arraybuffer';
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
  } catch (error) {
    throw new CommandError(
      EXIT.failed,
      `The library is in use by ${holder.program} (process ${holder.pid}), which does not answer.`,
      { cause: error },
    );
  }
  const client: HostClient = createORPCClient(new RPCLink({ websocket: socket, customJsonSerializers: serializers }));
  return { client, program: holder.program, close: () => socket.close() };
}

/** The program that has the library open, in which the machine may be on. Where there is none, it is said whether there is such a machine. */
export async function requireHolder(services: Services, library: string, word: string) {
  const holder = await connectToHolder(services, library);
  if (holder) return holder;
  const isThere = (await readLibrary(services.disk, library)).some(
    (machine) => machine.id === word || ('file' in machine && machine.file.name.toLowerCase() === word.toLowerCase()),
  );
  if (!isThere) throw noMachine(word);
  throw new CommandError(EXIT.failed, `${word} is not on: no program has the library ${library} open.`);
}

function noMachine(word: string): HostError {
  return new HostError('NOT_FOUND', `There is no machine named ${word}; "vitrine list" shows what there is.`);
}

/** Does one thing with a library: through the program that holds it, or else in this process for as long as it takes. */
export async function withLibrary<Result>(
  services: Services,
  terminal: Terminal,
  library: string,
  work: (client: HostClient) => Promise<Result>,
): Promise<Result> {
  const holder = await connectToHolder(services, library);
  if (holder) {
    try {
      return await work(holder.client);
    } finally {
      holder.close();
    }
  }
  const held = await holdLibrary(services, terminal, library, 'the command line');
  try {
    return await work(held.client);
  } finally {
    await held.close();
  }
}

/** The one machine that a person's word means: its folder's name, or else its name if only one bears it. */
export async function findMachine(client: HostClient, word: string): Promise<string> {
  const entries = await client.library.list();
  const exact = entries.find(({ id }) => id === word);
  const found = exact
    ? [exact]
    : entries.filter((entry) => entry.kind === 'machine' && entry.name.toLowerCase() === word.toLowerCase());
  const [one] = found;
  if (!one) throw noMachine(word);
  if (found.length > 1)
    throw new HostError('BAD_INPUT', `Several machines are named ${word}: ${found.map(({ id }) => id).join(', ')}. Say which.`);
  if (one.kind === 'unreadable') throw new HostError('BROKEN', `${one.id}: ${one.problem}`);
  return one.id;
}
