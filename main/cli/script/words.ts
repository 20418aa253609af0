/** A line of a script as words: separated by blanks, quoted as in a shell's simple cases, ended by a comment. */

/** A line that is none; the message is a sentence. */
export class LineError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LineError';
  }
}

const blank = /\s/u;
/** What a backslash outside of quotes takes from its meaning; before others it stands for itself, since patterns are full of them. */
const special = /[\s'"#]/u;

/** The words of a line; a `#` at the start of one begins a comment. Throws LineError for a quote that is not closed. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (blank.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '#' && word === undefined) break;
    else if (character === "'" || character === '"') {
      const [quoted, end] = readQuoted(line, at);
      word = (word ?? '') + quoted;
      at = end;
    } else if (character === '\\' && special.test(line.charAt(at + 1))) word = (word ?? '') + line.charAt(++at);
    else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** What stands between the quote at `from` and its end, and where the end is. In double quotes `\"` and `\\` stand for `"` and `\`. */
function readQuoted(line: string, from: number): [text: string, end: number] {
  const quote = line.charAt(from);
  let text = '';
  for (let at = from + 1; at < line.length; at++) {
    const character = line.charAt(at);
    if (character === quote) return [text, at];
    const next = line.charAt(at + 1);
    if (quote === '"' && character === '\\' && (next === '"' || next === '\\')) {
      text += next;
      at++;
    } else text += character;
  }
  throw new LineError(`The text after ${quote} has no end: close it with another ${quote}.`);
}

/**
 * What stands behind the first word, as it is written: breakpoints and expressions have a grammar of their own. It ends before a `#` behind a
 * blank. Quotes around all of it are taken off.
 */
export function restOf(line: string): string {
  const rest = line
    .replace(/^\s*\S+/u, '')
    .replace(/(^|\s)#.*$/u, '')
    .trim();
  const quoted = /^(['"])(.*)\1$/u.exec(rest);
  return quoted?.[2] !== undefined && !quoted[2].includes(quoted[1] ?? '') ? quoted[2].trim() : rest;
}
