/** Builds the freestanding 32-bit programs that run instructions on the host's own CPU. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const flags = [
  ...['-m32', '-O1', '-ffreestanding', '-fno-pic', '-no-pie', '-fno-stack-protector', '-fno-tree-loop-distribute-patterns'],
  ...['-mgeneral-regs-only', '-nostdlib', '-static', '-Wl,-e,start'],
];

/**
 * The path of the built program; `source` is a file of this folder. Undefined where it cannot be: another host than x86-64
 * Linux, no gcc, or a kernel that starts no 32-bit programs.
 */
export function buildNative(source: string): string | undefined {
  if (process.arch !== 'x64' || process.platform !== 'linux') return undefined;
  const output = join(mkdtempSync(join(tmpdir(), 'vitrine-native-')), 'runner');
  const built = spawnSync('gcc', [...flags, '-o', output, new URL(source, import.meta.url).pathname]);
  if (built.status !== 0) return undefined;
  return spawnSync(output, { input: '' }).status === 0 ? output : undefined;
}
