/** One kernel of test/boot/smp's kind on QEMU and on our machine: what each has written to the debug console. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withMachine } from '../boot/boot-machine.ts';

export const available =
  spawnSync('qemu-system-i386', ['--version']).status === 0 && existsSync(new URL('../../out/engine/vcpu-worker.js', import.meta.url));

/** For how long either may take. */
export const seconds = 240;

export interface Shape {
  readonly cpus: number;
  readonly mebibytes: number;
}

export async function onQemu(image: Uint8Array, { cpus, mebibytes }: Shape, options: readonly string[] = []): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-kernel-'));
  try {
    const file = join(directory, 'kernel.bin');
    const output = join(directory, 'console');
    writeFileSync(file, image);
    const machine = ['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'pentium3', '-smp', String(cpus), '-m', String(mebibytes), '-display', 'none', '-no-reboot'];
    const ports = ['-debugcon', `file:${output}`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'];
    await new Promise<void>((resolve, reject) => {
      const child = spawn('qemu-system-i386', [...machine, ...options, ...ports, '-kernel', file], { stdio: 'ignore', timeout: seconds * 1000 });
      child.on('error', reject);
      child.on('exit', () => resolve());
    });
    return readFileSync(output, 'latin1');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export async function onVitrine(image: Uint8Array, { cpus, mebibytes }: Shape): Promise<string> {
  let output = '';
  await withMachine(
    { kind: 'kernel', image },
    mebibytes,
    async (guest) => {
      await guest.until('the end', () => guest.machine.state === 'off', seconds);
      output = guest.debugConsole();
    },
    { cpus },
  );
  return output;
}

/** Name to numbers, by line: "NAME 0000000a 0000000b". */
export function lines(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^(.*?) ((?:[0-9a-f]{8} ?)+)$/gm)].map(([, name = '', numbers = '']) => [name, numbers.trim()]));
}
