/** A buffer that grows, for messages to a viewer. Big-endian, as RFB is. */
export class ByteWriter {
  private bytes = new Uint8Array(1024);
  private view = new DataView(this.bytes.buffer);
  length = 0;

  private room(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, 2 * this.bytes.length));
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }

  u8(value: number): void {
    const at = this.room(1);
    this.bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.room(2);
    this.view.setUint16(at, value);
  }

  /** Also takes negative numbers, as two's complement. */
  u32(value: number): void {
    const at = this.room(4);
    this.view.setUint32(at, value >>> 0);
  }

  put(bytes: Uint8Array): void {
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
  }

  text(ascii: string): void {
    for (const character of ascii) this.u8(character.charCodeAt(0) & 0xff);
  }

  /** Writes over 16 bits that were written before. */
  u16At(at: number, value: number): void {
    this.view.setUint16(at, value);
  }

  /** What has been written. The writer is not to be used after it: the bytes are its own, not a copy. */
  take(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
