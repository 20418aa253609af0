/** A WebAssembly module under construction: imported functions and memory, defined functions, exports. */
import { FunctionBuilder, typeCode, type Callable } from './function.ts';
import { unsigned } from './leb128.ts';
import type { ValueType } from './value.ts';

interface Import extends Callable {
  readonly module: string;
  readonly name: string;
}

export class ModuleBuilder {
  private readonly types = new Map<string, number>();
  private readonly imports: Import[] = [];
  private readonly functions: { builder: FunctionBuilder; callable: Callable }[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private memory: { module: string; name: string; minimum: number; maximum: number } | undefined;

  /** The shared memory; limits in pages of 64 KiB. */
  importMemory(module: string, name: string, minimum: number, maximum: number): void {
    this.memory = { module, name, minimum, maximum };
  }

  /** All imports come before the first defined function, since they share one index space. */
  importFunction(module: string, name: string, parameters: readonly ValueType[], result?: ValueType): Callable {
    if (this.functions.length > 0) throw new Error('imports come before functions');
    const entry = { module, name, parameters, result, index: this.imports.length };
    this.imports.push(entry);
    return entry;
  }

  defineFunction(
    parameters: readonly ValueType[],
    result: ValueType | undefined,
    build: (f: FunctionBuilder) => void,
    exportAs?: string,
  ): Callable {
    const builder = new FunctionBuilder(parameters, result);
    const callable = { parameters, result, index: this.imports.length + this.functions.length };
    this.functions.push({ builder, callable });
    build(builder);
    if (exportAs !== undefined) this.exports.push({ name: exportAs, index: callable.index });
    return callable;
  }

  /** The module's bytes. */
  encode(): Uint8Array<ArrayBuffer> {
    const importEntries: number[][] = [];
    if (this.memory) {
      const { module, name, minimum, maximum } = this.memory;
      importEntries.push([...text(module), ...text(name), 0x02, 0x03, ...unsigned(minimum), ...unsigned(maximum)]);
    }
    for (const entry of this.imports) {
      importEntries.push([...text(entry.module), ...text(entry.name), 0x00, ...unsigned(this.typeIndex(entry))]);
    }
    const functionEntries = this.functions.map(({ callable }) => unsigned(this.typeIndex(callable)));
    const codeEntries = this.functions.map(({ builder }) => {
      const code = builder.encode();
      return unsigned(code.length).concat(code);
    });
    const typeEntries = [...this.types.keys()].map((key) => {
      const [parameters = '', result = ''] = key.split('>');
      const codes = (list: string) => (list === '' ? [] : list.split(',').map((type) => typeCode[type as ValueType]));
      return [0x60, ...vector(codes(parameters).map((code) => [code])), ...vector(codes(result).map((code) => [code]))];
    });
    const exportEntries = this.exports.map(({ name, index }) => [...text(name), 0x00, ...unsigned(index)]);
    const parts = [
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, typeEntries),
      section(2, importEntries),
      section(3, functionEntries),
      section(7, exportEntries),
      section(10, codeEntries),
    ];
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let end = 0;
    for (const part of parts) {
      bytes.set(part, end);
      end += part.length;
    }
    return bytes;
  }

  private typeIndex(callable: { parameters: readonly ValueType[]; result: ValueType | undefined }): number {
    const key = `${callable.parameters.join(',')}>${callable.result ?? ''}`;
    let index = this.types.get(key);
    if (index === undefined) {
      index = this.types.size;
      this.types.set(key, index);
    }
    return index;
  }
}

function text(string: string): number[] {
  const bytes = [...new TextEncoder().encode(string)];
  return unsigned(bytes.length).concat(bytes);
}

function vector(entries: readonly (readonly number[])[]): number[] {
  let bytes = unsigned(entries.length);
  for (const entry of entries) bytes = bytes.concat(entry as number[]);
  return bytes;
}

function section(id: number, entries: readonly (readonly number[])[]): number[] {
  if (entries.length === 0) return [];
  const body = vector(entries);
  return [id, ...unsigned(body.length)].concat(body);
}
