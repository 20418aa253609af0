import type { Socket } from 'node:net';

/** Bytes of output kept for a client to come; older ones go, as on a line to which nobody listens. */
const kept = 1 << 18;

/** Output for which there is no client now, and what clients were not given for good. */
export class Unheard {
  #bytes = Buffer.alloc(0);
  /** Bytes that no client was or will be given. */
  lost = 0;

  put(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#bytes, bytes]);
    this.#bytes = all.subarray(-kept);
    this.lost += all.length - this.#bytes.length;
  }

  /** To a client that is there. What has not left when its connection ends is lost. */
  give(client: Socket, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    client.write(bytes, (error) => {
      // Of a socket that was destroyed not every write is told as a failure.
      if (error || client.destroyed) this.lost += bytes.length;
    });
  }

  /** For the client that has come. */
  take(): Buffer {
    const bytes = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return bytes;
  }
}
