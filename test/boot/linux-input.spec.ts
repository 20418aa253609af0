/** Input devices under Debian's own kernel: its virtio drivers find them, its ACPI hot-plug sees them come and go, its evdev reads what they say. */
import { describe, expect, it } from 'vitest';
import { debianBusybox, debianInputModules, debianKernel, debianModules } from '../../build/debian-i386.mjs';
import { checkRequest, type DisplayProperties, type InputRequest } from '../../engine/display/properties.ts';
import { bytesOf, present, withMachine, type BootedMachine } from './boot-machine.ts';
import { initialRamDisk } from './linux-images.ts';
import { ask, patience, prompt } from './linux-shell.ts';
import { ownBios, ownVideoBios } from './own-firmware.ts';

function display(input: InputRequest): DisplayProperties {
  const checked = checkRequest({ outputs: [{ width: 1280, height: 800, widthMillimetres: 344, heightMillimetres: 215 }], input }, 32 << 20);
  if (!checked.ok) throw new Error(checked.reason);
  return checked.properties;
}

const keyboardAndMouse = { keyboard: true, mouse: true };

/** Names of input devices, with the file of each. */
async function devices(guest: BootedMachine): Promise<Map<string, string>> {
  const text = await ask(guest, 'cat /proc/bus/input/devices');
  return new Map(
    text.split(/\n\s*\n/).flatMap((part): [string, string][] => {
      const [, name] = /N: Name="(.*)"/.exec(part) ?? [];
      const [, file] = /H: Handlers=.*(event\d+)/.exec(part) ?? [];
      return name === undefined || file === undefined ? [] : [[name, file]];
    }),
  );
}

const ours = (all: Map<string, string>): string[] => [...all.keys()].filter((name) => name.startsWith('Vitrine')).sort();

/** Until the kernel has exactly these of ours. */
async function awaitDevices(guest: BootedMachine, ...names: string[]): Promise<Map<string, string>> {
  let found = new Map<string, string>();
  const there = async () => {
    found = await devices(guest);
    return ours(found).join() === names.map((name) => `Vitrine ${name}`).join();
  };
  await guest.until(`${names.join()} in the guest`, there, patience);
  return found;
}

/** So many events from a file that stands open at a number of the shell, as type:code=value. */
async function read(guest: BootedMachine, number: number, count: number): Promise<string[]> {
  const text = await ask(guest, `dd bs=16 count=${count} <&${number} 2>/dev/null | hexdump -v -C`);
  return text.split('\n').flatMap((line) => {
    const bytes = /^[0-9a-f]{8}  ((?:[0-9a-f]{2} +){16})/.exec(line)?.[1]?.trim().split(/ +/);
    if (bytes === undefined) return [];
    // Behind the time of two words (struct input_event).
    const view = Buffer.from(bytes.join(''), 'hex');
    return [`${view.readUInt16LE(8)}:${view.readUInt16LE(10).toString(16)}=${view.readInt32LE(12)}`];
  });
}

const syn = '0:0=0';

describe.skipIf(!present(debianKernel, debianBusybox, ...debianModules, ...debianInputModules))('input devices under Debian’s Linux', { timeout: 900_000 }, () => {
  it('are found, read, and come and go with the session', async () => {
    const firmware = { image: ownBios(), vgaBios: ownVideoBios() };
    const boot = { kind: 'kernel', image: bytesOf(debianKernel), initrd: initialRamDisk(debianInputModules), commandLine: 'console=ttyS0', firmware } as const;
    await withMachine(boot, 128, async (guest) => {
      const { machine } = guest;
      await guest.until('the shell', () => guest.serial().includes(prompt), patience);
      const first = await awaitDevices(guest, 'keyboard', 'mouse');
      const state = async () => (await machine.displayState()).devices.map(({ kind, place, state, driver, contacts }) => [kind, place, state, driver, contacts]);
      expect(await state()).toEqual([
        ['keyboard', '08.0', 'present', 'ready', 0],
        ['mouse', '09.0', 'present', 'ready', 0],
      ]);
      // Keys and motion, and nothing of it at the i8042.
      await ask(guest, `exec 3</dev/input/${first.get('Vitrine keyboard')} 4</dev/input/${first.get('Vitrine mouse')} 5</dev/input/${first.get('AT Translated Set 2 keyboard')}`);
      await machine.input({ kind: 'scancodes', bytes: [0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8] });
      await machine.input({ kind: 'mouse', dx: 5, dy: 7, wheel: -1, buttons: 1 });
      expect(await read(guest, 3, 8)).toEqual(['1:1e=1', syn, '1:1e=0', syn, '1:67=1', syn, '1:67=0', syn]);
      expect(await read(guest, 4, 5)).toEqual(['1:110=1', '2:0=5', '2:1=-7', '2:8=1', syn]);

      // A tablet takes the desk.
      await machine.configureDisplay(display({ keyboard: false, mouse: false, touchPoints: 5, pointer: true, pen: true }), 2);
      const second = await awaitDevices(guest, 'pen', 'pointer', 'touch screen');
      expect((await state()).map(([kind]) => kind)).toEqual(['pointer', 'touch', 'pen']);
      await ask(guest, `exec 3</dev/input/${second.get('Vitrine touch screen')} 4</dev/input/${second.get('Vitrine pointer')} 6</dev/input/${second.get('Vitrine pen')}`);
      const touch = (contact: number, phase: 'down' | 'up', x: number, y: number) => machine.input({ kind: 'touch', output: 0, contact, phase, x, y });
      await touch(0, 'down', 1000, 2000);
      await touch(1, 'down', 3000, 4000);
      await touch(0, 'up', 0, 0);
      await touch(1, 'up', 0, 0);
      expect(await read(guest, 3, 21)).toEqual([
        ...['3:39=0', '3:35=1000', '3:36=2000', '1:14a=1', '3:0=1000', '3:1=2000', syn],
        ...['3:2f=1', '3:39=1', '3:35=3000', '3:36=4000', syn],
        ...['3:2f=0', '3:39=-1', '3:0=3000', '3:1=4000', syn],
        ...['3:2f=1', '3:39=-1', '1:14a=0', syn],
      ]);
      await machine.input({ kind: 'pointer', output: 0, x: 65535, y: 1, buttons: 2, wheel: 0 });
      expect(await read(guest, 4, 4)).toEqual(['1:111=1', '3:0=65535', '3:1=1', syn]);
      await machine.input({ kind: 'pen', output: 0, x: 9, y: 8, near: true, pressure: 77, button: false, eraser: false });
      expect(await read(guest, 6, 6)).toEqual(['1:140=1', '1:14a=1', '3:0=9', '3:1=8', '3:18=77', syn]);
      // The keyboard is gone: what is typed now is typed at the i8042, and it is the first that came there.
      await machine.input({ kind: 'scancodes', bytes: [0x30, 0xb0] });
      expect((await read(guest, 5, 6)).filter((one) => one.startsWith('1:'))).toEqual(['1:30=1', '1:30=0']);

      // The first desk again, then a touch screen for more fingers in the place of the one before.
      await machine.configureDisplay(display(keyboardAndMouse), 3);
      await awaitDevices(guest, 'keyboard', 'mouse');
      for (const touchPoints of [1, 10]) {
        await machine.configureDisplay(display({ ...keyboardAndMouse, touchPoints }), 4);
        await guest.until('a screen for so many fingers', async () => (await state()).some(([kind, , , driver, contacts]) => kind === 'touch' && driver === 'ready' && contacts === touchPoints), patience);
      }
      await awaitDevices(guest, 'keyboard', 'mouse', 'touch screen');
      expect(await ask(guest, 'dmesg | grep -E "virtio.*(fail|broken)|Oops"')).toBe('');
    });
  });
});
