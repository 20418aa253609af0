import { WebSocket } from 'ws';

/** A viewer of a machine's own display endpoint that types a key (an X keysym) and has seen a picture behind that: RFB 3.8 (RFC 6143). */
export async function typeByViewer(url: string, keysym: number): Promise<void> {
  const socket = new WebSocket(url, ['binary'], { perMessageDeflate: false });
  let received = Buffer.alloc(0);
  let wake: () => void = () => undefined;
  socket.on('message', (data: Buffer) => {
    received = Buffer.concat([received, data]);
    wake();
  });
  const take = async (bytes: number): Promise<Buffer> => {
    while (received.length < bytes) await new Promise<void>((resolve) => (wake = resolve));
    const taken = received.subarray(0, bytes);
    received = received.subarray(bytes);
    return taken;
  };
  const say = (...bytes: number[]): void => socket.send(Buffer.from(bytes));
  try {
    socket.send(await take(12));
    await take((await take(1)).readUInt8());
    // Security none; shared.
    say(1);
    await take(4);
    say(1);
    await take((await take(24)).readUInt32BE(20));
    const key = [0, 0, ...new Uint8Array(Uint32Array.of(keysym).buffer).reverse()];
    say(4, 1, ...key);
    say(4, 0, ...key);
    // One pixel of the picture: what was said before is done.
    say(3, 0, 0, 0, 0, 0, 0, 1, 0, 1);
    await take(4);
  } finally {
    socket.close();
  }
}
