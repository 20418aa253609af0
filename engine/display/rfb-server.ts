/**
 * An output for VNC viewers of other makers: RFB over TCP, with a password where others than this computer can come. Runs inside the machine's service
 * worker. Who may type, and whose size counts, is decided by the owner: a viewer is a client like any other.
 */
import { createServer, isIP, type Socket } from 'node:net';
import type { RfbAnswer, RfbListening, RfbViewerEvent } from '../machine/display-face.ts';
import type { MachineInput } from '../machine/machine.ts';
import { FrameLoop, mostViewers, type Viewer, type ViewerConnection } from './frame-loop.ts';
import type { FrameSource } from './frame.ts';
import { ResizeStatus } from './rfb/protocol.ts';
import { isWhole, type ResizeRequest } from './rfb/resizing.ts';

/** The address is a numeric one; of the password eight characters count. */
export interface RfbServerOptions extends RfbListening {
  source: FrameSource;
  name: string;
  onInput: (input: MachineInput) => void;
  /** An absolute position; true if the guest takes it. */
  onPosition: (place: { x: number; y: number; buttons: number; wheel: number; width: number; height: number }) => boolean;
  onViewer: (event: RfbViewerEvent) => void;
}

export interface RfbServer {
  readonly address: string;
  readonly port: number;
  answer(viewer: number, answer: RfbAnswer): void;
  close(): Promise<void>;
}

/** How long a guest may take to draw at a size that a viewer asked for, in milliseconds. */
const resizePatience = 3000;
/** After so many wrong passwords from one address it has to wait, in milliseconds. */
const mostFailures = 5;
const lockout = 10_000;
/** A viewer that has not come in by then never will. */
const handshakePatience = 120_000;

export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address);
}

/** Starts listening. Rejects with a TypeError for a wish that cannot be granted, and with the system's error when there is no such port to be had. */
export async function startRfbServer(options: RfbServerOptions): Promise<RfbServer> {
  const { password } = options;
  if (isIP(options.address) === 0) throw new TypeError(`${options.address} is not a numeric address.`);
  if (password !== undefined && (password.length < 6 || !/^[\x20-\x7e]+$/.test(password)))
    throw new TypeError('A password for VNC has at least 6 printable ASCII characters, of which the first 8 count.');
  if (password === undefined && !isLoopbackAddress(options.address))
    throw new TypeError(`Whoever reaches ${options.address} could type into the machine: give a password, or listen on 127.0.0.1.`);

  const loop = new FrameLoop(options.source, { input: options.onInput });
  const viewers = new Map<number, Viewer>();
  const failures = new Map<string, { count: number; until: number }>();
  let counted = 0;

  const server = createServer((socket) => admit(socket));
  function admit(socket: Socket): void {
    const from = socket.remoteAddress ?? 'unknown';
    const blocked = failures.get(from);
    if (loop.viewers.size >= mostViewers || (blocked !== undefined && blocked.count >= mostFailures && Date.now() < blocked.until)) {
      socket.destroy();
      return;
    }
    const viewer = ++counted;
    let joined = false;
    const connection = connectionOf(socket, (reason) => {
      if (reason.includes('password')) {
        // An address that has waited begins anew.
        const before = failures.get(from);
        const count = before === undefined || Date.now() >= before.until ? 1 : before.count + 1;
        failures.set(from, { count, until: Date.now() + lockout });
      }
      options.onViewer({ viewer, kind: 'refused', address: from, reason });
    });
    const tooLong = setTimeout(() => {
      if (!joined) socket.destroy();
    }, handshakePatience);
    const admitted = loop.admit(
      connection,
      {
        name: options.name,
        security: password === undefined ? { kind: 'none' } : { kind: 'vnc', password },
        input: false,
        // One that comes from this computer may have come through a tunnel: it gets what it names first.
        link: 'network',
      },
      {
        position: options.onPosition,
        initialized(shared) {
          joined = true;
          clearTimeout(tooLong);
          failures.delete(from);
          options.onViewer({ viewer, kind: 'joined', address: from, shared });
        },
        resize: (request) => askForSize(viewer, admitted, request),
      },
    );
    viewers.set(viewer, admitted);
    connection.onClose(() => {
      clearTimeout(tooLong);
      viewers.delete(viewer);
      if (joined) options.onViewer({ viewer, kind: 'left' });
    });
  }

  function askForSize(viewer: number, { session }: Viewer, request: ResizeRequest): void {
    // One output is one screen.
    if (!isWhole(request)) session.resizing.refuse(ResizeStatus.invalidLayout);
    else options.onViewer({ viewer, kind: 'resize', width: request.width, height: request.height });
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('The RFB server has no port.');
  let closing: Promise<void> | undefined;
  return {
    address: bound.address,
    port: bound.port,
    answer(number, answer) {
      const viewer = viewers.get(number);
      if (viewer === undefined) return;
      const { session, connection } = viewer;
      switch (answer.kind) {
        case 'input':
          session.allowInput(answer.allowed);
          return;
        case 'resized': {
          const { width, height } = answer;
          session.resizing.expect(width, height);
          loop.wake();
          setTimeout(() => {
            // A guest that knows nothing of its display stays as it is, and the viewer is told so.
            if (!session.resizing.waitsFor(width, height)) return;
            session.resizing.refuse(ResizeStatus.prohibited);
            loop.wake();
          }, resizePatience).unref();
          return;
        }
        case 'not-resized':
          session.resizing.refuse(
            { prohibited: ResizeStatus.prohibited, 'too-large': ResizeStatus.outOfResources, invalid: ResizeStatus.invalidLayout }[answer.why],
          );
          loop.wake();
          return;
        case 'end':
          connection.end();
      }
    },
    close() {
      closing ??= Promise.all([loop.close(), new Promise<void>((resolve) => server.close(() => resolve()))]).then(() => undefined);
      return closing;
    },
  };
}

function connectionOf(socket: Socket, refused: (reason: string) => void): ViewerConnection {
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  return {
    get open() {
      return !socket.destroyed && socket.writable;
    },
    get buffered() {
      return socket.writableLength;
    },
    send(bytes) {
      if (socket.writable) socket.write(bytes);
    },
    refuse(reason) {
      refused(reason);
      // What was said to it is still to arrive.
      socket.end();
      setTimeout(() => socket.destroy(), 1000).unref();
    },
    end: () => void socket.destroy(),
    onData: (take) => void socket.on('data', take),
    onClose: (gone) => void socket.once('close', gone),
  };
}
