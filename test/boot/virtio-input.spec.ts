/**
 * Virtio input devices under a driver in guest assembly, written from the specification: they come and go with who looks, the guest hears of it, and
 * nothing that is typed or pointed is lost, doubled or left pressed. VITRINE_LITMUS multiplies the rounds: 50 makes a thousand.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkRequest, type DisplayProperties, type InputRequest } from '../../engine/display/properties.ts';
import type { Machine } from '../../engine/machine/machine.ts';
import { assembleSource } from '../../main/host/engine.ts';
import { withMachine, type BootedMachine } from './boot-machine.ts';

const factor = Number(process.env['VITRINE_LITMUS'] ?? 1);
const rounds = 20 * factor;
const programs = new URL('programs/', import.meta.url).pathname;
const patience = 60 * factor;

function image(): Uint8Array {
  const name = 'virtio-input.asm';
  const { ok, bytes, diagnostics } = assembleSource({ name, text: readFileSync(`${programs}${name}`, 'utf8'), folders: [programs], anywhere: false });
  if (!ok) throw new Error(JSON.stringify(diagnostics));
  return bytes;
}

function display(input: InputRequest): DisplayProperties {
  const checked = checkRequest({ outputs: [{ width: 640, height: 480 }], input: { keyboard: false, mouse: false, ...input } }, 32 << 20);
  if (!checked.ok) throw new Error(checked.reason);
  return checked.properties;
}

const desk = display({ keyboard: true, mouse: true, pointer: true });
const tablet = display({ touchPoints: 5, pen: true });
const names = { desk: ['+8 Vitrine keyboard', '+9 Vitrine mouse', '+a Vitrine pointer'], tablet: ['+b Vitrine touch screen', '+c Vitrine pen'] };

const typed = (machine: Machine, ...bytes: number[]) => machine.input({ kind: 'scancodes', bytes });
const kinds = async (machine: Machine) => (await machine.displayState()).devices.map(({ kind, state, driver }) => `${kind} ${state} ${driver}`);

/** Lines since the last call. */
function listener(guest: BootedMachine) {
  let from = 0;
  const lines = () => guest.debugConsole().slice(from).split('\n').slice(0, -1);
  return async (what: string, count: number): Promise<string[]> => {
    await guest.until(`${what} (${count} lines)`, () => lines().length >= count, patience);
    const said = lines();
    from = guest.debugConsole().lastIndexOf('\n') + 1;
    return said;
  };
}

describe('a guest with a driver for virtio input', { timeout: 120_000 * factor }, () => {
  it('has the devices of each session in turn, and what is done with them', async () => {
    await withMachine({ kind: 'kernel', image: image() }, 16, async (guest) => {
      const { machine } = guest;
      const hear = listener(guest);
      expect(await hear('what is there from the start', 3)).toEqual([...names.desk.slice(0, 2), 'ready']);
      await typed(machine, 0x1e, 0x9e, 0xe0, 0x4b);
      expect(await hear('keys', 6)).toEqual(['8 1 1e 1', '8 0 0 0', '8 1 1e 0', '8 0 0 0', '8 1 69 1', '8 0 0 0']);
      await machine.input({ kind: 'mouse', dx: 2, dy: 3, wheel: 1, buttons: 2 });
      expect(await hear('motion', 5)).toEqual(['9 1 111 1', '9 2 0 2', '9 2 1 fffffffd', '9 2 8 ffffffff', '9 0 0 0']);

      // The arrow and a button are still held when their devices go: the guest hears that they are let go, then ejects.
      await machine.configureDisplay(tablet, 1);
      expect((await hear('the other desk', 8)).sort()).toEqual([...names.tablet, '-8', '-9', '8 0 0 0', '8 1 69 0', '9 0 0 0', '9 1 111 0'].sort());
      expect(await kinds(machine)).toEqual(['touch present ready', 'pen present ready']);
      await machine.input({ kind: 'touch', output: 0, contact: 4, phase: 'down', x: 256, y: 16 });
      expect(await hear('a finger', 8)).toEqual(['b 3 2f 4', 'b 3 39 0', 'b 3 35 100', 'b 3 36 10', 'b 1 14a 1', 'b 3 0 100', 'b 3 1 10', 'b 0 0 0']);
      // The screen has five: there is no such finger.
      await machine.input({ kind: 'touch', output: 0, contact: 5, phase: 'down', x: 1, y: 1 });
      await machine.input({ kind: 'pen', output: 0, x: 1, y: 2, near: true, pressure: 3, button: true, eraser: true });
      expect(await hear('a pen', 7)).toEqual(['c 1 141 1', 'c 1 14a 1', 'c 1 14b 1', 'c 3 0 1', 'c 3 1 2', 'c 3 18 3', 'c 0 0 0']);
    });
  });

  it('gets what is typed by one way only: the i8042 until its driver is there', async () => {
    await withMachine({ kind: 'kernel', image: image() }, 16, async (guest) => {
      const { machine } = guest;
      await listener(guest)('ready', 3);
      const waiting = async () => (await machine.displayState()).devices.length;
      expect(await waiting()).toBe(2);
      // Without a keyboard in the session what is typed goes to the i8042: nothing of it is said here.
      await machine.configureDisplay(display({ mouse: true }), 1);
      await guest.until('the keyboard to be gone', async () => (await kinds(machine)).join() === 'mouse present ready', patience);
      const before = guest.debugConsole().length;
      await typed(machine, 0x1e);
      await machine.configureDisplay(desk, 2);
      await guest.until('it to be back', async () => (await kinds(machine)).join() === 'keyboard present ready,mouse present ready,pointer present ready', patience);
      // It went down at the i8042, so it goes up there; the next key is the virtio keyboard's.
      await typed(machine, 0x9e, 0x30, 0xb0);
      await guest.until('the next key', () => guest.debugConsole().endsWith('8 1 30 0\n8 0 0 0\n'), patience);
      expect(guest.debugConsole().slice(before)).not.toMatch(/^8 1 1e/m);
    });
  });

  it('is suspended with its devices and a finger down, and goes on with both', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-virtio-input-'));
    const file = path.join(folder, 'state');
    try {
      await withMachine({ kind: 'kernel', image: image() }, 16, async (guest) => {
        const { machine } = guest;
        const hear = listener(guest);
        await hear('ready', 3);
        await machine.configureDisplay(tablet, 1);
        await hear('the tablet', 4);
        await machine.input({ kind: 'touch', output: 0, contact: 0, phase: 'down', x: 1, y: 2 });
        await hear('a finger', 7);
        await machine.suspend(file);
      });
      await withMachine(
        { kind: 'kernel', image: image() },
        16,
        async (guest) => {
          const { machine } = guest;
          const hear = listener(guest);
          expect(await kinds(machine)).toEqual(['touch present ready', 'pen present ready']);
          await machine.input({ kind: 'touch', output: 0, contact: 0, phase: 'up', x: 1, y: 2 });
          expect(await hear('the finger', 3)).toEqual(['b 3 39 ffffffff', 'b 1 14a 0', 'b 0 0 0']);
          // Another client comes while it stood still.
          await machine.configureDisplay(desk, 2);
          expect((await hear('the desk', 5)).sort()).toEqual([...names.desk, '-b', '-c'].sort());
        },
        {},
        { restore: file },
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it(`has one desk, then the other, ${rounds} times, and nothing of it stays`, async () => {
    await withMachine({ kind: 'kernel', image: image() }, 16, async (guest) => {
      const { machine } = guest;
      const hear = listener(guest);
      await hear('ready', 3);
      await machine.configureDisplay(desk, 1);
      await hear('the pointer', 1);
      const sizes: number[] = [];
      for (let round = 0; round < rounds; round++) {
        await machine.configureDisplay(tablet, 2 * round + 2);
        expect((await hear('the tablet', 5)).sort()).toEqual([...names.tablet, '-8', '-9', '-a'].sort());
        await machine.input({ kind: 'touch', output: 0, contact: 0, phase: 'down', x: 1000 + round, y: 1 });
        expect((await hear('a finger', 7)).at(0)).toBe('b 3 39 0');
        await machine.configureDisplay(desk, 2 * round + 3);
        // The finger is let go before its screen goes.
        expect((await hear('the desk', 8)).sort()).toEqual([...names.desk, '-b', '-c', 'b 0 0 0', 'b 1 14a 0', 'b 3 39 ffffffff'].sort());
        await typed(machine, 0x02, 0x82);
        expect(await hear('a key', 4)).toEqual(['8 1 2 1', '8 0 0 0', '8 1 2 0', '8 0 0 0']);
        sizes.push(process.memoryUsage().rss);
      }
      // Only a long row says anything: the first rounds are compiled, and its tail is what a leak would show in.
      const half = sizes.slice(Math.floor(sizes.length / 2));
      const slope = ((half.at(-1) ?? 0) - (half.at(0) ?? 0)) / half.length;
      if (factor >= 10) expect(slope).toBeLessThan(20_000);
      expect(guest.debugConsole()).not.toContain('broken');
    });
  });

  it('sees none where the machine has none', async () => {
    await withMachine(
      { kind: 'kernel', image: image() },
      16,
      async (guest) => {
        expect(await listener(guest)('its word', 1)).toEqual(['ready']);
        await guest.machine.configureDisplay(desk, 1);
        expect((await guest.machine.displayState()).devices).toEqual([]);
      },
      { virtioInput: false },
    );
  });
});
