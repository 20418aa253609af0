/** What the assembler tells its caller: errors and warnings with their place, several of them in one run. */

export type Severity = 'error' | 'warning';

/** One macro in whose expansion a diagnostic arose, innermost first. */
export interface MacroFrame {
  readonly name: string;
  /** Where the expanded line stands in the macro's definition. */
  readonly file: string;
  readonly line: number;
}

export interface Diagnostic {
  readonly file: string;
  /** 1-based. For an error inside a macro: the line that invoked the outermost one. */
  readonly line: number;
  /** 1-based, in UTF-16 units of the line. */
  readonly column: number;
  /** One past the last column. */
  readonly endColumn?: number;
  readonly severity: Severity;
  readonly message: string;
  /** Stable name of the kind of problem, for tests and for the editor. */
  readonly code: string;
  readonly macroStack: readonly MacroFrame[];
}

/** A place in the source, as far as a diagnostic needs it. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endColumn?: number;
  readonly macroStack: readonly MacroFrame[];
}

/** Thrown inside the assembler to give up on one line; never leaves `assemble`. */
export class LineError extends Error {
  readonly code: string;
  readonly column: number | undefined;
  readonly endColumn: number | undefined;

  constructor(code: string, message: string, column?: number, endColumn?: number) {
    super(message);
    this.name = 'LineError';
    this.code = code;
    this.column = column;
    this.endColumn = endColumn;
  }
}

/** Thrown to give up on the whole run (%fatal, a limit); never leaves `assemble`. */
export class AssemblyStopped extends Error {}

/** Collects diagnostics, drops repetitions (lines are visited once per pass), and stops the run at a limit. */
export class Diagnostics {
  readonly errors: Diagnostic[] = [];
  readonly warnings: Diagnostic[] = [];
  private readonly seen = new Set<string>();
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  error(place: Place, code: string, message: string): void {
    if (!this.fresh('error', place, message)) return;
    this.errors.push({ ...place, severity: 'error', code, message });
    if (this.errors.length >= this.limit) {
      this.errors.push({
        ...place,
        severity: 'error',
        code: 'too-many-errors',
        message: `There are more than ${this.limit} errors; the rest of the program was not looked at.`,
      });
      throw new AssemblyStopped();
    }
  }

  warning(place: Place, code: string, message: string): void {
    if (this.warnings.length >= this.limit || !this.fresh('warning', place, message)) return;
    this.warnings.push({ ...place, severity: 'warning', code, message });
  }

  private fresh(severity: Severity, place: Place, message: string): boolean {
    const key = `${severity}\0${place.file}\0${place.line}\0${message}`;
    if (this.seen.has(key)) return false;
    this.seen.add(key);
    return true;
  }
}
