import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Unheard } from './unheard.ts';

describe('output for which there is no client', () => {
  it('waits for one, up to 256 KiB, and counts what had to go', () => {
    const unheard = new Unheard();
    expect(unheard.take()).toHaveLength(0);
    unheard.put(Uint8Array.of(1, 2));
    unheard.put(Uint8Array.of(3));
    expect([...unheard.take()]).toEqual([1, 2, 3]);
    expect(unheard.take()).toHaveLength(0);
    unheard.put(new Uint8Array(200_000).fill(1));
    unheard.put(new Uint8Array(100_000).fill(2));
    expect(unheard.lost).toBe(300_000 - (1 << 18));
    const bytes = unheard.take();
    expect([bytes.length, bytes[0], bytes.at(-1)]).toEqual([1 << 18, 1, 2]);
    expect(unheard.lost).toBe(300_000 - (1 << 18));
  });

  it('counts what a client had not taken when its connection ended, and nothing of what it took', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const open = async (): Promise<[Socket, Socket]> => {
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
      const [socket] = (await once(server, 'connection')) as [Socket];
      socket.on('error', () => undefined);
      return [client, socket];
    };
    const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));
    const unheard = new Unheard();
    const [reader, toReader] = await open();
    let taken = 0;
    reader.on('data', (bytes: Buffer) => (taken += bytes.length));
    unheard.give(toReader, new Uint8Array(100_000));
    await expect.poll(() => taken).toBe(100_000);
    reader.destroy();
    await closed(toReader);
    expect(unheard.lost).toBe(0);
    // More than the system keeps for one who does not read.
    const [sleeper, toSleeper] = await open();
    sleeper.pause();
    for (let piece = 0; piece < 64; piece++) unheard.give(toSleeper, new Uint8Array(1 << 20));
    await expect.poll(() => toSleeper.writableLength).toBeGreaterThan(1 << 20);
    sleeper.resetAndDestroy();
    await closed(toSleeper);
    await expect.poll(() => unheard.lost).toBeGreaterThan(1 << 20);
    const { lost } = unheard;
    unheard.give(toSleeper, new Uint8Array(5));
    await expect.poll(() => unheard.lost).toBe(lost + 5);
  });
});
