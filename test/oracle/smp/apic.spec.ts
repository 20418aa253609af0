/** What a guest sees of the interrupt controllers of two processors, here and on QEMU: the same kernel writes the same lines. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { withMachine } from '../../boot/boot-machine.ts';
import { kernel } from '../../boot/smp-kernel.ts';

const available =
  spawnSync('qemu-system-i386', ['--version']).status === 0 &&
  existsSync(new URL('../../../out/engine/vcpu-worker.js', import.meta.url));

const seconds = 240;

async function onQemu(image: Uint8Array): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-apic-'));
  try {
    const file = join(directory, 'apic.bin');
    const output = join(directory, 'console');
    writeFileSync(file, image);
    const machine = [
      '-machine',
      'q35',
      '-accel',
      'tcg,thread=multi',
      '-cpu',
      'pentium3',
      '-smp',
      '2',
      '-m',
      '32',
      '-display',
      'none',
      '-no-reboot',
    ];
    const ports = ['-debugcon', `file:${output}`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'];
    await new Promise<void>((resolve, reject) => {
      const child = spawn('qemu-system-i386', [...machine, ...ports, '-kernel', file], {
        stdio: 'ignore',
        timeout: seconds * 1000,
      });
      child.on('error', reject);
      child.on('exit', () => resolve());
    });
    return readFileSync(output, 'latin1');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function onVitrine(image: Uint8Array): Promise<string> {
  let output = '';
  await withMachine(
    { kind: 'kernel', image },
    32,
    async (guest) => {
      await guest.until('the end', () => guest.machine.state === 'off', seconds);
      output = guest.debugConsole();
    },
    { cpus: 2 },
  );
  return output;
}

/** Name to numbers, by line. */
function lines(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^(.*?) ((?:[0-9a-f]{8} ?)+)$/gm)].map(([, name = '', numbers = '']) => [name, numbers.trim()]),
  );
}

describe.skipIf(!available)('interrupt controllers of two processors, as QEMU has them', () => {
  let expected: Map<string, string>;
  let found: Map<string, string>;

  beforeAll(
    async () => {
      const image = kernel('apic', 2, '', new URL('./', import.meta.url));
      expected = lines(await onQemu(image));
      found = lines(await onVitrine(image));
    },
    2 * seconds * 1000,
  );

  it.each([
    'registers',
    'task priority holds back',
    'in service',
    'requested twice',
    'illegal register',
    'physical',
    'flat',
    'cluster',
    'shorthand',
    'nmi',
    'switched off by software',
    'timer one-shot',
    'timer masked',
    'timer stopped',
    'timer periodic',
    'ExtINT',
    'ExtINT masked',
    'I/O APIC',
    'edge',
    'edge to the other',
    'edge while masked',
    'level',
    'INIT de-assert',
    'start-up without INIT',
    'INIT, start-up twice',
  ])('%s', (name) => {
    expect(expected.get(name)).toMatch(/^[0-9a-f]/);
    expect(found.get(name)).toBe(expected.get(name));
  });

  it('is all that the kernel tries', () => {
    expect(expected.size).toBe(25);
  });
});
