/** The sample Bank clerk for tests, and what it ought to answer. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { assemble } from '../../assembler/assembler.ts';

const guests = path.resolve(import.meta.dirname, '../../../assets/guests');

/** Its Multiboot image. */
export function clerkImage(): Uint8Array {
  const result = assemble({
    file: 'bank-clerk.asm',
    read: (file) => ({ path: file, text: readFileSync(path.join(guests, file), 'utf8') }),
  });
  if (result.errors.length > 0) throw new Error(result.errors.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'));
  return result.bytes;
}

/** A second clerk, in TypeScript. */
export class ClerkOracle {
  last = 0;
  total = 0;
  readonly accounts = new Uint32Array(100);

  /** The next request, for an account and an amount, and its answer. */
  next(account: number, amount: number): { request: string; answer: string } {
    this.last += 1;
    this.accounts[account] = (this.accounts[account] ?? 0) + amount;
    this.total = (this.total + amount) >>> 0;
    return { request: `${this.last} ${account} ${amount}\n`, answer: `${this.last} ${account} ${this.accounts[account]} ${this.total}\n` };
  }
}
