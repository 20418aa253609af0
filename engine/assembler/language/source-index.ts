/**
 * Names in sources as they are written: where each is defined, and where it is used. Reads tokens, not the program: what macros make of
 * them is not seen, so that who changes text by it has to assemble the result and compare.
 */
import { isOperator, tokenize, type Token } from '../token.ts';
import { preprocessorWords, words } from './words.ts';

export type NameKind = 'label' | 'local' | 'constant' | 'macro' | 'define';

/** A stretch of a line; lines and columns count from 1, `end` is one past the last column. */
export interface TextSpan {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly end: number;
}

export interface Definition extends TextSpan {
  /** In full: `outer.inner` for a local label. */
  readonly name: string;
  readonly kind: NameKind;
}

/** One mention of a name; a definition is one too. */
export interface Mention extends TextSpan {
  readonly name: string;
  /** As written: `.inner`. */
  readonly text: string;
}

export interface SourceIndex {
  readonly definitions: readonly Definition[];
  readonly mentions: readonly Mention[];
  /** The full label that local ones of a line belong to. */
  readonly scopeOf: (file: string, line: number) => string;
}

const definers: ReadonlyMap<string, NameKind> = new Map([
  ...[
    'define',
    'idefine',
    'xdefine',
    'ixdefine',
    'assign',
    'iassign',
    'defstr',
    'idefstr',
    'deftok',
    'ideftok',
    'strlen',
    'substr',
    'strcat',
  ].map((word): [string, NameKind] => [word, 'define']),
  ['macro', 'macro'],
  ['imacro', 'macro'],
]);

const isLocal = (text: string): boolean => text.startsWith('.') && !text.startsWith('..');
const plain = (text: string): string => (text.startsWith('$') ? text.slice(1) : text);

/** The names of multi-line macros anywhere in the sources: a line that begins with one defines no label. */
function macroNames(lines: ReadonlyMap<string, readonly (readonly Token[])[]>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const tokens of [...lines.values()].flat()) {
    const [first, second] = tokens;
    if (first?.kind === 'directive' && definers.get(first.text) === 'macro' && second !== undefined)
      found.add(second.text.toLowerCase());
  }
  return found;
}

/** Indexes sources by their paths, in the order in which they are given. */
export function indexSources(files: ReadonlyMap<string, string>): SourceIndex {
  const lines = new Map([...files].map(([file, text]) => [file, text.split(/\r\n|\n|\r/).map((line) => tokenize(line))]));
  const macros = macroNames(lines);
  const definitions: Definition[] = [];
  const mentions: Mention[] = [];
  const scopes = new Map<string, string[]>();
  for (const [file, rows] of lines) {
    let scope = '';
    const scopeOfLine: string[] = [];
    for (const [row, tokens] of rows.entries()) {
      const at = ({ column, end }: Token): TextSpan => ({ file, line: row + 1, column, end });
      const label = labelOf(tokens, macros);
      const [first, second] = tokens;
      if (label !== undefined) {
        const text = plain(label.text);
        const constant = tokens.some(
          (token, index) => index > 0 && index < 3 && token.kind === 'identifier' && token.text.toLowerCase() === 'equ',
        );
        if (!constant && !text.startsWith('.')) scope = text;
        const name = isLocal(text) ? scope + text : text;
        definitions.push({ ...at(label), name, kind: constant ? 'constant' : isLocal(text) ? 'local' : 'label' });
      } else if (first?.kind === 'directive' && second?.kind === 'identifier') {
        const kind = definers.get(first.text);
        if (kind !== undefined) definitions.push({ ...at(second), name: second.text, kind });
      }
      scopeOfLine.push(scope);
      for (const token of tokens) {
        if (token.kind !== 'identifier') continue;
        const text = plain(token.text);
        mentions.push({ ...at(token), name: isLocal(text) ? scope + text : text, text });
      }
    }
    scopes.set(file, scopeOfLine);
  }
  return { definitions, mentions, scopeOf: (file, line) => scopes.get(file)?.[line - 1] ?? '' };
}

/** The label that a line begins with. */
function labelOf(tokens: readonly Token[], macros: ReadonlySet<string>): Token | undefined {
  const [first, second] = tokens;
  if (first?.kind !== 'identifier') return undefined;
  if (isOperator(second, ':')) return first;
  const lower = first.text.toLowerCase();
  return words.has(lower) || macros.has(lower) || first.text === '?' ? undefined : first;
}

/** The mention that holds a column of a line; the end of a word counts to it. */
export function mentionAt(index: SourceIndex, file: string, line: number, column: number): Mention | undefined {
  return index.mentions.find((each) => each.file === file && each.line === line && each.column <= column && column <= each.end);
}

export function definitionOf(index: SourceIndex, name: string): Definition | undefined {
  return index.definitions.find((each) => each.name === name);
}

export interface TextEdit extends TextSpan {
  readonly text: string;
}

/** Why a name cannot be taken; undefined if it can. */
export function refuseName(name: string, kind: NameKind): string | undefined {
  const bare = kind === 'local' ? name.replace(/^\./, '') : name;
  if (!/^[A-Za-z_?@][A-Za-z0-9_$#@~.?]*$/.test(bare) || (kind !== 'local' && name.startsWith('.')))
    return 'A name begins with a letter or an underscore, and goes on with letters, digits and _ $ # @ ~ . ?';
  if (kind !== 'local' && (words.has(bare.toLowerCase()) || preprocessorWords.has(bare.toLowerCase())))
    return `${bare} is a word of the language.`;
  return undefined;
}

/**
 * What changes in the sources when a name becomes another: every mention, and with a full label those of its local ones by their full names.
 * A local label is named with or without its dot.
 */
export function renameEdits(index: SourceIndex, definition: Definition, wanted: string): TextEdit[] {
  const { name, kind } = definition;
  const edits: TextEdit[] = [];
  const local = wanted.replace(/^\./, '');
  for (const { file, line, end, name: mentioned, text } of index.mentions) {
    const span = { file, line, column: end - text.length, end };
    if (mentioned === name)
      edits.push({
        ...span,
        text: kind !== 'local' ? wanted : isLocal(text) ? `.${local}` : `${name.slice(0, name.lastIndexOf('.'))}.${local}`,
      });
    else if (kind === 'label' && mentioned.startsWith(`${name}.`) && !isLocal(text))
      edits.push({ ...span, text: wanted + mentioned.slice(name.length) });
  }
  return edits;
}

/** A text with edits of it made; edits of other files do not count. */
export function applyEdits(file: string, text: string, edits: readonly TextEdit[]): string {
  const parts = text.split(/(\r\n|\n|\r)/);
  for (const edit of [...edits].filter((each) => each.file === file).sort((a, b) => b.line - a.line || b.column - a.column)) {
    const at = (edit.line - 1) * 2;
    const line = parts[at] ?? '';
    parts[at] = line.slice(0, edit.column - 1) + edit.text + line.slice(edit.end - 1);
  }
  return parts.join('');
}
