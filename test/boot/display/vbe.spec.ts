/** VBE of our VGA BIOS as a program sees it: under our firmware, under SeaBIOS, and in QEMU's adapter. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultDisplay, edidOf } from '../../../engine/display/edid.ts';
import type { BootSource } from '../../../engine/machine/machine.ts';
import { bytesOf, present, withMachine } from '../boot-machine.ts';
import { ownBios, ownVideoBios } from '../own-firmware.ts';
import { qemuProgram, withQemu } from './qemu.ts';
import { writeProgram } from '../programs.ts';

const seabios = '/usr/share/seabios/bios-256k.bin';

let folder: string;
let floppy: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-vbe-'));
  floppy = writeProgram(folder, 'vbe');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function answers(boot: BootSource): Promise<string> {
  let output = '';
  await withMachine(
    boot,
    32,
    async (guest) => {
      await guest.until('the end', () => /^(?:end|\?)$/m.test(guest.debugConsole()), 60);
      output = guest.debugConsole();
    },
    { drives: [{ kind: 'floppy', path: floppy }] },
  );
  return output;
}

const words = (bytes: Uint8Array) => (Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).join(' ');

/** The lines by their first word; what the firmware said before is left out. */
function lines(output: string): Record<string, string> {
  const from = output.indexOf('controller ');
  return Object.fromEntries(
    output
      .slice(from)
      .split('\n')
      .map((line) => [/^\S*/.exec(line)?.[0] ?? '', line.replace(/^\S* ?/, '').trim()]),
  );
}

const expected = {
  controller: '004f 4153 0300 0100 Vitrine VGA BIOS\0',
  modes: 'end',
  '640x480x32': '004f 009b 0a00 0280 01e0 2001 1008 0808 0008 1808 0a00',
  no: 'such mode 014f 014f 004f 004f 4101',
  windows: '034f 004f 0101 004f 5678 004f 0003 014f 014f',
  lines: '004f 0280 0280 004f 0400 0400 004f 0328 0328',
  start: '004f 004f 0010 0064 004f 014f',
  palette: '004f 0800 004f 004f 2211 0033 80ff 0600 0601 014f',
  state: '004f 004f 004f 0003 004f 0101 0328 5678',
  kept: '004f 5678 0000',
  protected: '004f',
  largest: '004f 0000 2800 0a00',
};

describe('VBE', { timeout: 120_000 }, () => {
  it('answers under our firmware', async () => {
    const found = lines(await answers({ kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() }));
    expect(found).toMatchObject(expected);
    expect(found['display']).toBe(`004f 0102 004f ${words(edidOf(defaultDisplay))}`);
  });

  it.skipIf(!present(seabios))('answers the same under SeaBIOS', async () => {
    const found = lines(await answers({ kind: 'bios', image: bytesOf(seabios), vgaBios: ownVideoBios() }));
    expect(found).toMatchObject(expected);
    expect(found['display']).toBe(`004f 0102 004f ${words(edidOf(defaultDisplay))}`);
  });

  it.skipIf(!present(qemuProgram))('answers the same in QEMU, whose display adapter runs our option ROM', async () => {
    const rom = path.join(folder, 'vgabios.bin');
    writeFileSync(rom, ownVideoBios());
    const found = await withQemu(
      folder,
      ['-vga', 'none', '-device', `VGA,romfile=${rom},edid=on`, '-fda', floppy],
      async (guest) => {
        await guest.until('the end', () => /^(?:end|\?)$/m.test(guest.debugConsole()), 60);
        return lines(guest.debugConsole());
      },
    );
    expect(found).toMatchObject({ ...expected, lines: found['lines'] });
    expect(found['lines']).toMatch(/^004f 0280 0280 004f 0400 0400 004f/);
    expect(found['display']).toMatch(/^004f 0102 004f 00ff ffff ffff ff00 49/);
  });
});
