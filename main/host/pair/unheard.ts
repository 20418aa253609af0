/** Bytes of output kept for a client to come; older ones go, as on a line to which nobody listens. */
const kept = 1 << 18;

/** Output for which there is no client now. */
export class Unheard {
  #bytes = Buffer.alloc(0);
  /** Bytes that no client was or will be given. */
  lost = 0;

  put(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#bytes, bytes]);
    this.#bytes = all.subarray(-kept);
    this.lost += all.length - this.#bytes.length;
  }

  /** Gives all of it to the client that has come. */
  take(): Buffer {
    const bytes = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return bytes;
  }
}
