/** Labels and constants, and whether a pass moved any of them. */
import { isNumber, type Value } from './evaluate.ts';

export interface SymbolEntry {
  readonly name: string;
  value: Value;
  readonly file: string;
  readonly line: number;
  /** The pass that defined it last. */
  pass: number;
}

export class Symbols {
  readonly table = new Map<string, SymbolEntry>();
  /** Some value is not what it was in the pass before. */
  changed = false;
  find(name: string): SymbolEntry | undefined {
    return this.table.get(name);
  }

  /** Defines a symbol; returns the earlier entry if this pass gave it another value already. */
  define(name: string, value: Value, where: { file: string; line: number }, pass: number): SymbolEntry | undefined {
    const entry = this.table.get(name);
    if (!entry) {
      this.table.set(name, { name, value, file: where.file, line: where.line, pass });
      this.changed = true;
      return undefined;
    }
    const same = sameValue(entry.value, value);
    if (entry.pass === pass) return same && !value.unknown ? undefined : entry;
    entry.pass = pass;
    if (!same) {
      entry.value = value;
      this.changed = true;
    }
    return undefined;
  }
}

function sameValue(left: Value, right: Value): boolean {
  if (left.unknown || right.unknown) return left.unknown === right.unknown;
  if (left.constant !== right.constant || left.bases.length !== right.bases.length) return false;
  if (isNumber(left)) return isNumber(right);
  return left.bases.every((term, index) => term.base === right.bases[index]?.base && term.scale === right.bases[index]?.scale);
}
