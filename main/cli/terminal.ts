import type { Readable, Writable } from 'node:stream';

/** Where the command line reads and writes; the process's own streams, or a test's. */
export interface Terminal {
  stdin: Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  stdout: Writable;
  stderr: Writable;
  environment: NodeJS.ProcessEnv;
  /** Calls back at Ctrl-C or a request to end; returns how to stop listening. */
  onSignal(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
}

export function line(stream: Writable, text: string): void {
  stream.write(`${text}\n`);
}

/** One line of JSON. Bytes become base64 text, since JSON has none. */
export function jsonLine(stream: Writable, value: unknown): void {
  const text = JSON.stringify(value, (_key, part: unknown) => (part instanceof Uint8Array ? Buffer.from(part).toString('base64') : part));
  line(stream, text);
}

/** The process's own streams and signals. */
export function processTerminal(): Terminal {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    onSignal(listener) {
      const interrupt = (): void => listener('SIGINT');
      const end = (): void => listener('SIGTERM');
      process.on('SIGINT', interrupt);
      process.on('SIGTERM', end);
      return () => {
        process.off('SIGINT', interrupt);
        process.off('SIGTERM', end);
      };
    },
  };
}
