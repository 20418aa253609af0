/** Bytes that have arrived and wait to be read as messages. Holds no more than one unfinished message. */
export class ByteQueue {
  private bytes = new Uint8Array(0);
  private at = 0;

  push(chunk: Uint8Array): void {
    const rest = this.bytes.subarray(this.at);
    const joined = new Uint8Array(rest.length + chunk.length);
    joined.set(rest);
    joined.set(chunk, rest.length);
    this.bytes = joined;
    this.at = 0;
  }

  get length(): number {
    return this.bytes.length - this.at;
  }

  /** A view of the next `count` bytes, which stay in the queue; undefined when they have not all arrived. */
  peek(count: number): DataView | undefined {
    if (this.length < count) return undefined;
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at, count);
  }

  /** Drops up to `count` bytes; says how many. */
  skip(count: number): number {
    const dropped = Math.min(count, this.length);
    this.at += dropped;
    return dropped;
  }
}
