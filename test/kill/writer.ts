/** The machine whose guest writes numbered sectors (writer.asm), and what must be on its disks whatever happened. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, readSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createQcow2 } from '../../engine/storage/qcow2-create.ts';

export const WRITER = 'writer';
const SLOTS = 16;
const STRIDE = 200;
const FIRST = 16;
const SECTOR = 512;
const DISK_BYTES = 8 << 20;
const DISKS = ['raw.img', 'disk.qcow2'] as const;

export class Writer {
  readonly folder: string;
  /** Of each disk: the highest number that the guest has said to be flushed. */
  readonly flushed = [0, 0];
  /** Lines since somebody set this to 0, and of all. */
  lines = 0;
  allLines = 0;
  /** What the guest itself found wrong. */
  readonly complaints: string[] = [];
  #rest = '';
  /** Nothing was heard in this life yet. */
  #begun = true;

  /** Puts the machine into a library that is not open. */
  constructor(private readonly library: string) {
    this.folder = path.join(library, WRITER);
    mkdirSync(this.folder, { recursive: true });
    copyFileSync(path.join(import.meta.dirname, 'writer.asm'), this.at('writer.asm'));
    writeFileSync(this.at('raw.img'), '');
    truncateSync(this.at('raw.img'), DISK_BYTES);
    createQcow2(this.at('disk.qcow2'), { bytes: DISK_BYTES });
    const machine = {
      format: 'vitrine-machine',
      version: 1,
      name: 'Writer',
      created: '2026-01-01T00:00:00.000Z',
      cpus: 1,
      memoryMiB: 1,
      clock: 'wall',
      boot: { kind: 'assembly', file: 'writer.asm' },
      drives: [
        { kind: 'disk', file: 'raw.img', format: 'raw' },
        { kind: 'disk', file: 'disk.qcow2', format: 'qcow2' },
      ],
    };
    writeFileSync(this.at('machine.json'), JSON.stringify(machine));
  }

  at(name: string): string {
    return path.join(this.folder, name);
  }

  get isSuspended(): boolean {
    return existsSync(this.at('suspended.vst'));
  }

  /** A life begins: what the last one left of a line counts for nothing. */
  begin(): void {
    this.#rest = '';
    this.#begun = true;
  }

  /** Takes what the guest said on COM1. */
  hear(bytes: Uint8Array): void {
    const lines = (this.#rest + Buffer.from(bytes).toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, disk, number] = /^([01]) ([0-9A-F]{8})$/.exec(line) ?? [];
      if (disk !== undefined && number !== undefined) {
        this.flushed[Number(disk)] = Number.parseInt(number, 16);
        this.lines++;
        this.allLines++;
      } else if (this.#begun) {
        // A life may begin in the middle of a line.
      } else if (!/^S [01] [0-9A-F]{8}$/.test(line)) this.complaints.push(`the guest says “${line}”`);
      this.#begun = false;
    }
  }

  /** Looks at the disks with the eyes of others. The machine must be off. Returns what is wrong, in sentences. */
  inspect(): string[] {
    const wrong: string[] = [];
    const check = spawnSync('qemu-img', ['check', '-f', 'qcow2', this.at('disk.qcow2')], { encoding: 'utf8' });
    // 3: clusters that nothing refers to. They cost room and no data; QEMU leaves them as well when it is killed.
    if (check.status !== 0 && check.status !== 3) wrong.push(`qemu-img check: ${check.stdout}${check.stderr}`);
    const converted = path.join(this.library, '..', 'converted.raw');
    execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', this.at('disk.qcow2'), converted]);
    for (const [disk, file] of [this.at(DISKS[0]), converted].entries()) wrong.push(...this.misses(disk, file));
    rmSync(converted);
    return wrong;
  }

  private misses(disk: number, file: string): string[] {
    const wrong: string[] = [];
    const sector = Buffer.alloc(SECTOR);
    const flushed = this.flushed[disk] ?? 0;
    const image = openSync(file, 'r');
    try {
      for (let slot = 0; slot < SLOTS; slot++) {
        readSync(image, sector, 0, SECTOR, (FIRST + slot * STRIDE) * SECTOR);
        const number = sector.readUInt32LE(0);
        const whole = Array.from({ length: SECTOR / 4 }, (_, at) => sector.readUInt32LE(at * 4)).every((one) => one === number);
        // The last number of this slot that is not above what was flushed.
        const least = Math.max(0, flushed - ((((flushed - slot) % SLOTS) + SLOTS) % SLOTS));
        if (!whole) wrong.push(`slot ${slot} of ${DISKS[disk]} is torn`);
        else if (number !== 0 && number % SLOTS !== slot)
          wrong.push(`slot ${slot} of ${DISKS[disk]} holds ${number}, which is of another`);
        else if (number < least) wrong.push(`slot ${slot} of ${DISKS[disk]} holds ${number}, but ${least} was flushed`);
      }
    } finally {
      closeSync(image);
    }
    return wrong;
  }
}
