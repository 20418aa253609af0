import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assembleOwnFirmware, assembleVideoBios, type FirmwareSources } from '../../engine/firmware/own-bios.ts';
import type { BootFiles } from './boot.ts';

const besides =
  (file: string): FirmwareSources =>
  (name) => {
    try {
      return new Uint8Array(readFileSync(join(dirname(file), name)));
    } catch {
      // The assembler says which file is missing, and where it is asked for.
      return undefined;
    }
  };

/** What the sources beside `file` are now. */
function fingerprint(file: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(dirname(file)).sort()) {
    if (!name.endsWith('.asm')) continue;
    const bytes = readFileSync(join(dirname(file), name));
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}

/** Assembling takes a second or two, on the thread that serves the windows: it is done once for the same sources. */
function remembered<T>(assemble: (read: FirmwareSources) => T): (file: string) => T {
  let last: { sources: string; result: T } | undefined;
  return (file) => {
    const sources = fingerprint(file);
    if (last?.sources !== sources) last = { sources, result: assemble(besides(file)) };
    return last.result;
  };
}

/** Our own firmware from its main source; the other sources lie beside it. Throws MachineError when it does not assemble. */
export const assembleFirmware = remembered(assembleOwnFirmware);

/** The display adapter's own option ROM, whose sources lie beside those of the firmware. */
export const assembleVgaFirmware = remembered(assembleVideoBios);

/** The main source of our own firmware, beside the folder of the shipped guests. It starts what is in drives when no other is named. */
export function ownFirmware(guests: string): Extract<BootFiles, { kind: 'own-bios' }> {
  return { kind: 'own-bios', file: join(dirname(guests), 'firmware', 'bios.asm') };
}
