import { basename, dirname, extname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { decodeSource } from '../host/boot.ts';
import { explain } from '../host/errors.ts';
import { readImage } from '../host/image.ts';
import { writeAtomically } from '../host/atomic-file.ts';
import { CommandError, EXIT, usage } from './exit.ts';
import type { Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

const SOURCE_LIMIT = 4 * 1024 * 1024;
const PROGRAM_LIMIT = 16 * 1024 * 1024;

/** A number as assemblers write it: 4096, 0x7c00 or 7c00h. */
function parseNumber(text: string, option: string): number {
  const hexadecimal = /^(?:0x([0-9a-f]+)|([0-9][0-9a-f]*)h)$/i.exec(text);
  const digits = hexadecimal?.[1] ?? hexadecimal?.[2];
  const value = digits !== undefined ? Number.parseInt(digits, 16) : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isInteger(value) || value > 0xffffffff) throw usage(`${option} takes an address such as 0x7c00, not ${text}.`);
  return value;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

export function addAssemblyCommands(program: Command, services: Services, terminal: Terminal): void {
  const { disk, engine } = services;

  program
    .command('asm')
    .description('assemble a source (NASM syntax) to a flat binary')
    .argument('<file>')
    .option('-o, --output <file>', 'the binary (default: the source’s name with .bin)')
    .option('-l, --listing <file>', 'address, bytes and source, a line each')
    .option('--json', 'print JSON')
    .action(async (file: string, options: { output?: string; listing?: string; json?: boolean }) => {
      const text = decodeSource(await readImage(disk, file, 'source', SOURCE_LIMIT), file);
      const result = engine.assemble({ name: file, text, folders: [dirname(resolve(file)), services.guests], anywhere: true });
      const errors = result.diagnostics.filter(({ severity }) => severity === 'error').length;
      const output = options.output ?? join(dirname(file), `${basename(file, extname(file))}.bin`);
      if (result.ok) {
        if (output === file) throw usage(`${output} is the source itself; name another output with -o.`);
        await write(output, result.bytes);
        if (options.listing !== undefined) await write(options.listing, Buffer.from(result.listing));
      }
      if (options.json) {
        const { ok, diagnostics } = result;
        jsonLine(terminal.stdout, { ok, output: ok ? output : null, size: result.bytes.byteLength, diagnostics });
      } else {
        for (const one of result.diagnostics) line(terminal.stderr, `${one.file}:${one.line}:${one.column}: ${one.severity}: ${one.message}`);
      }
      if (!result.ok) throw new CommandError(EXIT.usage, `${file} has ${errors === 1 ? '1 error' : `${errors} errors`}; nothing was written.`);
    });

  program
    .command('disasm')
    .description('disassemble a flat binary')
    .argument('<file>')
    .option('--bits <16|32>', 'code size', '16')
    .option('--org <address>', 'address of the first byte', '0')
    .option('--json', 'print JSON')
    .action(async (file: string, options: { bits: string; org: string; json?: boolean }) => {
      if (options.bits !== '16' && options.bits !== '32') throw usage(`--bits is 16 or 32, not ${options.bits}.`);
      const bytes = await readImage(disk, file, 'binary', PROGRAM_LIMIT);
      const lines = engine.disassemble(bytes, options.bits === '16' ? 16 : 32, parseNumber(options.org, '--org'));
      if (options.json) {
        jsonLine(terminal.stdout, lines.map(({ address, bytes: code, text }) => ({ address, bytes: Buffer.from(code).toString('hex'), text })));
        return;
      }
      for (const { address, bytes: code, text } of lines) {
        line(terminal.stdout, `${hex(address, 8)}  ${Buffer.from(code).toString('hex').padEnd(20)}  ${text}`);
      }
    });

  async function write(path: string, bytes: Uint8Array): Promise<void> {
    try {
      await writeAtomically(disk, path, bytes);
    } catch (error) {
      throw explain(error, path);
    }
  }
}
