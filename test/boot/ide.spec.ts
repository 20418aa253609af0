/**
 * An IDE disk at its ports, in our machine and in QEMU's: the same commands, the same answers. Left out is what ATA/ATAPI-6 leaves open or
 * QEMU does otherwise: bit 4 of the status, which error a refused command has, the address registers afterwards.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present, withMachine } from './boot-machine.ts';
import { qemuProgram, withQemu } from './display/qemu.ts';
import { ownBios, ownVideoBios } from './own-firmware.ts';
import { writeProgram } from './programs.ts';

const sectors = 4096;

let folder: string;
let floppy: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-ide-'));
  floppy = writeProgram(folder, 'ide');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Each sector begins with its number. */
function writeDisk(name: string): string {
  const image = Buffer.alloc(512 * sectors);
  for (let sector = 0; sector < sectors; sector++) image.writeUInt16LE(sector, 512 * sector);
  const file = path.join(folder, name);
  writeFileSync(file, image);
  return file;
}

const ended = (output: string) => /^(?:end|\?)$/m.test(output);
const told = (output: string) => output.slice(output.indexOf('0000 ')).split('\n');

async function ours(): Promise<string[]> {
  let lines: string[] = [];
  const drives = [
    { kind: 'floppy' as const, path: floppy },
    { kind: 'disk' as const, path: writeDisk('ours.img') },
  ];
  await withMachine(
    { kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() },
    32,
    async (guest) => {
      await guest.until('the end', () => ended(guest.debugConsole()), 60);
      lines = told(guest.debugConsole());
    },
    { drives, bootOrder: ['floppy'] },
  );
  return lines;
}

function qemus(): Promise<string[]> {
  const disk = writeDisk('qemu.img');
  return withQemu(
    folder,
    ['-M', 'pc', '-boot', 'a', '-fda', floppy, '-drive', `file=${disk},format=raw,if=ide,index=0`],
    async (guest) => {
      await guest.until('the end', () => ended(guest.debugConsole()), 60);
      return told(guest.debugConsole());
    },
  );
}

interface Answer {
  command: string;
  status: number;
  error: boolean;
  blocks: string;
}

const seekComplete = 0x10;

function answerOf(line: string): Answer {
  const [command = '', status = '', error = '', , , , , , ...blocks] = line.trim().split(' ');
  return { command, status: Number.parseInt(status, 16) & ~seekComplete, error: error !== '0000', blocks: blocks.join(' ') };
}

/** By number of the command: what QEMU does otherwise, with our answer. */
const own: ReadonlyMap<number, string> = new Map([
  // A range that ends behind the disk: QEMU gives the first sectors. IDNF.
  [4, '0020 0051 0010 0004 00fe 000f 0000 00e0 0000'],
  // READ MULTIPLE without SET MULTIPLE: QEMU begins with 16. Aborted.
  [9, '00c4 0051 0004 0005 0009 0000 0000 00e0 0000'],
  // A write behind the end: QEMU takes the data first.
  [33, '0030 0051 0010 0001 0000 0010 0000 00e0 0000'],
]);

describe.skipIf(!present(qemuProgram))('an IDE disk', { timeout: 180_000 }, () => {
  it('answers as QEMU does', async () => {
    const [here, there] = [await ours(), await qemus()];
    const compared = (lines: string[]) => lines.flatMap((line, index) => (own.has(index) ? [] : [answerOf(line)]));
    expect(here.length).toBe(38);
    expect(compared(here)).toEqual(compared(there));
    for (const [index, line] of own) expect(here[index]?.trim()).toBe(line);
  });
});
