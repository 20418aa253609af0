/**
 * Assembles a file again and again; prints one JSON line: milliseconds of each time, and a digest of the bytes. With a third argument it practises
 * first, as the editor's worker does. Run by run.mjs.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PRACTICE, practiceProgram } from '../../../renderer/features/editor/practice.ts';
import { assemble } from '../../../engine/assembler/assembler.ts';

const [file = '', times = '1', practises] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const milliseconds: number[] = [];
let digest = '';
if (practises !== undefined) {
  for (const lines of PRACTICE) assemble({ file: 'practice.asm', read: () => ({ path: 'practice.asm', text: practiceProgram(lines) }) });
  // A person reads meanwhile, and V8 compiles.
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
for (let round = 0; round < Number(times); round++) {
  const begin = performance.now();
  const { bytes, errors } = assemble({ file, read: () => ({ path: file, text }) });
  milliseconds.push(performance.now() - begin);
  if (errors[0] !== undefined) throw new Error(`${errors[0].file}:${errors[0].line}: ${errors[0].message}`);
  digest = createHash('sha256').update(bytes).digest('hex');
}
process.stdout.write(`${JSON.stringify({ milliseconds, digest })}\n`);
