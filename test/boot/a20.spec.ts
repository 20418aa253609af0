/** Address line 20: a test program as operating systems have them, in our machine and in QEMU's. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BootSource } from '../../engine/machine/machine.ts';
import { bytesOf, present, withMachine } from './boot-machine.ts';
import { qemuProgram, withQemu } from './display/qemu.ts';
import { ownBios, ownVideoBios } from './own-firmware.ts';
import { writeProgram } from './programs.ts';

const seabios = '/usr/share/seabios/bios-256k.bin';
const expected = '0port 92 10controller 1010firmware 1001 code 21323 odd megabyte two thredown\nend\n';

let folder: string;
let floppy: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-a20-'));
  floppy = writeProgram(folder, 'a20');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const told = (output: string) => output.slice(output.search(/[01]port 92/));
const ended = (output: string) => /^(?:end|\?)$/m.test(output);

const firmwares: { name: string; files: string[]; boot: () => BootSource }[] = [
  { name: 'our firmware', files: [], boot: () => ({ kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() }) },
  { name: 'SeaBIOS', files: [seabios], boot: () => ({ kind: 'bios', image: bytesOf(seabios), vgaBios: ownVideoBios() }) },
];

describe('address line 20', { timeout: 120_000 }, () => {
  for (const { name, files, boot } of firmwares) {
    it.skipIf(!present(...files))(`wraps at 1 MiB while it is closed, under ${name}`, async () => {
      await withMachine(
        boot(),
        32,
        async (guest) => {
          await guest.until('the end', () => ended(guest.debugConsole()), 60);
          expect(told(guest.debugConsole())).toBe(expected);
        },
        { drives: [{ kind: 'floppy', path: floppy }] },
      );
    });
  }

  it.skipIf(!present(qemuProgram))('is what QEMU has', async () => {
    await withQemu(folder, ['-fda', floppy], async (guest) => {
      await guest.until('the end', () => ended(guest.debugConsole()), 60);
      expect(told(guest.debugConsole())).toBe(expected);
    });
  });
});
