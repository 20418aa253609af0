/** Assembles a file again and again; prints one JSON line: milliseconds of each time, and a digest of the bytes. Run by run.mjs. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { assemble } from '../../../engine/assembler/assembler.ts';

const [file = '', times = '1'] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const milliseconds: number[] = [];
let digest = '';
for (let round = 0; round < Number(times); round++) {
  const begin = performance.now();
  const { bytes, errors } = assemble({ file, read: () => ({ path: file, text }) });
  milliseconds.push(performance.now() - begin);
  if (errors[0] !== undefined) throw new Error(`${errors[0].file}:${errors[0].line}: ${errors[0].message}`);
  digest = createHash('sha256').update(bytes).digest('hex');
}
process.stdout.write(`${JSON.stringify({ milliseconds, digest })}\n`);
