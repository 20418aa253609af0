/**
 * What leaves a machine, by channel. A channel is a stream of bytes for the protocol; what one is made of says only where it may be cut
 * when it is released.
 */
export interface OutputChannel {
  readonly name: string;
  /** How many of the bytes from `from` on may leave together: whole units only. `from` is where a unit begins. */
  whole(bytes: Uint8Array, from: number): number;
}

/** Serial lines and the debug console: each byte by itself. */
export function byteChannel(name: string): OutputChannel {
  return { name, whole: (bytes, from) => bytes.length - from };
}

const lengthBytes = 4;
/** Longer than any frame of a network card. */
export const longestPacket = 1 << 16;

/** Packets, each as its length (32 bits, little-endian) and its bytes: half a packet never leaves. For network cards. */
export function packetChannel(name: string): OutputChannel {
  return {
    name,
    whole(bytes, from) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      let at = from;
      while (at + lengthBytes <= bytes.length) {
        const length = view.getUint32(at, true);
        if (length > longestPacket) throw new RangeError(`A packet of ${length} bytes on ${name} is too long.`);
        if (at + lengthBytes + length > bytes.length) break;
        at += lengthBytes + length;
      }
      return at - from;
    },
  };
}

/** A packet as the stream of its channel has it. */
export function packetBytes(packet: Uint8Array): Uint8Array {
  if (packet.length > longestPacket) throw new RangeError(`A packet of ${packet.length} bytes is too long.`);
  const bytes = new Uint8Array(lengthBytes + packet.length);
  new DataView(bytes.buffer).setUint32(0, packet.length, true);
  bytes.set(packet, lengthBytes);
  return bytes;
}

/** The whole packets at the start of a stream's bytes. */
export function packetsOf(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packets: Uint8Array[] = [];
  for (let at = 0; at + lengthBytes <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (at + lengthBytes + length > bytes.length) break;
    packets.push(bytes.slice(at + lengthBytes, at + lengthBytes + length));
    at += lengthBytes + length;
  }
  return packets;
}
