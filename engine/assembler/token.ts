/** Tokens of NASM's syntax. A line is cut once; preprocessor and parser both work on tokens (NASM manual, 3.1 and 4). */

export type TokenKind =
  | 'identifier'
  | 'number'
  /** Text between quotes; `text` has the quotes. */
  | 'string'
  | 'operator'
  /** A preprocessor word, `%define`; `text` is the word in lower case. */
  | 'directive'
  /** `%1`, `%0`, `%00`, `%+1`, `%-1`, `%{1:3}`, `%?`, `%??`; `text` is what follows the percent sign. */
  | 'parameter'
  /** `%%name`; `text` is the name. */
  | 'macroLocal'
  /** `%$name`, `%$$name`; `text` is `$name`, `$$name`. */
  | 'contextLocal'
  /** `%!name`; `text` is the name. */
  | 'environment'
  /** `%+` */
  | 'paste'
  /** `%[` */
  | 'indirect'
  | 'bad';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** White space stands before it. */
  readonly space: boolean;
  /** 1-based column, and the one after the last character. */
  readonly column: number;
  readonly end: number;
}

/** Longer ones first. */
const operators = ['<=>', '<<<', '>>>', '<<', '>>', '<=', '>=', '<>', '==', '!=', '&&', '||', '^^', '//', '::'];
/** What those begin with. */
const longOperators = '<>=!&|^/:';

/** Classes of characters; the tokenizer looks at every one of a program. */
const START = 1;
const PART = 2;
const DIGIT = 4;
const BLANK = 8;
const classes = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z_.?@]/.test(character)) classes[code]! |= START;
  if (/[A-Za-z0-9_.?@$#~]/.test(character)) classes[code]! |= PART;
  if (/[0-9]/.test(character)) classes[code]! |= DIGIT;
  if (/[ \t\r\f\v]/.test(character)) classes[code]! |= BLANK;
}

/** The classes of the character at `at`: 0 behind the end. Letters of other languages stand in names. */
function classAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < 128 ? (classes[code] ?? 0) : code >= 128 ? START | PART : 0;
}

function endOfWord(text: string, from: number): number {
  let at = from;
  while ((classAt(text, at) & PART) !== 0) at++;
  return at;
}

/** The end of a number; a sign belongs to it after the exponent letter of a floating-point one. */
function endOfNumber(text: string, from: number): number {
  let at = from;
  if (text[at] === '$') at++;
  for (;;) {
    while (isOfNumber(text, at)) at++;
    if (!continuesExponent(text, from, at)) return at;
    at++;
  }
}

/** Letters, digits, underscores and dots. */
function isOfNumber(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (
    code < 128 &&
    ((classes[code] ?? 0) & PART) !== 0 &&
    code !== 0x24 &&
    code !== 0x23 &&
    code !== 0x7e &&
    code !== 0x3f &&
    code !== 0x40
  );
}

/** A sign behind an exponent's letter, with a digit after it. */
function continuesExponent(text: string, from: number, at: number): boolean {
  const character = text[at];
  if ((character !== '+' && character !== '-') || (classAt(text, at + 1) & DIGIT) === 0) return false;
  const hexadecimal = /^0[xh]/i.test(text.slice(from, from + 2)) || text[from] === '$';
  if (hexadecimal) return /[pP]/.test(text[at - 1] ?? '');
  return /[eE]/.test(text[at - 1] ?? '') && /^[0-9_.]+[eE]$/.test(text.slice(from, at));
}

/** The index after the closing quote, or -1. */
function endOfString(text: string, from: number): number {
  const quote = text[from];
  for (let at = from + 1; at < text.length; at++) {
    if (quote === '`' && text[at] === '\\') at++;
    else if (text[at] === quote) return at + 1;
  }
  return -1;
}

/** What follows a percent sign at `from`. */
function percent(text: string, from: number): { kind: TokenKind; text: string; end: number } {
  const next = text[from + 1] ?? '';
  const rest = text.slice(from + 1);
  if (next === '{') {
    const close = text.indexOf('}', from);
    if (close < 0) return { kind: 'bad', text: 'There is no } after %{.', end: text.length };
    const inner = text.slice(from + 2, close);
    if (/^[+-]?\d+$|^-?\d+:-?\d+$/.test(inner)) return { kind: 'parameter', text: inner, end: close + 1 };
    const word = percent(`%${inner}`, 0);
    return { ...word, end: close + 1 };
  }
  if (next === '[') return { kind: 'indirect', text: '%[', end: from + 2 };
  const number = /^[+-]?\d+/.exec(rest);
  if (number) return { kind: 'parameter', text: number[0], end: from + 1 + number[0].length };
  if (next === '+') return { kind: 'paste', text: '%+', end: from + 2 };
  const question = /^\?\??(?![A-Za-z0-9_.?@$#~])/.exec(rest);
  if (question) return { kind: 'parameter', text: question[0], end: from + 1 + question[0].length };
  if (next === '%') {
    if ((classAt(text, from + 2) & PART) === 0) return { kind: 'operator', text: '%%', end: from + 2 };
    const end = endOfWord(text, from + 2);
    return { kind: 'macroLocal', text: text.slice(from + 2, end), end };
  }
  const context = /^\$+/.exec(rest);
  if (context) {
    const end = endOfWord(text, from + 1 + context[0].length);
    if (end > from + 1 + context[0].length) return { kind: 'contextLocal', text: text.slice(from + 1, end), end };
  }
  if (next === '!') {
    const end = endOfWord(text, from + 2);
    if (end > from + 2) return { kind: 'environment', text: text.slice(from + 2, end), end };
  }
  if ((classAt(text, from + 1) & START) !== 0) {
    const end = endOfWord(text, from + 1);
    return { kind: 'directive', text: text.slice(from + 1, end).toLowerCase(), end };
  }
  return { kind: 'operator', text: '%', end: from + 1 };
}

/** Cuts a line. Comments end it. Characters that belong to nothing become a token of kind `bad` whose text says why. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let space = false;
  const push = (kind: TokenKind, value: string, end: number) => {
    tokens.push({ kind, text: value, space, column: at + 1, end: end + 1 });
    at = end;
    space = false;
  };
  while (at < text.length) {
    const character = text[at] ?? '';
    const kinds = classAt(text, at);
    if ((kinds & BLANK) !== 0) {
      space = true;
      at++;
    } else if (character === ';') {
      break;
    } else if ((kinds & DIGIT) !== 0) {
      const end = endOfNumber(text, at);
      push('number', text.slice(at, end), end);
    } else if ((kinds & START) !== 0) {
      const end = endOfWord(text, at);
      push('identifier', text.slice(at, end), end);
    } else if (character === '$') {
      if ((classAt(text, at + 1) & DIGIT) !== 0) {
        const end = endOfNumber(text, at);
        push('number', text.slice(at, end), end);
      } else if (text[at + 1] === '$') {
        push('operator', '$$', at + 2);
      } else if ((classAt(text, at + 1) & PART) !== 0) {
        // A dollar sign makes a name of what would be a register or an instruction.
        const end = endOfWord(text, at + 1);
        push('identifier', text.slice(at, end), end);
      } else {
        push('operator', '$', at + 1);
      }
    } else if (character === "'" || character === '"' || character === '`') {
      const end = endOfString(text, at);
      if (end < 0) push('bad', `The string has no closing ${character}.`, text.length);
      else push('string', text.slice(at, end), end);
    } else if (character === '%') {
      const found = percent(text, at);
      push(found.kind, found.text, found.end);
    } else {
      const isLong = longOperators.includes(character);
      const operator = (isLong ? operators.find((each) => text.startsWith(each, at)) : undefined) ?? character;
      if (/[!-/:-@[-^{-~]/.test(operator[0] ?? '')) push('operator', operator, at + operator.length);
      else push('bad', `The character U+${character.charCodeAt(0).toString(16).padStart(4, '0')} has no meaning here.`, at + 1);
    }
  }
  return tokens;
}

/** Source text of tokens, as `%defstr` and messages show them. */
export function textOf(tokens: readonly Token[]): string {
  let text = '';
  for (const [index, token] of tokens.entries()) {
    if (token.space && index > 0) text += ' ';
    text += spelling(token);
  }
  return text;
}

/** The token as it was written. */
export function spelling(token: Token): string {
  switch (token.kind) {
    case 'directive':
    case 'contextLocal':
      return `%${token.text}`;
    case 'parameter':
      return token.text.includes(':') ? `%{${token.text}}` : `%${token.text}`;
    case 'macroLocal':
      return `%%${token.text}`;
    case 'environment':
      return `%!${token.text}`;
    default:
      return token.text;
  }
}

export function isOperator(token: Token | undefined, text: string): boolean {
  return token !== undefined && token.kind === 'operator' && token.text === text;
}
