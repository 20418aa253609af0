import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { physicalLayer, physicalOffset, readHeaders } from './core/testing/read-core.ts';
import { MachineError } from './machine.ts';
import { bareService, errorCode } from './testing/bare-service.ts';

describe('a machine that is copied', () => {
  it('is copied after a crash too, with what is left', async () => {
    const { service, memory } = bareService();
    const folder = await mkdtemp(path.join(tmpdir(), 'vitrine-service-'));
    try {
      service.life.start({ paused: false });
      memory.ram.set([1, 2, 3], 0x9000);
      service.life.crash('out of memory');
      await service.copying.hold();
      const file = path.join(folder, 'x.core');
      const { bytes } = await service.copying.writeCore(file, 0);
      service.copying.letGo();
      expect(service.life.state).toBe('crashed');
      const core = await readFile(file);
      expect(core.length).toBe(bytes);
      const offset = physicalOffset(physicalLayer(readHeaders(core)), 0x9000) ?? NaN;
      expect([...core.subarray(offset, offset + 3)]).toEqual([1, 2, 3]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is copied by one at a time, and not while it is kept or runs to an exact instruction', async () => {
    const { service } = bareService('virtual');
    service.life.start({ paused: true });
    const until = service.runUntil.start(1000).catch((error: unknown) => error);
    await expect(service.copying.hold()).rejects.toThrow('because it runs to an exact instruction; pause it first.');
    service.life.pause();
    expect(await until).toBeInstanceOf(MachineError);
    await service.copying.hold();
    await expect(service.copying.hold()).rejects.toThrow('is being copied, so it cannot be copied now.');
    expect(errorCode(() => service.life.resume())).toBe('wrong-state');
    expect(errorCode(() => service.life.reset())).toBe('wrong-state');
    service.copying.letGo();
    service.copying.letGo();
    expect(service.life.state).toBe('paused');
    service.life.resume();
    expect(service.life.state).toBe('running');
  });
});
