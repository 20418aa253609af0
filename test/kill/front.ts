/** A real program that holds a library, and can be killed like any process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import { WebSocket } from 'ws';
import { installedElectron } from '../../build/electron.mjs';
import { serializers, type HostClient } from '../../main/contract/contract.ts';
import { nodeDisk } from '../../main/host/disk.ts';
import { lockHolder } from '../../main/host/library-lock.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** A loaded computer may need long. */
const OPEN_MILLISECONDS = 240_000;

/** `serve`: the headless host; a display's name: the app on that display. */
export type Kind = 'serve' | { readonly display: string };

export class Front {
  readonly ended: Promise<void>;
  #said = '';
  #socket: WebSocket | undefined;

  private constructor(
    private readonly child: ChildProcess,
    private readonly library: string,
  ) {
    this.ended = new Promise((resolve) => child.once('exit', () => resolve()));
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => (this.#said += bytes.toString()));
  }

  /** Begins it; it opens the library by itself. */
  static begin(kind: Kind, library: string): Front {
    const environment: NodeJS.ProcessEnv = { ...process.env, VITRINE_LIBRARY: library };
    if (kind === 'serve') {
      return new Front(
        spawn(process.execPath, [path.join(ROOT, 'out/cli/vitrine.js'), 'serve', '--json'], { env: environment }),
        library,
      );
    }
    const program = installedElectron();
    if (program === undefined) throw new Error('Electron is not in place.');
    const words = [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), `--user-data-dir=${library}-profile`, ROOT];
    return new Front(spawn(program, words, { env: { ...environment, DISPLAY: kind.display } }), library);
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** What it printed. */
  get said(): string {
    return this.#said;
  }

  /** The library's interface, once it is open. Throws with what the program said when it ends instead. */
  async open(): Promise<HostClient> {
    for (const end = Date.now() + OPEN_MILLISECONDS; Date.now() < end; await wait(20)) {
      if (!this.alive) throw new Error(`It ended instead of opening the library:\n${this.#said}`);
      const holder = await lockHolder(nodeDisk, this.library);
      if (holder === undefined || holder.pid !== this.child.pid) continue;
      const socket = new WebSocket('ws://localhost/', {
        createConnection: () => connect(holder.control),
        perMessageDeflate: false,
      });
      socket.binaryType = 'arraybuffer';
      const open = await new Promise<boolean>((resolve) => {
        socket.once('open', () => resolve(true));
        // The lock comes before the socket.
        socket.once('error', () => resolve(false));
      });
      if (!open) continue;
      socket.on('error', () => undefined);
      this.#socket = socket;
      return createORPCClient(new RPCLink({ websocket: socket, customJsonSerializers: serializers }));
    }
    const holder = JSON.stringify(await lockHolder(nodeDisk, this.library));
    throw new Error(
      `Process ${this.child.pid} did not open the library within ${OPEN_MILLISECONDS / 1000} s; its holder is ${holder}.\n${this.#said}`,
    );
  }

  /** At once, with all its threads. */
  async kill(): Promise<void> {
    if (this.alive) this.child.kill('SIGKILL');
    await this.ended;
    this.#socket?.terminate();
  }

  /** As a system that shuts down asks it. */
  async quit(): Promise<void> {
    this.#socket?.close();
    this.child.kill('SIGTERM');
    await this.ended;
  }
}
