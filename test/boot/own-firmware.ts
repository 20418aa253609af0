/** Our firmware from its sources, as our assembler and as NASM make it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assembleOwnFirmware, firmwareFonts, sealOptionRom } from '../../engine/firmware/own-bios.ts';
import { bytesOf } from './boot-machine.ts';

const folder = new URL('../../assets/firmware/', import.meta.url);
const sources = readdirSync(folder);

export const readFirmware = (name: string) =>
  sources.includes(name) ? new Uint8Array(readFileSync(new URL(name, folder))) : undefined;

let firmware: ReturnType<typeof assembleOwnFirmware> | undefined;

/** Assembled once. */
function own() {
  return (firmware ??= assembleOwnFirmware(readFirmware));
}

export function ownBios(): Uint8Array {
  return own().image;
}

export function ownVideoBios(): Uint8Array {
  return own().vgaBios;
}

/** Runs that say little new, such as the same under another firmware, wait for VITRINE_LITMUS. */
export const thorough = process.env['VITRINE_LITMUS'] !== undefined;

export function assembledByNasm(): { bios: Uint8Array; videoBios: Uint8Array } {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-bios-'));
  const build = (name: string) => {
    execFileSync('nasm', ['-f', 'bin', `${name}.asm`, '-o', `${name}.bin`], { cwd: directory, stdio: 'pipe' });
    return bytesOf(join(directory, `${name}.bin`));
  };
  try {
    for (const name of sources) writeFileSync(join(directory, name), readFileSync(new URL(name, folder)));
    for (const [name, bytes] of firmwareFonts()) writeFileSync(join(directory, name), bytes);
    const video = sealOptionRom(build('vgabios'));
    writeFileSync(join(directory, 'vgabios.bin'), video);
    return { bios: build('bios'), videoBios: video };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
