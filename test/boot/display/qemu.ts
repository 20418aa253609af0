/** A guest in QEMU, as boot-machine.ts has one in our machine: its debug console, its keys, its screen. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const qemuProgram = '/usr/bin/qemu-system-i386';
const pollMilliseconds = 50;

export interface Picture {
  width: number;
  height: number;
  /** Red, green, blue, row by row. */
  rgb: Uint8Array;
}

export interface QemuGuest {
  debugConsole(): string;
  /** QEMU's name of a key. */
  press(key: string): void;
  screen(): Promise<Picture>;
  until(what: string, condition: () => boolean, seconds: number): Promise<void>;
}

/** Starts QEMU's q35 machine with 32 MiB and `options`; ends it whatever happens. */
export async function withQemu<T>(
  folder: string,
  options: readonly string[],
  body: (guest: QemuGuest) => Promise<T>,
): Promise<T> {
  const own = mkdtempSync(path.join(folder, 'qemu-'));
  const consoleFile = path.join(own, 'console');
  const machine = ['-M', 'q35', '-m', '32', '-accel', 'tcg', '-display', 'none', '-monitor', 'stdio', '-nic', 'none'];
  const debugConsole = ['-chardev', `file,id=debug,path=${consoleFile}`, '-device', 'isa-debugcon,iobase=0xe9,chardev=debug'];
  const process = spawn(qemuProgram, [...machine, ...debugConsole, ...options], { stdio: ['pipe', 'ignore', 'pipe'] });
  let errors = '';
  process.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  const ended = new Promise<void>((resolve) => process.once('exit', () => resolve()));
  const read = () => (existsSync(consoleFile) ? readFileSync(consoleFile, 'latin1') : '');
  const until = async (what: string, condition: () => boolean, seconds: number) => {
    const end = Date.now() + seconds * 1000;
    while (!condition()) {
      if (Date.now() > end || process.exitCode !== null)
        throw new Error(`Waited for ${what} in QEMU.\n${errors}\nDebug console:\n${read()}`);
      await delay(pollMilliseconds);
    }
  };
  let pictures = 0;
  try {
    return await body({
      debugConsole: read,
      press: (key) => void process.stdin.write(`sendkey ${key}\n`),
      until,
      async screen() {
        const file = path.join(own, `${pictures++}.ppm`);
        process.stdin.write(`screendump ${file}\n`);
        let picture: Picture | undefined;
        await until('a picture', () => (picture = existsSync(file) ? parsePpm(readFileSync(file)) : undefined) !== undefined, 20);
        if (picture === undefined) throw new Error('there is no picture');
        return picture;
      },
    });
  } finally {
    process.kill();
    await ended;
    rmSync(own, { recursive: true, force: true });
  }
}

/** A binary PPM; undefined while it is not whole. */
function parsePpm(bytes: Uint8Array): Picture | undefined {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(Buffer.from(bytes.subarray(0, 64)).toString('latin1'));
  if (header === null) return undefined;
  const [width, height] = [Number(header[1]), Number(header[2])];
  const rgb = bytes.subarray(header[0].length);
  return rgb.length === 3 * width * height ? { width, height, rgb: Uint8Array.from(rgb) } : undefined;
}
