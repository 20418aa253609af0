/** A client of a guest's serial line over TCP: numbered requests, some on their way at a time, each answered by a line that begins with its number. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds after which an answer is never going to come. */
const patience = 60_000;

export class Client {
  #said = '';
  #heard = () => undefined;
  #isClosed = false;
  /** Number of the last request that was sent. */
  last = 0;

  constructor(socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      this.#said += bytes.toString('latin1');
      this.#heard();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#isClosed = true;
      this.#heard();
    });
  }

  /** Connects as soon as somebody listens, and hears the guest's greeting. */
  static async open(port) {
    for (const end = performance.now() + patience; ; await delay(50)) {
      try {
        const socket = await new Promise((resolve, reject) => {
          const one = connect(port, '127.0.0.1', () => resolve(one));
          one.once('error', reject);
        });
        const client = new Client(socket);
        await client.line();
        return client;
      } catch (error) {
        if (performance.now() > end) throw error;
      }
    }
  }

  /** The next line, without its end. */
  async line() {
    for (const end = performance.now() + patience; !this.#said.includes('\n'); ) {
      if (this.#isClosed) throw new Error(`The connection is closed, behind "${this.#said}".`);
      const left = end - performance.now();
      if (left <= 0) throw new Error(`No answer came within ${patience / 1000} s to request ${this.last} or one before; there is "${this.#said}".`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#heard = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const at = this.#said.indexOf('\n');
    const line = this.#said.slice(0, at);
    this.#said = this.#said.slice(at + 1);
    return line;
  }

  /**
   * Sends requests for `seconds`, `window` on their way at a time; `request` makes one of its number. Gives how many a second were answered, and the
   * milliseconds of each.
   */
  async load(seconds, window, request) {
    const sent = [];
    const times = [];
    let answered = this.last;
    const began = performance.now();
    const hear = async () => {
      const line = await this.line();
      answered++;
      if (!line.startsWith(`${answered} `)) throw new Error(`Request ${answered} was answered by ${line}.`);
      times.push(performance.now() - sent.shift());
    };
    while (performance.now() - began < seconds * 1000) {
      while (this.last - answered < window) {
        sent.push(performance.now());
        this.socket.write(request(++this.last));
      }
      await hear();
    }
    const perSecond = times.length / ((performance.now() - began) / 1000);
    while (answered < this.last) await hear();
    return { perSecond, times };
  }

  /** Nothing was said but what was asked for. */
  close() {
    if (this.#said !== '' || this.#isClosed) throw new Error(this.#isClosed ? 'The connection was closed.' : `There was more than the answers: ${this.#said}`);
    this.socket.destroy();
  }
}
