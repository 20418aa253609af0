/** The firmware's services for programs, ours and SeaBIOS's: the same program hears the same, and what the interrupts are known to answer. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BootSource } from '../../engine/machine/machine.ts';
import { bytesOf, present, withMachine } from './boot-machine.ts';
import { ownBios, ownVideoBios } from './own-firmware.ts';
import { writeProgram } from './programs.ts';

const seabios = '/usr/share/seabios/bios-256k.bin';
const mebibytes = 32;
/** 16 heads of 63 sectors. */
const cylinders = 8;
const startTime = Date.UTC(2024, 1, 29, 13, 20, 0) / 1000;

let folder: string;
let floppy: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-services-'));
  floppy = writeProgram(folder, 'services');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Answers = Map<string, string[]>;

async function answersUnder(boot: BootSource): Promise<Answers> {
  const disk = path.join(folder, `${Math.random()}.img`);
  writeFileSync(disk, new Uint8Array(cylinders * 16 * 63 * 512));
  let output = '';
  await withMachine(
    boot,
    mebibytes,
    async (guest) => {
      const { machine, until } = guest;
      const keys = (...bytes: number[]) => machine.input({ kind: 'scancodes', bytes });
      await until('keys', () => guest.debugConsole().includes('typed '), 60);
      await keys(0x1e, 0x9e);
      await keys(0x57, 0xd7);
      await keys(0x2a, 0x30, 0xb0);
      // SHIFT stays down.
      await until('a byte', () => guest.debugConsole().includes('received '), 60);
      await machine.input({ kind: 'serial', bytes: Uint8Array.of(0x7a) });
      await until('the second start', () => guest.debugConsole().includes('again'), 60);
      await delay(50);
      expect(guest.serial()).toContain('V');
      output = guest.debugConsole();
    },
    {
      startTime,
      drives: [
        { kind: 'floppy', path: floppy },
        { kind: 'disk', path: disk },
      ],
    },
  );
  const answers: Answers = new Map();
  for (const line of output.slice(output.indexOf('\nequipment ')).split('\n')) {
    const [, name = '', values = ''] = /^(\D*?[a-z:]) ((?:[0-9a-f]{4} |[-cznyn] |y)*)$/.exec(line) ?? [];
    if (name !== '') answers.set(name, [...(answers.get(name) ?? []), values.trim()]);
    else if (line === 'again') answers.set(line, ['']);
  }
  return answers;
}

const number = (words: readonly string[]) => words.reduceRight((sum, word) => sum * 65536 + Number.parseInt(word, 16), 0);

function expectServices(answers: Answers): void {
  const one = (name: string) => answers.get(name)?.[0];
  // A floppy drive, a coprocessor, colour text, at least one serial port.
  const equipment = number([one('equipment') ?? '']);
  expect([equipment & 1, equipment & 2, equipment & 0x30]).toEqual([1, 2, 0x20]);
  expect((equipment >> 9) & 7).toBeGreaterThan(0);
  const conventional = number([one('conventional') ?? '']);
  expect(conventional).toBeGreaterThan(620);
  expect(conventional).toBeLessThanOrEqual(640);
  const [extended = '', carry] = one('extended')?.split(' ') ?? [];
  expect([number([extended]) > 15 * 1024, number([extended]) <= (mebibytes - 1) * 1024, carry]).toEqual([true, true, '-']);
  const [low = '', high = ''] = one('two sizes')?.split(' ') ?? [];
  expect(number([low])).toBe(15 * 1024);
  expect(number([high])).toBeGreaterThan(((mebibytes - 16) * 16 * 15) / 16);
  expect(number([high])).toBeLessThanOrEqual((mebibytes - 16) * 16);

  const map = (answers.get('map') ?? []).map((line) => {
    const words = line.split(' ');
    return { base: number(words.slice(0, 4)), length: number(words.slice(4, 8)), type: number(words.slice(8, 10)) };
  });
  const sorted = [...map].sort((a, b) => a.base - b.base);
  sorted.forEach(({ base, length }, index) => {
    expect(length).toBeGreaterThan(0);
    expect(base + length).toBeLessThanOrEqual(sorted[index + 1]?.base ?? Infinity);
  });
  const ram = map.filter(({ type }) => type === 1);
  expect(ram.find(({ base }) => base === 0)?.length).toBe(conventional * 1024);
  const above = ram.find(({ base }) => base === 0x100000);
  expect(above?.length).toBeGreaterThan((mebibytes - 2) << 20);
  expect(ram.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(mebibytes << 20);
  expect(map.some(({ base, length, type }) => type !== 1 && base <= 0xf0000 && base + length >= 0x100000)).toBe(true);

  expect(one('bad map')?.endsWith('c')).toBe(true);
  expect(one('unknown')).toBe('8600 c');
  // Model FC: an AT.
  expect(one('configuration')?.slice(0, 6)).toBe('0000 -');
  expect(number([one('configuration')?.split(' ')[2] ?? '']) & 0xff).toBe(0xfc);
  expect(one('block up')).toBe('0000 -');
  const [, , middle, last] = one('block down')?.split(' ') ?? [];
  const expected = Array.from({ length: 512 }, () => 0x1234);
  for (let index = 1; index < 512; index++) expected[index] = ((expected[index - 1] ?? 0) * 3) & 0xffff;
  expect([middle, last].map((word) => number([word ?? '']))).toEqual([expected[350], expected[511]]);

  expect(one('no key')).toBe('z');
  expect(one('stored key')).toBe('0000 - n 1051 1051 z');
  expect(one('full buffer')).toBe('000f');
  expect(one('typed')).toBe('1e61 8500 3042');
  expect(number([one('shift held') ?? '']) & 3).toBe(2);

  expect(one('date')).toBe('2024 0229');
  expect(one('hour')).toBe('0013');
  expect(one('set time')).toBe('- 2154');
  expect(one('set date')).toBe('- 2031 1207');
  expect(one('set ticks')).toBe('0007 8000');
  expect(one('ticks go on')).toBe('y');
  expect(one('alarm')).toBe('- c -');
  expect(one('event')).toBe('- c');
  expect(one('waits')).toBe('-');

  expect(one('floppy')).toBe('0000 - 0000 - 0004 4f12 0101');
  expect(one('floppy sector')).toBe('0001 - aa55');
  expect(one('floppy beyond')).toBe('c');
  // The last cylinder is not told by some.
  expect(['063f', '073f']).toContain(one('disk')?.split(' ')[2]);
  expect(one('disk')?.split(' ')[3]).toBe('0f01');
  expect(one('disk kind')).toMatch(/^0300 - 0000 (?:1f80|1b90)$/);
  expect(one('extensions')).toBe('- aa55 0001');
  expect(one('parameters')).toBe('0000 - 1f80 0000 0200');
  expect(one('extended write and read')).toBe('0000 - 0001 - c0de feed');
  for (const name of ['beyond the end', 'no such disk']) expect([name, one(name)]).toEqual([name, 'c']);
  expect(one('unknown disk service')).toBe('0100 c');

  expect(one('serial')).toMatch(/ 0056$/);
  expect(one('received')).toBe('007a');
  expect(one('no such port')).toMatch(/^[08]000$/);
  expect(answers.has('again')).toBe(true);
}

describe('the services of the firmware', { timeout: 120_000 }, () => {
  it('are as programs know them, with our firmware', async () => {
    expectServices(await answersUnder({ kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() }));
  });

  it.skipIf(!present(seabios))('are so with SeaBIOS too', async () => {
    expectServices(await answersUnder({ kind: 'bios', image: bytesOf(seabios), vgaBios: ownVideoBios() }));
  });
});
