import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BootSource } from '../../engine/machine/machine.ts';
import { scancodesOf } from '../../main/host/keyboard.ts';
import { bytesOf, present, withMachine } from './boot-machine.ts';
import { ownBios, ownVideoBios, thorough } from './own-firmware.ts';

const iso = '/usr/lib/ipxe/ipxe.iso';
const seabios = '/usr/share/seabios/bios-256k.bin';
const controlB = [0x1d, 0x30, 0xb0, 0x9d];

const firmwares: { name: string; wanted: boolean; boot: () => BootSource }[] = [
  { name: 'our firmware', wanted: true, boot: () => ({ kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() }) },
  { name: 'SeaBIOS', wanted: thorough && present(seabios), boot: () => ({ kind: 'bios', image: bytesOf(seabios), vgaBios: ownVideoBios() }) },
];

/** iPXE gathers entropy from some thousand interrupts of the real-time clock, 1,024 a second; a busy host delivers fewer. */
const patience = 200;

describe.skipIf(!present(iso)).each(firmwares)("iPXE's ISO, through $name", { timeout: 420_000 }, ({ wanted, boot }) => {
  it.skipIf(!wanted)('reaches its prompt and takes typed commands', async () => {
    await withMachine(
      boot(),
      64,
      async (guest) => {
        await guest.until('the invitation', async () => (await guest.screen()).includes('Press Ctrl-B'), patience);
        await guest.machine.input({ kind: 'scancodes', bytes: controlB });
        await guest.until('the prompt', async () => (await guest.screen()).includes('iPXE>'), patience);
        for (const bytes of scancodesOf('echo typed by hand\n')) {
          await guest.machine.input({ kind: 'scancodes', bytes });
          await delay(60);
        }
        await guest.until('the echo', async () => /^typed by hand/m.test(await guest.screen()), patience);
        expect(await guest.screen()).toContain('iPXE 1.');
      },
      { drives: [{ kind: 'cdrom', path: iso, format: 'raw', readOnly: true }] },
    );
  });
});
