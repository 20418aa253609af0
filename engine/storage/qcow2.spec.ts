import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { checkImage } from './qcow2-check.ts';
import { formatQcow2, createQcow2 } from './qcow2-create.ts';
import { openHostFile } from './image-file.ts';
import { openImage } from './open.ts';
import { Qcow2Device } from './qcow2.ts';
import { MemoryFile } from './testing/memory-file.ts';

const folder = fs.mkdtempSync(join(tmpdir(), 'qcow2-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const pattern = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + seed * 31 + (index >> 8)) & 0xff);

type Step = { kind: 'write' | 'read'; sector: number; sectors: number; seed: number } | { kind: 'flush' } | { kind: 'reopen' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom('write' as const, 'read' as const),
        sector: fc.nat(499),
        sectors: fc.integer({ min: 1, max: 40 }),
        seed: fc.nat(255),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'flush' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'reopen' }) },
  ),
  { maxLength: 60 },
);

describe('a qcow2 disk', () => {
  it('behaves like an array of bytes, whatever its clusters', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(512, 1024, 4096, 65536),
        fc.constantFrom(1 << 18, 1024 * 250 + 512),
        fc.boolean(),
        steps,
        (clusterBytes, bytes, backed, sequence) => {
          const file = new MemoryFile();
          formatQcow2(file, { bytes, clusterBytes });
          const model = new Uint8Array(bytes);
          const base = new MemoryFile();
          if (backed) {
            formatQcow2(base, { bytes: 1 << 17, clusterBytes: 4096 });
            const device = new Qcow2Device(base, false);
            model.set(pattern(51_200, 3), 25_600);
            device.write(25_600, model.subarray(25_600, 76_800));
            device.close();
          }
          const open = () => new Qcow2Device(file, false, backed ? new Qcow2Device(base, true) : undefined);
          let device = open();
          for (const step of sequence) {
            if (step.kind === 'flush') device.flush();
            else if (step.kind === 'reopen') {
              device.close();
              expect(checkImage(file)).toEqual({ errors: [], leaks: [] });
              device = open();
            } else {
              const offset = step.sector * 512;
              const length = Math.min(step.sectors * 512, bytes - offset);
              if (step.kind === 'write') {
                const content = pattern(length, step.seed);
                device.write(offset, content);
                model.set(content, offset);
              } else {
                const content = new Uint8Array(length);
                device.read(offset, content);
                expect(Buffer.compare(content, model.subarray(offset, offset + length))).toBe(0);
              }
            }
          }
          device.close();
          expect(checkImage(file)).toEqual({ errors: [], leaks: [] });
          const whole = new Uint8Array(bytes);
          const last = open();
          last.read(0, whole);
          expect(Buffer.compare(whole, model)).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('grows its refcount table when clusters are small', () => {
    const path = join(folder, 'grow.qcow2');
    createQcow2(path, { bytes: 40 << 20, clusterBytes: 512 });
    const { device } = openImage(path, { owner: 'a test', readOnly: false, format: 'qcow2' });
    const content = pattern(1 << 20, 1);
    for (let place = 0; place < 24; place++) device.write(place << 20, content);
    device.close();
    expect(checkImage(openHostFile(path, false))).toEqual({ errors: [], leaks: [] });
    expect(fs.readdirSync(folder)).toEqual(['grow.qcow2']);
  });
});
