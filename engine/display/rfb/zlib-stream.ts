/** One zlib stream per viewer and encoding, written in flushed pieces (RFC 1950 header once, RFC 1951 blocks, never finished). */
import { constants, deflateRawSync } from 'node:zlib';

/** Deflate, 32 KiB window, fastest. */
const header = Uint8Array.of(0x78, 0x01);
const windowSize = 32768;

export class ZlibStream {
  private started = false;
  private history: Uint8Array = new Uint8Array(0);

  /** The bytes that a decoder of this stream turns into exactly `data`. */
  compress(data: Uint8Array): Uint8Array {
    // Each piece is deflated by itself with what came before as its dictionary, and ends on a byte boundary: the decoder cannot tell it from one run.
    const body = deflateRawSync(data, {
      level: 1,
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(this.history.length > 0 ? { dictionary: this.history } : {}),
    });
    if (data.length >= windowSize) {
      this.history = data.slice(data.length - windowSize);
    } else {
      const kept = this.history.subarray(Math.max(0, this.history.length + data.length - windowSize));
      const history = new Uint8Array(kept.length + data.length);
      history.set(kept);
      history.set(data, kept.length);
      this.history = history;
    }
    if (this.started) return body;
    this.started = true;
    const first = new Uint8Array(header.length + body.length);
    first.set(header);
    first.set(body, header.length);
    return first;
  }
}
