/** The port of a machine's gdb server: one gdb at a time, on loopback unless told otherwise. */
import { createServer, type Server, type Socket } from 'node:net';
import { MachineError, type Machine } from '../../machine/machine.ts';
import type { BreakpointStore } from '../store.ts';
import { GdbSession } from './session.ts';

export interface GdbListenerOptions {
  machine: Machine;
  store: BreakpointStore;
  /** 0: any that is free. */
  port: number;
  /** Address to listen at; loopback without it. */
  host?: string | undefined;
  warn: (sentence: string) => void;
  /** A gdb came or went. */
  changed: () => void;
}

export interface GdbListener {
  readonly port: number;
  readonly host: string;
  /** A gdb is attached. */
  readonly attached: boolean;
  close(): Promise<void>;
}

const loopback = '127.0.0.1';
/** Bytes that a gdb may leave unread before it is given up. */
const longestBacklog = 16 << 20;

/** Throws MachineError with a sentence when the port cannot be had. */
export async function listenForGdb(options: GdbListenerOptions): Promise<GdbListener> {
  const { machine, store, warn, changed, host = loopback } = options;
  let current: { socket: Socket; session: GdbSession } | undefined;
  const server = createServer((socket) => {
    if (current !== undefined) {
      warn('Another gdb wanted to attach to a machine that has one; it was turned away.');
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const leave = (): void => {
      if (current?.socket === socket) current = undefined;
    };
    const session = new GdbSession(machine, store, {
      send: (bytes) => {
        if (socket.destroyed) return;
        socket.write(bytes);
        if (socket.writableLength > longestBacklog) socket.destroy();
      },
      close: () => {
        leave();
        socket.end();
      },
      warn,
    });
    current = { socket, session };
    socket.on('data', (bytes) => session.receive(bytes));
    // Whatever breaks a connection ends it; `close` follows.
    socket.on('error', () => undefined);
    socket.on('end', leave);
    socket.on('close', () => {
      leave();
      void session.closed().finally(changed);
    });
    changed();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(refusal(error, options.port, host)));
    server.listen(options.port, host, () => resolve());
  });
  const port = portOf(server);
  return {
    port,
    host,
    get attached() {
      return current !== undefined;
    },
    close: async () => {
      current?.socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The gdb server has no port.');
  return address.port;
}

function refusal(error: NodeJS.ErrnoException, port: number, host: string): MachineError {
  const why =
    error.code === 'EADDRINUSE'
      ? `Port ${port} is in use by another program; choose another one for gdb.`
      : error.code === 'EACCES'
        ? `This user may not listen on port ${port}; choose one above 1023 for gdb.`
        : `gdb cannot be served at ${host}, port ${port}: ${error.message}.`;
  return new MachineError('bad-configuration', why, { cause: error });
}
