/** The preprocessor's directives other than conditionals (NASM manual, 4.1 to 4.9). */
import { AssemblyStopped, LineError } from './diagnostic.ts';
import { parseCount } from './conditional.ts';
import { quote, stringBytes } from './literal.ts';
import { splitArguments, type SingleMacroParameter } from './macro.ts';
import type { Preprocessor } from './preprocessor.ts';
import { isOperator, textOf, tokenize, type Token } from './token.ts';

export type DirectiveHandler = (preprocessor: Preprocessor, rest: readonly Token[], directive: Token) => void;

function nameOf(preprocessor: Preprocessor, token: Token | undefined, directive: Token): string {
  if (token?.kind === 'identifier') return token.text;
  if (token?.kind === 'contextLocal') return preprocessor.contextName(token.text);
  throw new LineError(
    'name-expected',
    `\`%${directive.text}' expects a macro name`,
    token?.column ?? directive.column,
    token?.end ?? directive.end,
  );
}

/** `(a, =b, &c, d+)` after a macro's name; the index after it. */
function parseParameters(tokens: readonly Token[]): { parameters: SingleMacroParameter[] | undefined; next: number } {
  if (!isOperator(tokens[1], '(') || tokens[1]?.space) return { parameters: undefined, next: 1 };
  const close = tokens.findIndex((token) => isOperator(token, ')'));
  if (close < 0) throw new LineError('expected-parenthesis', 'The closing parenthesis of the parameters is missing.');
  const inner = tokens.slice(2, close);
  if (inner.length === 0) return { parameters: [], next: close + 1 };
  const parameters = splitArguments(inner, true).map((part): SingleMacroParameter => {
    const evaluated = part.some((token) => isOperator(token, '='));
    const stringified = part.some((token) => isOperator(token, '&') || isOperator(token, '&&'));
    const name = part.find((token) => token.kind === 'identifier');
    if (!name && part.length > 0)
      throw new LineError('name-expected', 'A parameter needs a name.', part[0]?.column, part[0]?.end);
    return { name: name?.text ?? '', evaluated, stringified, greedy: part.some((token) => isOperator(token, '+')) };
  });
  return { parameters, next: close + 1 };
}

function define(ignoreCase: boolean, early: boolean): DirectiveHandler {
  return (preprocessor, rest, directive) => {
    const name = nameOf(preprocessor, rest[0], directive);
    const { parameters, next } = parseParameters(rest);
    let body: readonly Token[] = rest.slice(next);
    if (early) body = preprocessor.expand(body);
    const first = body[0];
    if (first?.space) body = [{ ...first, space: false }, ...body.slice(1)];
    preprocessor.single.define({ name, ignoreCase, parameters, body });
  };
}

function assign(ignoreCase: boolean): DirectiveHandler {
  return (preprocessor, rest, directive) => {
    const name = nameOf(preprocessor, rest[0], directive);
    const tokens = preprocessor.expand(rest.slice(1));
    const value = tokens.length === 0 ? 0n : preprocessor.evaluate(tokens);
    preprocessor.single.define({ name, ignoreCase, parameters: undefined, body: tokenize(value.toString()) });
  };
}

/** A directive that gives a name to a text computed from the rest. */
function computed(
  ignoreCase: boolean,
  compute: (preprocessor: Preprocessor, tokens: readonly Token[], directive: Token) => string,
): DirectiveHandler {
  return (preprocessor, rest, directive) => {
    const name = nameOf(preprocessor, rest[0], directive);
    let from = 1;
    if (isOperator(rest[1], ',')) from = 2;
    const text = compute(preprocessor, preprocessor.expand(rest.slice(from)), directive);
    preprocessor.single.define({ name, ignoreCase, parameters: undefined, body: tokenize(text) });
  };
}

function stringOf(token: Token | undefined, directive: Token): Uint8Array {
  if (token?.kind !== 'string') {
    throw new LineError(
      'string-expected',
      `\`%${directive.text}' requires string as parameter`,
      token?.column ?? directive.column,
      token?.end ?? directive.end,
    );
  }
  return stringBytes(token.text);
}

/** Bytes as a string token that gives them back. */
function quoteBytes(bytes: Uint8Array): string {
  if (bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) return quote(new TextDecoder().decode(bytes));
  let text = '';
  for (const byte of bytes) {
    text +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c && byte !== 0x60
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `\`${text}\``;
}

function substring(preprocessor: Preprocessor, tokens: readonly Token[], directive: Token): string {
  const bytes = stringOf(tokens[0], directive);
  const after = isOperator(tokens[1], ',') ? 2 : 1;
  const numbers = splitArguments(tokens.slice(after), true);
  const number = (part: readonly Token[] | undefined): number => {
    if (!part || part.length === 0)
      throw new LineError('expression-expected', "`%substr' requires a starting index.", directive.column, directive.end);
    const value = preprocessor.evaluate(part);
    return Number(value < -1_000_000_000n ? -1_000_000_000n : value > 1_000_000_000n ? 1_000_000_000n : value);
  };
  const start = number(numbers[0]);
  const count = numbers[1] ? number(numbers[1]) : 1;
  let from = start - 1;
  let length = count < 0 ? bytes.length - from + count + 1 : count;
  if (from < 0 || start > bytes.length) {
    from = 0;
    length = 0;
  }
  return quoteBytes(bytes.slice(from, from + Math.max(0, length)));
}

function concatenate(_preprocessor: Preprocessor, tokens: readonly Token[], directive: Token): string {
  const parts: number[] = [];
  for (const token of tokens) {
    if (!isOperator(token, ',')) parts.push(...stringOf(token, directive));
  }
  return quoteBytes(Uint8Array.from(parts));
}

/** The message of %error and its kin: the string's content, or the rest of the line. */
function messageOf(preprocessor: Preprocessor, rest: readonly Token[]): string {
  const tokens = preprocessor.expand(rest);
  const only = tokens.length === 1 ? tokens[0] : undefined;
  if (only?.kind === 'string') return new TextDecoder().decode(stringBytes(only.text));
  return textOf(
    tokens.map((token) => (token.kind === 'bad' ? { ...token, text: preprocessor.source.text.slice(token.column - 1) } : token)),
  );
}

function fileName(preprocessor: Preprocessor, rest: readonly Token[], directive: Token): string {
  const tokens = preprocessor.expand(rest);
  const first = tokens[0];
  if (!first)
    throw new LineError('file-name-expected', `\`%${directive.text}' expects a file name`, directive.column, directive.end);
  if (first.kind === 'string') return new TextDecoder().decode(stringBytes(first.text));
  return textOf(tokens);
}

/** `0.nolist` is one number for the tokenizer. */
function splitOption(token: Token): Token[] {
  const match = token.kind === 'number' ? /^(\d+)(\.nolist)$/i.exec(token.text) : null;
  if (!match) return [token];
  return [
    { ...token, text: match[1] ?? '' },
    { ...token, kind: 'identifier', text: match[2] ?? '', space: false },
  ];
}

function macro(ignoreCase: boolean): DirectiveHandler {
  return (preprocessor, rest, directive) => {
    // The body is skipped even if the head is wrong.
    preprocessor.beginDefinition('macro', undefined, 0);
    const tokens = preprocessor.expand(rest.slice(1)).flatMap(splitOption);
    const name = nameOf(preprocessor, rest[0], directive);
    const count = parseCount(tokens);
    let remaining = count.rest;
    let hidden = false;
    while (remaining[0]?.kind === 'identifier' && /^\.(nolist|nocase)$/i.test(remaining[0].text)) {
      hidden ||= /nolist/i.test(remaining[0].text);
      remaining = remaining.slice(1);
    }
    const key = name.toLowerCase();
    const list = preprocessor.multi.get(key) ?? [];
    const same = list.findIndex(
      (each) =>
        (each.ignoreCase || ignoreCase || each.name === name) &&
        each.minimum === count.minimum &&
        each.maximum === count.maximum &&
        each.greedy === count.greedy,
    );
    const entry = {
      name,
      ignoreCase,
      minimum: count.minimum,
      maximum: count.maximum,
      greedy: count.greedy,
      defaults: remaining.length === 0 ? [] : splitArguments(remaining, false),
      body: [],
      hidden,
      file: preprocessor.source.file,
      line: preprocessor.source.line,
    };
    if (same >= 0) {
      preprocessor.host.diagnostics.warning(preprocessor.place(), 'macro-redefined', `redefining multi-line macro \`${name}'`);
      list.splice(same, 1);
    }
    preprocessor.multi.set(key, [entry, ...list]);
    preprocessor.beginDefinition('macro', entry, 0);
  };
}

const removeMacro: DirectiveHandler = (preprocessor, rest, directive) => {
  const name = nameOf(preprocessor, rest[0], directive);
  const count = parseCount(preprocessor.expand(rest.slice(1)));
  const list = preprocessor.multi.get(name.toLowerCase()) ?? [];
  preprocessor.multi.set(
    name.toLowerCase(),
    list.filter(
      (each) => each.minimum !== count.minimum || each.maximum !== count.maximum || (!each.ignoreCase && each.name !== name),
    ),
  );
};

const stray =
  (opening: string): DirectiveHandler =>
  (_preprocessor, _rest, directive) => {
    throw new LineError('stray-directive', `\`%${directive.text}': no matching \`%${opening}'`, directive.column, directive.end);
  };

const ignored: DirectiveHandler = () => undefined;
const unsupported: DirectiveHandler = (_preprocessor, _rest, directive) => {
  throw new LineError(
    'unsupported-directive',
    `The directive \`%${directive.text}' is not supported.`,
    directive.column,
    directive.end,
  );
};

/** By name without the percent sign. */
export const handlers: ReadonlyMap<string, DirectiveHandler> = new Map<string, DirectiveHandler>([
  ['define', define(false, false)],
  ['idefine', define(true, false)],
  ['xdefine', define(false, true)],
  ['ixdefine', define(true, true)],
  ['undef', (preprocessor, rest, directive) => preprocessor.single.undefine(nameOf(preprocessor, rest[0], directive))],
  ['assign', assign(false)],
  ['iassign', assign(true)],
  ['defstr', computed(false, (_p, tokens) => quote(textOf(tokens)))],
  ['idefstr', computed(true, (_p, tokens) => quote(textOf(tokens)))],
  ['deftok', computed(false, (_p, tokens, directive) => new TextDecoder().decode(stringOf(tokens[0], directive)))],
  ['ideftok', computed(true, (_p, tokens, directive) => new TextDecoder().decode(stringOf(tokens[0], directive)))],
  ['strlen', computed(false, (_p, tokens, directive) => stringOf(tokens[0], directive).length.toString())],
  ['substr', computed(false, substring)],
  ['strcat', computed(false, concatenate)],
  ['macro', macro(false)],
  ['imacro', macro(true)],
  ['unmacro', removeMacro],
  ['unimacro', removeMacro],
  ['endmacro', stray('macro')],
  ['endm', stray('macro')],
  [
    'exitmacro',
    (preprocessor, rest, directive) => {
      if (!preprocessor.leaveBody('macro')) stray('macro')(preprocessor, rest, directive);
    },
  ],
  [
    'rotate',
    (preprocessor, rest, directive) => {
      const call = preprocessor.call;
      if (!call)
        throw new LineError('stray-directive', "`%rotate' invoked outside a macro call", directive.column, directive.end);
      const count = call.arguments.length;
      const by = preprocessor.evaluate(preprocessor.expand(rest));
      if (count === 0)
        throw new LineError(
          'no-parameters',
          "`%rotate' invoked within macro without parameters",
          directive.column,
          directive.end,
        );
      const turn = Number(((by % BigInt(count)) + BigInt(count)) % BigInt(count));
      call.arguments = [...call.arguments.slice(turn), ...call.arguments.slice(0, turn)];
    },
  ],
  [
    'rep',
    (preprocessor, rest, directive) => {
      preprocessor.beginDefinition('repeat', undefined, 0);
      let tokens = preprocessor.expand(rest);
      if (tokens[tokens.length - 1]?.text.toLowerCase() === '.nolist') tokens = tokens.slice(0, -1);
      if (tokens.length === 0)
        throw new LineError('expression-expected', "`%rep' expects a repeat count", directive.column, directive.end);
      const count = preprocessor.evaluate(tokens);
      if (count < 0n)
        preprocessor.host.diagnostics.warning(preprocessor.place(), 'negative-repeat', `negative \`%rep' count: ${count}`);
      preprocessor.beginDefinition('repeat', undefined, Number(count > 1_000_000_000n ? 1_000_000_000n : count));
    },
  ],
  ['endrep', stray('rep')],
  [
    'exitrep',
    (preprocessor, rest, directive) => {
      if (!preprocessor.leaveBody('repeat')) stray('rep')(preprocessor, rest, directive);
    },
  ],
  ['include', (preprocessor, rest, directive) => preprocessor.include(fileName(preprocessor, rest, directive))],
  [
    'push',
    (preprocessor, rest) => {
      preprocessor.contexts.push({ name: rest[0]?.text ?? '', unique: preprocessor.nextUnique() });
    },
  ],
  [
    'repl',
    (preprocessor, rest, directive) => {
      const top = preprocessor.contexts.pop();
      if (!top) throw new LineError('no-context', "`%repl': context stack is empty", directive.column, directive.end);
      preprocessor.contexts.push({ name: rest[0]?.text ?? '', unique: top.unique });
    },
  ],
  [
    'pop',
    (preprocessor, rest, directive) => {
      const top = preprocessor.contexts[preprocessor.contexts.length - 1];
      if (!top) throw new LineError('no-context', "`%pop': context stack is already empty", directive.column, directive.end);
      const wanted = rest[0]?.text;
      if (wanted !== undefined && top.name.toLowerCase() !== wanted.toLowerCase()) {
        throw new LineError(
          'wrong-context',
          `\`%pop' in wrong context: ${top.name === '' ? 'anonymous' : top.name}, expected ${wanted}`,
          directive.column,
          directive.end,
        );
      }
      preprocessor.contexts.pop();
    },
  ],
  [
    'error',
    (preprocessor, rest) =>
      preprocessor.host.diagnostics.error(preprocessor.place(), 'user-error', messageOf(preprocessor, rest)),
  ],
  [
    'warning',
    (preprocessor, rest) =>
      preprocessor.host.diagnostics.warning(preprocessor.place(), 'user-warning', messageOf(preprocessor, rest)),
  ],
  [
    'fatal',
    (preprocessor, rest) => {
      preprocessor.host.diagnostics.error(preprocessor.place(), 'user-fatal', messageOf(preprocessor, rest));
      throw new AssemblyStopped();
    },
  ],
  [
    'line',
    (preprocessor, _rest, directive) => {
      const match = /^%line\s+(\d+)(?:\s*\+\s*(\d+))?(?:\s+(.*?))?\s*$/i.exec(preprocessor.source.text.trim());
      if (!match)
        throw new LineError(
          'line-syntax',
          "`%line' expects a line number, an optional +step, and a file name",
          directive.column,
          directive.end,
        );
      preprocessor.setLine(Number(match[1]), Number(match[2] ?? 1), match[3]);
    },
  ],
  [
    'use',
    (_preprocessor, rest) => {
      const name = (rest[0]?.kind === 'string' ? rest[0].text.slice(1, -1) : (rest[0]?.text ?? '')).toLowerCase();
      // ifunc's functions are built in; altreg and the others change what this assembler does not have.
      if (name === 'ifunc') return;
      throw new LineError('unknown-package', `unknown \`%use' package: \`${name}'`, rest[0]?.column, rest[0]?.end);
    },
  ],
  ['pragma', ignored],
  ['depend', ignored],
  [
    'clear',
    (preprocessor) => {
      preprocessor.host.diagnostics.warning(preprocessor.place(), 'clear-ignored', "The directive `%clear' has no effect here.");
    },
  ],
  ['arg', unsupported],
  ['local', unsupported],
  ['stacksize', unsupported],
  ['pathsearch', unsupported],
  ['defalias', unsupported],
  ['rmacro', unsupported],
  ['irmacro', unsupported],
]);
