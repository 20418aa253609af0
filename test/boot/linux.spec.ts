/** Debian's own kernel: by GRUB and our BIOS with two processors, and by its boot protocol with one. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debianBusybox, debianKernel, debianModules } from '../../build/debian-i386.mjs';
import type { Machine } from '../../engine/machine/machine.ts';
import { askPeek } from '../../engine/peek/client.ts';
import { linearSpace, physicalSpace } from '../../engine/peek/operation.ts';
import { importIsf } from '../../engine/peek/structures/isf.ts';
import type { Node } from '../../engine/peek/structures/node.ts';
import { profileOf } from '../../engine/peek/structures/profiles/profiles.ts';
import { bytesOf, present, withMachine } from './boot-machine.ts';
import { grubFolder, writeFatDisk, writeGrubCdrom } from './disk-images.ts';
import { initialRamDisk, writeLinuxCdrom } from './linux-images.ts';
import { ask, patience, prompt } from './linux-shell.ts';
import { ownBios, ownVideoBios, thorough } from './own-firmware.ts';


/** Where the kernel maps memory, and where its own image lies in it (CONFIG_PAGE_OFFSET and CONFIG_PHYSICAL_START of Debian's). */
const pageOffset = 0xc0000000;
const image = { from: 0x1000000, to: 0x3000000 };
const piece = 0x10000;
const nameBytes = 16;
/** No structure begins behind it. */
const highest = 0xfffff000;

async function readImage(machine: Machine): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let address = image.from; address < image.to; address += piece) {
    const operation = { kind: 'read', space: physicalSpace, address, length: piece } as const;
    pieces.push((await askPeek(machine, 'read', { cpu: 0, operation })).bytes);
  }
  return Buffer.concat(pieces);
}

async function word(machine: Machine, address: number): Promise<number> {
  const operation = { kind: 'read', space: linearSpace, address, length: 4 } as const;
  const { bytes } = await askPeek(machine, 'read', { cpu: 0, operation });
  return bytes.length === 4 ? Buffer.from(bytes).readUInt32LE() : 0;
}

async function name(machine: Machine, address: number): Promise<string> {
  const operation = { kind: 'read', space: linearSpace, address, length: nameBytes } as const;
  const { bytes } = await askPeek(machine, 'read', { cpu: 0, operation });
  return Buffer.from(bytes).toString('latin1').split('\0', 1)[0] ?? '';
}

/**
 * A symbol file for this very kernel, made from what its tasks have in common, since Debian ships none that is small: the idle task has
 * "swapper/0" as its name; in front of that is a ring of pointers that leads to a task named "init" or "sh", and from there on; and a word that is 0,
 * 1 and 2 in the first three tasks, their numbers.
 */
async function symbolFile(machine: Machine): Promise<string> {
  const bytes = await readImage(machine);
  for (let at = bytes.indexOf('swapper/0\0'); at >= 0; at = bytes.indexOf('swapper/0\0', at + 1)) {
    const comm = pageOffset + image.from + at;
    for (let back = 4; back < 0x600 && back <= at; back += 4) {
      const ring = comm - back;
      const first = bytes.readUInt32LE(at - back);
      if (first < pageOffset || first > highest || first === ring || (await word(machine, first + 4)) !== ring) continue;
      const second = await word(machine, first);
      if (second > highest || (await name(machine, second + back)) !== 'kthreadd') continue;
      for (let number = ring; number < comm; number += 4) {
        const words = [ring, first, second].map((task) => word(machine, task + number - ring));
        if ((await Promise.all(words)).join() === '0,1,2') return JSON.stringify(isf(ring, number - ring, comm - ring));
      }
    }
  }
  throw new Error('There is no idle task in the kernel’s image.');
}

function isf(address: number, number: number, comm: number): object {
  const struct = (of: string) => ({ kind: 'struct', name: of });
  const base = (of: string) => ({ kind: 'base', name: of });
  return {
    metadata: { format: '6.2.0', producer: { name: 'a test', version: '1' } },
    base_types: {
      int: { size: 4, signed: true, kind: 'int', endian: 'little' },
      char: { size: 1, signed: true, kind: 'char', endian: 'little' },
      pointer: { size: 4, signed: false, kind: 'int', endian: 'little' },
    },
    enums: {},
    user_types: {
      list_head: {
        kind: 'struct',
        size: 8,
        fields: Object.fromEntries(
          ['next', 'prev'].map((field, at) => [
            field,
            { offset: 4 * at, type: { kind: 'pointer', subtype: struct('list_head') } },
          ]),
        ),
      },
      task_struct: {
        kind: 'struct',
        size: comm + nameBytes,
        fields: {
          tasks: { offset: 0, type: struct('list_head') },
          pid: { offset: number, type: base('int') },
          comm: { offset: comm, type: { kind: 'array', count: nameBytes, subtype: base('char') } },
        },
      },
    },
    symbols: { init_task: { address, type: struct('task_struct') } },
  };
}

async function tasks(machine: Machine, file: string): Promise<[pid: string, name: string][]> {
  const profile = profileOf('linux');
  const view = profile.views.find((each) => each.name === 'Tasks')!;
  await askPeek(machine, 'types', { id: 'linux', set: importIsf(file), profile: 'linux' });
  const items = [{ name: view.name, expression: view.expression, options: { space: linearSpace, follow: 1 } }];
  const [result] = await askPeek(machine, 'evaluate', { cpu: 0, types: 'linux', items, frozen: false });
  if (result?.kind !== 'value') throw new Error(JSON.stringify(result));
  const found: [string, string][] = [];
  const visit = (node: Node): void => {
    const child = (of: string) => node.children?.find((each) => each.name === of);
    const comm = child('comm')?.value;
    if (comm !== undefined) found.push([String(child('pid')?.number), comm.replace(/^"|"$/g, '')]);
    else node.children?.forEach(visit);
  };
  visit(result.node);
  return found;
}

describe.skipIf(!present(debianKernel, debianBusybox, ...debianModules, grubFolder))(
  'Debian’s Linux',
  { timeout: 900_000 },
  () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(path.join(tmpdir(), 'vitrine-linux-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('boots on two processors by GRUB and our BIOS, and its tasks are listed as it lists them itself', async () => {
      const drives = [{ kind: 'cdrom', path: writeLinuxCdrom(folder), format: 'raw', readOnly: true } as const];
      const bios = { kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() } as const;
      await withMachine(
        bios,
        192,
        async (guest) => {
          await guest.until('the shell', () => guest.serial().includes(prompt), patience);
          expect(guest.serial()).toMatch(/smp: Brought up 1 node, 2 CPUs/);
          expect(guest.serial()).toMatch(/userland of 6\.\S+ on 2\r/);
          expect(guest.serial()).not.toMatch(/invalid opcode|BUG:|Oops|soft lockup|Kernel panic/);
          expect((await ask(guest, 'echo $((6 * 7))')).trim()).toBe('42');
          // Both processors work: each runs a loop bound to it.
          expect(
            (
              await ask(
                guest,
                'for c in 1 2; do taskset $c sh -c "i=0; while [ \\$i -lt 2000 ]; do i=\\$((i+1)); done; echo done" & done; wait',
              )
            ).match(/^done$/gm),
          ).toHaveLength(2);
          const file = await symbolFile(guest.machine);
          const shown = await ask(guest, 'ps -o pid,comm');
          const listed = shown.split('\n').flatMap((line) => /^\s*(\d+) (.*?)\s*$/.exec(line)?.slice(1, 3).join(' ') ?? []);
          const seen = (await tasks(guest.machine, file)).map((task) => task.join(' '));
          expect(listed.length).toBeGreaterThan(10);
          // ps lists itself, which is gone now; threads of the kernel come and go.
          const missing = listed.filter((each) => !seen.includes(each) && !/ ps$| kworker/.test(each));
          expect(missing).toEqual([]);
          await ask(guest, 'sync');
        },
        { drives, cpus: 2 },
      );
    });

    it('boots by its boot protocol behind our firmware with three processors, keeps files on a disk, and switches itself off', async () => {
      const numbers = Array.from({ length: 150_000 }, (_, at) => `${at + 1}\n`).join('');
      const disk = writeFatDisk(folder, 'fat.img', 'written by the host\n');
      const cdrom = writeGrubCdrom(folder, 'cd.iso', 'on the CD-ROM\n');
      const drives = [
        { kind: 'disk', path: disk, format: 'raw' } as const,
        { kind: 'cdrom', path: cdrom, format: 'raw', readOnly: true } as const,
      ];
      const firmware = { image: ownBios(), vgaBios: ownVideoBios() };
      const commandLine = 'console=ttyS0';
      const boot = { kind: 'kernel', image: bytesOf(debianKernel), initrd: initialRamDisk(), commandLine, firmware } as const;
      await withMachine(
        boot,
        128,
        async (guest) => {
          await guest.until('the shell', () => guest.serial().includes(prompt), patience);
          expect(guest.serial()).toMatch(/userland of 6\.\S+ on 3\r/);
          expect(guest.serial()).toMatch(/ACPI: Using IOAPIC for interrupt routing/);
          // By bus-master DMA on both channels: what is written is read back once the cache is dropped.
          expect(await ask(guest, 'mkdir /m /c; mount -t vfat /dev/sda /m && cat /m/NOTE.TXT')).toContain('written by the host');
          const sums = await ask(
            guest,
            'seq 1 150000 > /m/numbers; md5sum /m/numbers; umount /m; mount -t vfat /dev/sda /m; md5sum /m/numbers; umount /m',
          );
          const expected = createHash('md5').update(numbers).digest('hex');
          expect(sums.match(/[0-9a-f]{32}/g)).toEqual([expected, expected]);
          expect(await ask(guest, 'mount -t iso9660 /dev/sr0 /c && cat /c/note.txt')).toContain('on the CD-ROM');
          expect(await ask(guest, 'dmesg | grep -iE "error|failed command|exception Emask|reset" | grep ata')).toBe('');
          await guest.machine.input({ kind: 'serial', bytes: Buffer.from('poweroff -f\n') });
          await guest.until('the machine to be off', () => guest.machine.state === 'off', patience);
        },
        { cpus: 3, drives },
      );
      expect(execFileSync('mcopy', ['-i', disk, '::numbers', '-'], { maxBuffer: 4 << 20 }).toString()).toBe(numbers);
    });

    it.skipIf(!thorough)('boots by its boot protocol, without firmware', async () => {
      const boot = {
        kind: 'kernel',
        image: bytesOf(debianKernel),
        initrd: initialRamDisk(),
        commandLine: 'console=ttyS0',
      } as const;
      await withMachine(boot, 128, async (guest) => {
        await guest.until('the shell', () => guest.serial().includes(prompt), patience);
        expect((await ask(guest, 'uname -m')).trim()).toBe('i686');
      });
    });
  },
);
