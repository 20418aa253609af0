import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assembleOwnBios } from '../../engine/firmware/own-bios.ts';
import type { BootFiles } from './boot.ts';

/** Our own firmware from its main source; the other sources lie beside it. Throws MachineError when it does not assemble. */
export function assembleFirmware(file: string): Uint8Array {
  return assembleOwnBios((name) => {
    try {
      return new Uint8Array(readFileSync(join(dirname(file), name)));
    } catch {
      // The assembler says which file is missing, and where it is asked for.
      return undefined;
    }
  });
}

/** The main source of our own firmware, beside the folder of the shipped guests. It starts what is in drives when no other is named. */
export function ownFirmware(guests: string): Extract<BootFiles, { kind: 'own-bios' }> {
  return { kind: 'own-bios', file: join(dirname(guests), 'firmware', 'bios.asm') };
}
