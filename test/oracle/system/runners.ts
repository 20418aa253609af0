/** Runs the harness image to its end and returns what it wrote on COM1. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMachine } from '../../../engine/machine/virtual-machine.ts';

const memoryMebibytes = 64;
/** The harness writes 2Ah to the debug-exit port when it is through. */
const finishedValue = 0x2a;
const qemuStatus = (finishedValue << 1) | 1;

/** A Pentium III with NX, which TCG adds at will: the paging cases need it. */
const qemuProcessor = 'pentium3,+nx';

export async function runOnQemu(image: Uint8Array): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-system-'));
  try {
    const kernel = join(directory, 'harness.bin');
    const output = join(directory, 'serial');
    writeFileSync(kernel, image);
    const status = await new Promise<number | null>((resolve, reject) => {
      const options = ['-machine', 'q35,accel=tcg', '-cpu', qemuProcessor, '-m', String(memoryMebibytes), '-display', 'none', '-no-reboot'];
      const ports = ['-serial', `file:${output}`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'];
      const child = spawn('qemu-system-i386', [...options, ...ports, '-kernel', kernel], { stdio: 'ignore' });
      child.on('error', reject);
      child.on('exit', (code) => resolve(code));
    });
    const text = readFileSync(output, 'latin1');
    if (status !== qemuStatus) throw new Error(`QEMU ended with status ${status} after:\n${text.slice(-300)}`);
    return text;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export async function runOnVitrine(image: Uint8Array, workerDirectory: URL): Promise<string> {
  const machine = await createMachine(
    { name: 'system oracle', cpus: 1, memoryBytes: memoryMebibytes << 20, clock: 'virtual', boot: { kind: 'kernel', image } },
    { workerDirectory },
  );
  const chunks: Uint8Array[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const text = () => Buffer.concat(chunks).toString('latin1').slice(-300);
      machine.on((event) => {
        if (event.kind === 'serial') chunks.push(event.bytes.slice());
        else if (event.kind === 'debugExit' && event.value === finishedValue) resolve();
        else if (event.kind === 'tripleFault') reject(new Error(`Triple fault ${JSON.stringify(event.chain)} after:\n${text()}`));
        else if (event.kind === 'state' && event.state === 'crashed') reject(new Error(`${event.reason} after:\n${text()}`));
      });
      machine.start().catch(reject);
    });
    return Buffer.concat(chunks).toString('latin1');
  } finally {
    await machine.dispose();
  }
}
