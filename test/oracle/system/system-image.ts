/** The harness guest: assembled at test time, with its options set, and the lines it wrote. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = import.meta.dirname;

/** What the harness is to run; harness.asm, `options`. */
export interface Selection {
  /** Whole lines, for people; else everything behind the flags is a checksum. */
  verbose: boolean;
  firstGroup: number;
  lastGroup: number;
  firstIndex: number;
  lastIndex: number;
  stride: number;
}

export const everything: Selection = { verbose: false, firstGroup: 0, lastGroup: 0xffff, firstIndex: 0, lastIndex: 0xffffff, stride: 1 };

const multibootMagic = 0x1badb002;
const multibootHeaderBytes = 32;

/** In the order of groups.asm. */
export const groups = [
  'descriptor',
  'interrupt',
  'call',
  'inner stack',
  'return',
  'v86',
  'paging',
  'flags',
  'instruction',
  'string',
  'task',
  'debug',
];

/** Assembles the harness with NASM. */
export function assembleHarness(): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-system-'));
  try {
    const output = join(directory, 'harness.bin');
    execFileSync('nasm', ['-f', 'bin', '-o', output, 'harness.asm'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A copy of the image that runs only `selection`. */
export function select(image: Uint8Array, selection: Selection): Uint8Array {
  const copy = image.slice();
  const view = new DataView(copy.buffer);
  let header = 0;
  while (view.getUint32(header, true) !== multibootMagic) header += 4;
  const { verbose, firstGroup, lastGroup, firstIndex, lastIndex, stride } = selection;
  [verbose ? 1 : 0, firstGroup, lastGroup, firstIndex, lastIndex, stride].forEach((value, index) =>
    view.setUint32(header + multibootHeaderBytes + index * 4, value, true),
  );
  return copy;
}

/** `group:index` to the rest of the line. */
export function parseReport(text: string): Map<string, string> {
  const lines = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([a-z0-9 ]+:[0-9a-f]{4}) (.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) lines.set(match[1], match[2]);
  }
  return lines;
}
