/**
 * Messages over a socket: 4 bytes of length, then the message (wire.ts). A length of zero says only that somebody is there. Local sockets lie in a folder that nobody
 * else can open; those of other hosts are TLS (main/host/peer/secure.ts).
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { decode, encode } from './wire.ts';

/** A message that is longer cannot be one. */
const longest = 2 ** 31 - 1;
/** Up to here copying what is sent together costs less than handing it to the system in pieces. */
const joinedBytes = 1 << 16;
/** Milliseconds for which a message that is in no hurry waits for another to go with. */
const lingering = 100;
/** Milliseconds between two looks at a silent link that are none of the process's standing still. */
const leastStall = 100;

/**
 * What is sent in one turn of the event loop leaves in one write: a write wakes the other process, which costs more than all else about a
 * small message.
 */
export class Link {
  #outgoing: Buffer[] = [];
  #outgoingBytes = 0;
  #flushing: NodeJS.Immediate | undefined;
  /** The newest of each kind that is in no hurry. */
  readonly #lazy = new Map<string, unknown>();
  #lingering: NodeJS.Timeout | undefined;
  #waiting: Buffer[] = [];
  #length = 0;
  #closed = false;
  #beats: NodeJS.Timeout | undefined;
  /** Milliseconds for which each message is held back: a fault to be tried. */
  delay = 0;
  /** Writes that wait for their time, and their end. */
  #late = 0;
  #written: Promise<void> = Promise.resolve();
  /** When anything came last, by performance.now(). */
  heardAt = performance.now();
  /** How often somebody looks whether the other end is silent, and when that was last. */
  #interval = Infinity;
  #lookedAt = performance.now();
  /** Milliseconds since anything came for which this process stood still itself. */
  #stoodStill = 0;
  /** Bytes so far, each way. */
  sent = 0;
  received = 0;
  onMessage: (message: unknown) => void = () => {};
  onClose: () => void = () => {};

  /** `limit`: bytes of a message, which may be raised. */
  constructor(
    private readonly socket: Socket,
    public limit = longest,
  ) {
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    // What is wrong with a socket shows as its end.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (this.#closed) return;
      this.#closed = true;
      clearInterval(this.#beats);
      this.onClose();
    });
  }

  /** Says every `interval` milliseconds that this end is there, and closes when nothing has come for `patience`. Both ends have to. */
  keepAlive(interval: number, patience: number): void {
    clearInterval(this.#beats);
    this.listen(interval);
    this.#beats = setInterval(() => {
      if (this.look() > patience) this.close();
      else this.#frame([]);
    }, interval);
  }

  /** Silence counts from now on; `look` is called every `interval` milliseconds. */
  listen(interval: number): void {
    this.#interval = interval;
    this.heardAt = this.#lookedAt = performance.now();
    this.#stoodStill = 0;
  }

  /** The silence, and that somebody has looked. */
  look(): number {
    const now = performance.now();
    this.#stoodStill += this.#stands(now);
    this.#lookedAt = now;
    return this.silence;
  }

  /**
   * Milliseconds for which nothing has come. A time for which this process could not look, as when it or its whole host stood still, is not counted: what came
   * meanwhile is still to be read, and who speaks may have stood still as well.
   */
  get silence(): number {
    const now = performance.now();
    return Math.max(0, now - this.heardAt - this.#stoodStill - this.#stands(now));
  }

  /** Milliseconds for which this process has stood still since it looked, or heard something. Turns that are a little late are none. */
  #stands(now: number): number {
    const gap = now - Math.max(this.#lookedAt, this.heardAt);
    return gap > Math.max(2 * this.#interval, leastStall) ? gap - this.#interval : 0;
  }

  /** Whatever size a message may have. */
  trust(): void {
    this.limit = longest;
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  send(message: unknown): void {
    if (this.#closed) return;
    this.#frame(encode(message));
  }

  #frame(pieces: readonly Buffer[]): void {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(length, 0);
    this.#outgoing.push(head, ...pieces);
    this.#outgoingBytes += head.length + length;
    this.#flushing ??= setImmediate(() => this.flush());
  }

  /** A message that only tells how far something has come: a newer one of the same `key` takes its place, and it goes along with what is sent anyway. */
  sendLazily(key: string, message: unknown): void {
    if (this.#closed) return;
    this.#lazy.set(key, message);
    this.#lingering ??= setTimeout(() => this.flush(), lingering);
  }

  /** What was sent is on its way when this returns, whatever becomes of this process. */
  flush(): void {
    clearTimeout(this.#lingering);
    this.#lingering = undefined;
    for (const message of this.#lazy.values()) this.send(message);
    this.#lazy.clear();
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    const pieces = this.#outgoing;
    const bytes = this.#outgoingBytes;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    if (pieces.length === 0) return;
    const write = () => {
      if (this.#closed) return;
      this.sent += bytes;
      if (bytes <= joinedBytes) {
        this.socket.write(Buffer.concat(pieces, bytes));
        return;
      }
      this.socket.cork();
      for (const piece of pieces) this.socket.write(piece);
      this.socket.uncork();
    };
    if (this.delay === 0 && this.#late === 0) return write();
    // Nothing overtakes what is late, also when the delay is shorter by now.
    this.#late++;
    const at = performance.now() + this.delay;
    this.#written = this.#written
      .then(() => wait(Math.max(0, at - performance.now())))
      .then(() => {
        this.#late--;
        write();
      });
  }

  /** Bytes that were sent and have not left this process. */
  get waiting(): number {
    return this.#outgoingBytes + this.socket.writableLength;
  }

  /** Nothing more is taken until `resume`: the sender has to wait. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close(): void {
    this.flush();
    this.socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.heardAt = performance.now();
    this.#stoodStill = 0;
    this.received += bytes.length;
    this.#waiting.push(bytes);
    this.#length += bytes.length;
    for (;;) {
      if (this.#length < 4) return;
      let all = this.#waiting[0] ?? Buffer.alloc(0);
      if (all.length < 4) all = this.#join();
      const length = all.readUInt32LE(0);
      if (length > this.limit) return this.close();
      if (this.#length < 4 + length) return;
      all = this.#join();
      this.#waiting = [all.subarray(4 + length)];
      this.#length -= 4 + length;
      if (length > 0) {
        let message: unknown;
        try {
          message = decode(all.subarray(4, 4 + length));
        } catch {
          // Not of ours: nothing behind it can be believed.
          return this.close();
        }
        this.onMessage(message);
      }
      if (this.#closed) return;
    }
  }

  #join(): Buffer {
    const all = this.#waiting.length === 1 ? this.#waiting[0] : undefined;
    const joined = all ?? Buffer.concat(this.#waiting);
    this.#waiting = [joined];
    return joined;
  }
}

/** Tries until it succeeds. Rejects with the last failure after `patience` milliseconds. */
export async function insist<Result>(patience: number, attempt: () => Promise<Result>): Promise<Result> {
  for (const end = performance.now() + patience; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Connects to a local socket, which may be about to be made. Rejects after `patience` milliseconds. */
export function connectLink(path: string, patience: number): Promise<Link> {
  const attempt = () =>
    new Promise<Link>((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Link(socket));
      });
    });
  return insist(patience, attempt);
}

/** Listens on a local socket that nobody but this person may open. */
export async function listenForLinks(path: string, onLink: (link: Link) => void): Promise<Server> {
  const server = createServer((socket) => onLink(new Link(socket)));
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => resolve());
    });
  } finally {
    process.umask(mask);
  }
  return server;
}

/** One question to a process of the pair on this host, and its answer. */
export async function ask(path: string, question: unknown, patience = 500, answerWithin = 30_000): Promise<unknown> {
  return askOver(await connectLink(path, patience), { kind: 'control', question }, answerWithin);
}

/** Says something and takes the answer; the link ends with it. */
export async function askOver(link: Link, message: unknown, answerWithin = 30_000): Promise<unknown> {
  try {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('There was no answer.')), answerWithin);
      link.onMessage = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      link.onClose = () => {
        clearTimeout(timer);
        reject(new Error('The other process ended before it answered.'));
      };
      link.send(message);
    });
  } finally {
    link.onClose = () => {};
    link.close();
  }
}
