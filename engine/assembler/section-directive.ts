/** Directives in brackets, the primitive forms (NASM manual, 7 and 8.1). */
import type { Assembly } from './assembly.ts';
import { LineError } from './diagnostic.ts';
import { isOperator, textOf, type Token } from './token.ts';

type Directive = (assembly: Assembly, tokens: readonly Token[]) => void;

/** A section's name may hold anything but white space. */
function takeName(tokens: readonly Token[]): { name: string; rest: readonly Token[] } {
  const first = tokens[0];
  if (!first) throw new LineError('section-name', 'The section needs a name.');
  let end = 1;
  while (tokens[end] && !tokens[end]?.space) end++;
  const name = first.kind === 'string' ? first.text.slice(1, -1) : textOf(tokens.slice(0, end));
  return { name, rest: tokens.slice(end) };
}

function powerOfTwo(value: bigint, what: string): number {
  if (value <= 0n || (value & (value - 1n)) !== 0n || value > 0x4000_0000n)
    throw new LineError('bad-alignment', `${what}: ${value} is not a power of two`);
  return Number(value);
}

const section: Directive = (assembly, tokens) => {
  const { name, rest } = takeName(tokens);
  const target = assembly.sectionNamed(name);
  assembly.section = target;
  assembly.absolute = undefined;
  for (let index = 0; index < rest.length;) {
    const key = rest[index]?.text.toLowerCase() ?? '';
    if (!isOperator(rest[index + 1], '=')) {
      if (key === 'progbits') target.nobits = false;
      else if (key === 'nobits') target.nobits = true;
      else assembly.warn('section-attribute', `ignoring unknown section attribute: \`${key}'`);
      index++;
      continue;
    }
    let end = index + 3;
    // An attribute's value ends where the next `word=` or a plain word begins.
    while (rest[end] && !(rest[end]?.space && rest[end]?.kind === 'identifier')) end++;
    attribute(assembly, key, rest.slice(index + 2, end));
    index = end;
  }
};

function attribute(assembly: Assembly, key: string, value: readonly Token[]): void {
  const target = assembly.section;
  switch (key) {
    case 'align':
      target.align = powerOfTwo(assembly.argument(value, 'The alignment'), 'section alignment');
      break;
    case 'valign':
      target.virtualAlign = powerOfTwo(assembly.argument(value, 'The alignment'), 'section alignment');
      break;
    case 'start':
      target.wantedStart = BigInt.asUintN(64, assembly.argument(value, 'The start of a section'));
      break;
    case 'vstart':
      target.wantedVirtualStart = BigInt.asUintN(64, assembly.argument(value, 'The start of a section'));
      break;
    case 'follows':
      target.follows = textOf(value);
      break;
    case 'vfollows':
      target.virtualFollows = textOf(value);
      break;
    default:
      assembly.warn('section-attribute', `ignoring unknown section attribute: \`${key}'`);
  }
}

const bits: Directive = (assembly, tokens) => {
  const value = assembly.argument(tokens, 'BITS');
  if (value === 64n)
    throw new LineError('no-64-bit', '64-bit code is not supported yet; BITS takes 16 or 32.', tokens[0]?.column, tokens[0]?.end);
  if (value !== 16n && value !== 32n)
    throw new LineError(
      'bad-bits',
      `\`${value}' is not a valid segment size; must be 16, 32 or 64`,
      tokens[0]?.column,
      tokens[0]?.end,
    );
  assembly.bits = value === 16n ? 16 : 32;
};

const org: Directive = (assembly, tokens) => {
  const value = BigInt.asUintN(64, assembly.argument(tokens, 'ORG'));
  if (assembly.origin !== undefined && assembly.origin !== value)
    throw new LineError('origin-redefined', 'program origin redefined');
  assembly.origin = value;
};

const absolute: Directive = (assembly, tokens) => {
  const value = assembly.argumentValue(tokens);
  if (value.registers.length > 0 || (value.unknown && assembly.pass > 1))
    throw new LineError('bad-absolute', 'cannot use non-relocatable expression as absolute address');
  assembly.enterAbsolute(value);
};

const align: Directive = (assembly, tokens) => {
  if (/^(on|off)$/i.test(tokens[0]?.text ?? '')) return;
  const value = assembly.argument(tokens, 'The alignment');
  const unit = powerOfTwo(value, 'ALIGN');
  const { section: target } = assembly;
  // Aligning inside a section makes sense only if the section starts aligned.
  if (!assembly.absolute && unit > (target.align ?? 4)) target.align = unit;
};

/** Declaring one does no harm; using it does. */
const external: Directive = (assembly, tokens) => {
  const name = tokens[0];
  if (name?.kind !== 'identifier')
    throw new LineError('name-expected', 'EXTERN expects the name of a symbol.', name?.column, name?.end);
  assembly.externals.add(name.text);
};
const common: Directive = (_assembly, tokens) => {
  throw new LineError('no-external', 'binary format does not support common variables', tokens[0]?.column, tokens[0]?.end);
};

const nothing: Directive = () => undefined;

const defaults: Directive = (_assembly, tokens) => {
  for (const token of tokens) {
    const word = token.text.toLowerCase();
    if (word === 'rel')
      throw new LineError('no-64-bit', 'DEFAULT REL is for 64-bit code, which is not supported yet.', token.column, token.end);
    if (word !== 'abs' && word !== 'bnd' && word !== 'nobnd')
      throw new LineError('bad-default', `unrecognized \`default' word: ${token.text}`, token.column, token.end);
  }
};

/** Names that `cpu` takes; all instructions of the table are accepted with any of them. */
const processors =
  /^(8086|186|80186|i186|286|80286|i286|386|80386|i386|486|80486|i486|586|pentium|p5|i586|686|p6|ppro|pentiumpro|i686|p2|p3|katmai|p4|willamette|prescott|x64|x86-64|amd64|ia64|ia-64|itanium|itanic|merced|any|default|all|latevex|evex)$/i;
const cpu: Directive = (_assembly, tokens) => {
  const name = textOf(tokens.slice(0, 3));
  if (
    !tokens[0] ||
    !processors.test(
      tokens
        .map((token) => token.text)
        .join('')
        .split(',')[0] ?? '',
    )
  )
    throw new LineError('unknown-cpu', `unknown \`cpu' type: ${name}`, tokens[0]?.column);
};

const exportName: Directive = (_assembly, tokens) => {
  if (tokens[0]?.kind !== 'identifier')
    throw new LineError('name-expected', 'A symbol is expected here.', tokens[0]?.column, tokens[0]?.end);
};

export const directives: ReadonlyMap<string, Directive> = new Map([
  ['section', section],
  ['segment', section],
  ['bits', bits],
  ['org', org],
  ['absolute', absolute],
  ['sectalign', align],
  ['extern', external],
  ['common', common],
  ['global', exportName],
  ['static', exportName],
  ['cpu', cpu],
  ['default', defaults],
  ['float', nothing],
  ['list', nothing],
  ['warning', nothing],
  ['debug', nothing],
  ['map', nothing],
]);
