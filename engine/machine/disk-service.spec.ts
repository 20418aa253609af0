import { describe, expect, it } from 'vitest';
import type { DiskPort, DiskStatus } from './bus.ts';
import { DeviceLock } from './device-lock.ts';
import { DiskService, type Image } from './disk-service.ts';
import { placeDrives } from './drives.ts';
import type { DriveConfiguration, MachineEvent } from './machine.ts';
import { BareMachine } from './testing/bare-machine.ts';

const drive: DriveConfiguration = { kind: 'disk', path: '/images/a.img' };

/** An image in memory that is as slow and as broken as a test wants. */
class SlowImage implements Image {
  readonly bytes = 8192;
  readonly readOnly = false;
  readonly content = Uint8Array.from({ length: 8192 }, (_, at) => at & 0xff);
  readonly calls: string[] = [];
  failure: Error | undefined;
  gate: Promise<void> = Promise.resolve();

  async #step(what: string): Promise<void> {
    this.calls.push(what);
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    await this.#step(`read ${offset}`);
    into.set(this.content.subarray(offset, offset + into.length));
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    await this.#step(`write ${offset}`);
    this.content.set(from, offset);
  }

  flush(): Promise<void> {
    return this.#step('flush');
  }

  close(): void {
    this.calls.push('close');
  }
}

async function machine(clock: 'wall' | 'virtual' = 'wall') {
  const bare = BareMachine.create({ clock });
  const image = new SlowImage();
  const buffer = new Uint8Array(4096);
  const completed: DiskStatus[] = [];
  const events: MachineEvent[] = [];
  const running = { now: true };
  const port: DiskPort = bare.bus.disk('ide0.0', { buffer, completed: (status) => completed.push(status) });
  const lock = new DeviceLock(bare.memory.words, bare.control.stopWords, bare.control.lockWord, -1);
  const service = new DiskService([drive], bare.bus.disks, lock, () => image, {
    isRunning: () => running.now,
    isVirtual: () => clock === 'virtual',
    onEvent: (event) => events.push(event),
  });
  await service.open();
  return { bare, image, buffer, completed, events, running, port, service };
}

describe('an image that cannot be flushed', () => {
  it('is closed all the same, and said to be', async () => {
    const { image, events, port, service } = await machine();
    port.submit({ kind: 'write', offset: 0, bytes: 512 });
    await service.settle();
    image.failure = new Error('no medium');
    await service.close();
    expect(image.calls.at(-1)).toBe('close');
    expect(events).toMatchObject([{ kind: 'diskError', reason: expect.stringContaining('no medium') }]);
  });
});

describe('a request of a drive', () => {
  it('is carried out beside the machine and completed once', async () => {
    const { image, buffer, completed, port, service } = await machine();
    expect([port.bytes, port.readOnly]).toEqual([8192, false]);
    port.submit({ kind: 'read', offset: 1024, bytes: 512 });
    expect([port.busy, completed]).toEqual([true, []]);
    await service.settle();
    expect([port.busy, completed]).toEqual([false, ['done']]);
    expect(buffer.subarray(0, 512)).toEqual(image.content.subarray(1024, 1536));
    await service.settle();
    expect(completed).toHaveLength(1);
  });

  it('that is cancelled is not completed, and its data goes nowhere; the next one is in order behind it', async () => {
    const { image, buffer, completed, port, service } = await machine();
    port.submit({ kind: 'read', offset: 0, bytes: 512 });
    service.look();
    port.cancel();
    buffer.fill(7);
    port.submit({ kind: 'write', offset: 512, bytes: 512 });
    await service.settle();
    expect(completed).toEqual(['done']);
    expect(buffer[100]).toBe(7);
    expect(image.calls).toEqual(['read 0', 'write 512']);
    expect(image.content[600]).toBe(7);
  });

  it('is not completed while the machine is paused, but when it goes on', async () => {
    const { completed, running, port, service } = await machine();
    running.now = false;
    port.submit({ kind: 'flush' });
    await service.settle();
    expect([port.busy, completed]).toEqual([true, []]);
    running.now = true;
    service.deliver();
    expect([port.busy, completed]).toEqual([false, ['done']]);
  });

  it.each([
    ['ENOSPC', 'full'],
    ['EIO', 'failed'],
  ])('that the host fails with %s ends as %s, and is told', async (code, status) => {
    const { image, completed, events, port, service } = await machine();
    image.failure = Object.assign(new Error(`${code}: no`), { code });
    port.submit({ kind: 'write', offset: 0, bytes: 512 });
    await service.settle();
    expect(completed).toEqual([status]);
    expect(events).toEqual([{ kind: 'diskError', drive: 'ide0.0', path: drive.path, reason: `A write of the image ${drive.path} failed: ${code}: no` }]);
  });

  it('beyond the medium or the buffer is a defect of the chip', async () => {
    const { port } = await machine();
    expect(() => port.submit({ kind: 'read', offset: 8192, bytes: 512 })).toThrow(RangeError);
    expect(() => port.submit({ kind: 'read', offset: 0, bytes: 8192 })).toThrow(RangeError);
  });
});

describe('under the virtual clock', () => {
  it('a request takes a fixed time, and a host that is late is waited for', async () => {
    const { bare, image, completed, port, service } = await machine('virtual');
    let open = () => {};
    image.gate = new Promise((resolve) => (open = resolve));
    port.submit({ kind: 'read', offset: 0, bytes: 512 });
    const deadline = bare.bus.nextDeadline();
    expect(bare.bus.disks.late()).toBeUndefined();
    bare.clock.skipTo(deadline);
    const late = bare.bus.disks.late();
    expect(late).toBeDefined();
    open();
    await service.settle();
    expect(completed).toEqual([]);
    expect(bare.bus.disks.late()).toBeUndefined();
    expect(Atomics.load(bare.memory.words, late?.word ?? 0)).not.toBe(late?.value);
    bare.bus.runDueTimers();
    expect(completed).toEqual(['done']);
  });
});

describe('images', () => {
  it('are flushed before they are closed, if they were written', async () => {
    const { image, port, service } = await machine();
    await service.close();
    expect(image.calls).toEqual(['close']);
    await service.open();
    port.submit({ kind: 'write', offset: 0, bytes: 512 });
    await service.settle();
    await service.close();
    expect(image.calls.slice(1)).toEqual(['write 0', 'flush', 'close']);
    expect(port.bytes).toBe(0);
  });

  it('stand in fixed places, and more than there are places for is refused', () => {
    const disk = (path: string): DriveConfiguration => ({ kind: 'disk', path });
    const places = placeDrives([{ kind: 'cdrom', path: 'c' }, disk('a'), disk('b'), { kind: 'floppy', path: 'f' }]);
    expect([...places].map(([position, { path }]) => `${position} ${path}`)).toEqual(['ide0.0 a', 'ide0.1 b', 'ide1.0 c', 'floppy0 f']);
    expect(() => placeDrives(['a', 'b', 'c', 'd', 'e'].map(disk))).toThrow('A machine has room for 4 disks and CD-ROMs together, not 5.');
  });
});
