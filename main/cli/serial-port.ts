import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { explain } from '../host/errors.ts';
import { HistoryRing } from '../host/history-ring.ts';
import { CommandError, EXIT, usage } from './exit.ts';
import type { SerialTarget } from './run-options.ts';
import { line, type Terminal } from './terminal.ts';

/** The host's end of COM1. */
export interface SerialPort {
  /** Bytes that the guest wrote. */
  write(bytes: Uint8Array): void;
  /** Where they are printed: ends the last line if the guest did not, since something else is printed next. */
  endLine?(): void;
  /** Settles when all is written and nothing is open any more. May be called twice. */
  close(): Promise<void>;
}

/** In a raw terminal Ctrl-C is a byte like any other. */
const CONTROL_C = 0x03;

const LINE_END = 0x0a;

/** What a TCP client sees that comes late. */
const HISTORY_BYTES = 64 * 1024;

/** Opens the target. `receive` takes bytes for the guest; `interrupt` is called for Ctrl-C in a raw terminal. */
export async function openSerial(
  target: SerialTarget,
  terminal: Terminal,
  receive: (bytes: Uint8Array) => void,
  interrupt: () => void,
): Promise<SerialPort> {
  switch (target.kind) {
    case 'output':
      return openOutput(terminal.stdout);
    case 'stdio':
      return openStdio(terminal, receive, interrupt);
    case 'file':
      return openFile(target.path);
    case 'tcp':
      return openTcp(target.port, terminal, receive);
  }
}

/** Ends the last line if the guest did not, so that what is printed next stands on a line of its own. */
function openOutput(stream: Writable): SerialPort {
  let last = LINE_END;
  const endLine = (): void => {
    if (last !== LINE_END) stream.write('\n');
    last = LINE_END;
  };
  return {
    endLine,
    write(bytes) {
      last = bytes.at(-1) ?? last;
      stream.write(bytes);
    },
    close() {
      endLine();
      return drained(stream);
    },
  };
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}

function openStdio(terminal: Terminal, receive: (bytes: Uint8Array) => void, interrupt: () => void): SerialPort {
  const { stdin, stdout } = terminal;
  const raw = stdin.isTTY === true && stdin.setRawMode !== undefined;
  const take = (chunk: Buffer | string): void => {
    const bytes = new Uint8Array(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    if (raw && bytes.includes(CONTROL_C)) interrupt();
    else receive(bytes);
  };
  const output = openOutput(stdout);
  if (raw) stdin.setRawMode?.(true);
  stdin.on('data', take);
  stdin.resume();
  return {
    write: output.write,
    endLine: () => output.endLine?.(),
    close() {
      stdin.off('data', take);
      stdin.pause();
      if (raw) stdin.setRawMode?.(false);
      return output.close();
    },
  };
}

async function openFile(path: string): Promise<SerialPort> {
  let failure: Error | undefined;
  try {
    await (await open(path, 'w')).close();
  } catch (error) {
    throw explain(error, path);
  }
  const stream = createWriteStream(path);
  stream.on('error', (error) => {
    failure = explain(error, path);
  });
  return {
    write: (bytes) => {
      if (!failure) stream.write(bytes);
    },
    async close() {
      if (!stream.closed) {
        await new Promise<void>((resolve) => {
          stream.once('close', () => resolve());
          stream.end();
        });
      }
      if (failure) throw failure;
    },
  };
}

async function openTcp(port: number, terminal: Terminal, receive: (bytes: Uint8Array) => void): Promise<SerialPort> {
  const history = new HistoryRing(HISTORY_BYTES);
  let client: Socket | undefined;
  const server = createServer((socket) => {
    if (client) {
      socket.end('Somebody else is connected to this serial port.\r\n');
      return;
    }
    client = socket;
    // A line that a person or a program waits for is not held back for more.
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      client = undefined;
    });
    socket.on('data', (bytes) => receive(new Uint8Array(bytes)));
    socket.write(history.read().bytes);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve());
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') throw usage(`--serial tcp:${port}: the port is in use.`);
    throw new CommandError(EXIT.failed, `--serial tcp:${port}: ${explain(error, 'The port').message}`, { cause: error });
  }
  const bound = server.address();
  if (bound !== null && typeof bound !== 'string') line(terminal.stderr, `vitrine: COM1 is on 127.0.0.1:${bound.port}`);
  return {
    write(bytes) {
      history.push(bytes);
      client?.write(bytes);
    },
    async close() {
      client?.end();
      if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
