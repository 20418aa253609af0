/** A display's RFB between hosts: on both of them a WebSocket on loopback is joined to a link, which is TLS. */
import { WebSocket, type RawData } from 'ws';
import { linkHeader } from '../engine-types.ts';
import { HostError } from '../errors.ts';
import type { Link } from '../pair/link.ts';

/** Answers a request, and has the link from then on. */
export class LinkTaker {
  constructor(readonly take: (link: Link) => void) {}
}

/** Bytes that may wait for one end before the other is held, and how often it is looked whether that is over, in milliseconds. */
const waitingLimit = 1 << 20;
const recheck = 20;
/** Milliseconds between two signs of life, and of silence after which the other host counts as gone. */
const beatInterval = 1000;
const patience = 10_000;

/** Connects to a display on this host for a viewer on another one. Paused: nothing is lost until somebody listens. */
export function connectDisplay(url: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, ['binary'], { perMessageDeflate: false, headers: { [linkHeader]: 'network' } });
    socket.once('error', (cause) => reject(new HostError('WRONG_STATE', 'The display cannot be looked at now.', { cause })));
    socket.once('open', () => {
      socket.pause();
      resolve(socket);
    });
  });
}

/** Joins them until either ends, which ends the other. */
export function relay(socket: WebSocket, link: Link): void {
  const isOpen = () => link.isOpen && socket.readyState === WebSocket.OPEN;
  const end = () => {
    socket.terminate();
    link.close();
  };
  /** Holds one end while too much waits for the other. */
  const heed = (waiting: () => number, hold: () => void, letGo: () => void) => {
    if (waiting() < waitingLimit) return;
    hold();
    const timer = setInterval(() => {
      if (isOpen() && waiting() >= waitingLimit) return;
      clearInterval(timer);
      letGo();
    }, recheck);
  };
  link.onMessage = (message) => {
    if (!(message instanceof Uint8Array) || !isOpen()) return end();
    socket.send(message);
    heed(() => socket.bufferedAmount, () => link.pause(), () => link.resume());
  };
  link.onClose = () => socket.close();
  socket.on('message', (data: RawData, isBinary: boolean) => {
    // RFB has bytes only.
    if (!isBinary || !Buffer.isBuffer(data)) return end();
    link.send(data);
    heed(() => link.waiting, () => socket.pause(), () => socket.resume());
  });
  socket.on('close', () => link.close());
  socket.on('error', end);
  if (!isOpen()) return end();
  link.keepAlive(beatInterval, patience);
  socket.resume();
}
