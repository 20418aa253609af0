import { describe, expect, it } from 'vitest';
import { changed, needsOff } from './machine-change.ts';
import type { MachineFile } from './machine-file.ts';

const file: MachineFile = {
  format: 'vitrine-machine',
  version: 1,
  name: 'Test',
  created: '2026-01-01T00:00:00.000Z',
  cpus: 1,
  memoryMiB: 16,
  clock: 'wall',
  group: 'Work',
  boot: { kind: 'kernel', file: 'kernel.bin', commandLine: 'quiet' },
  display: { whenSessionEnds: 'suspend' },
};

describe('changes of a machine’s file', () => {
  it('leave what is not named', () => {
    expect(changed(file, {})).toEqual(file);
    expect(changed(file, { memoryBytes: 32 * 2 ** 20, note: 'A note' })).toEqual({ ...file, memoryMiB: 32, note: 'A note' });
  });

  it('take out what is null', () => {
    const { group: _group, ...ungrouped } = file;
    expect(changed(file, { group: null })).toEqual(ungrouped);
    expect(changed(file, { commandLine: null }).boot).toEqual({ kind: 'kernel', file: 'kernel.bin' });
  });

  it('keep in the file only where a display device is not the usual one', () => {
    const both = changed(file, { virtioGpu: true, virtioInput: false });
    expect(both.display).toEqual({ whenSessionEnds: 'suspend', virtioGpu: true, virtioInput: false });
    expect(changed(both, { virtioGpu: false, virtioInput: true }).display).toEqual({ whenSessionEnds: 'suspend' });
  });

  it('are refused where there is no kernel for a command line', () => {
    const boot = { kind: 'assembly' as const, file: 'a.asm' };
    expect(() => changed({ ...file, boot }, { commandLine: 'quiet' })).toThrow('Only a machine that starts a kernel has a command line.');
  });

  it('wait until it is off only where they take effect at the next start', () => {
    expect(needsOff({ note: 'A note', group: null, tags: [] })).toBe(false);
    expect(needsOff({ commandLine: null })).toBe(true);
    expect(needsOff({ virtioInput: false })).toBe(true);
  });
});
