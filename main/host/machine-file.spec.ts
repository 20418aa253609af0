import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostError } from './errors.ts';
import { readMachineFile, writeMachineFile, type MachineFile } from './machine-file.ts';

const GOOD: MachineFile = {
  format: 'vitrine-machine',
  version: 1,
  name: 'Lantern',
  created: '2026-01-02T03:04:05.000Z',
  cpus: 1,
  memoryMiB: 64,
  clock: 'virtual',
  boot: { kind: 'kernel', file: 'lantern.elf', commandLine: 'quiet' },
};

function sentenceFor(value: unknown): string {
  const bytes = value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value));
  try {
    readMachineFile(bytes);
  } catch (error) {
    if (error instanceof HostError && error.code === 'BROKEN') return error.message;
    throw error;
  }
  return 'opened';
}

describe('machine.json', () => {
  it('is read as it was written, and readable to people', () => {
    const bytes = writeMachineFile(GOOD);
    expect(readMachineFile(bytes)).toEqual(GOOD);
    expect(new TextDecoder().decode(bytes)).toMatch(/^\{\n {2}"format": "vitrine-machine",\n {2}"version": 1,/);
  });

  it.each([
    ['an unknown key', { ...GOOD, turbo: true }, 'machine.json cannot be opened: unknown key "turbo".'],
    ['an unknown key inside', { ...GOOD, boot: { ...GOOD.boot, fast: 1 } }, 'machine.json cannot be opened: boot: unknown key "fast".'],
    [
      'a future version, before anything else in it',
      { format: 'vitrine-machine', version: 2, name: 7 },
      'machine.json cannot be opened: it was written by a newer Vitrine (format 2; this one reads 1). It is left as it is.',
    ],
    ['no memory', { ...GOOD, memoryMiB: 0 }, /memoryMiB: too small/],
    ['too many processors', { ...GOOD, cpus: 17 }, /cpus: a machine has at most 16 processors\./],
    ['a file outside of its folder', { ...GOOD, boot: { kind: 'boot-sector', file: '../secret' } }, /boot\.file: a file is named relative/],
    ['a disk whose format is not said', { ...GOOD, drives: [{ kind: 'disk', file: 'disk.img' }] }, /drives\.0\.format: add "format": "raw" or "format": "qcow2"/],
    ['a missing name', { ...GOOD, name: undefined }, /name: /],
    ['an unknown boot', { ...GOOD, boot: { kind: 'network' } }, /boot\.kind: /],
    ['a list', [], /cannot be opened: /],
    ['nothing', new Uint8Array(), 'machine.json cannot be opened: it is empty.'],
    ['no UTF-8', new Uint8Array([0xff, 0xfe, 0x00]), 'machine.json cannot be opened: it is not valid JSON.'],
    ['a flood', new Uint8Array(300_000).fill(0x20), /far too large/],
  ])('with %s is refused with one sentence', (_what, value, sentence) => {
    const found = sentenceFor(value);
    if (typeof sentence === 'string') expect(found).toBe(sentence);
    else expect(found).toMatch(sentence);
    expect(found).not.toContain('\n');
  });

  it('names linked files by absolute paths', () => {
    expect(sentenceFor({ ...GOOD, boot: { kind: 'boot-sector', file: '/images/boot.img' } })).toBe('opened');
  });

  it('needs no format for what is raw by its kind, and takes the one that a disk says', () => {
    const drives = [{ kind: 'cdrom', file: 'cd.iso' }, { kind: 'floppy', file: 'a.img' }, { kind: 'disk', file: 'disk.img', format: 'raw' }];
    expect(sentenceFor({ ...GOOD, drives })).toBe('opened');
  });

  it('of any content is opened or refused, never a crash', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => typeof sentenceFor(bytes) === 'string'));
    fc.assert(fc.property(fc.json(), (text) => typeof sentenceFor(new TextEncoder().encode(text)) === 'string'));
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(GOOD)), fc.jsonValue(), (key, value) => typeof sentenceFor({ ...GOOD, [key]: value }) === 'string'),
    );
  });
});
