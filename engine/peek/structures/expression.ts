/** Paths to guest data, as a debugger's user writes them: `tasks[3].comm`, `head.next->name`, `*(struct tss *)0x1000`, `list(head, struct task, link)`. */
import { parseTypeName } from './text.ts';
import { Reader, tokenize } from './tokens.ts';
import { StructureError, type Type, type TypeSet } from './types.ts';

export type Expression = { readonly column: number } & (
  | { readonly kind: 'number'; readonly value: number }
  /** A symbol of the set. */
  | { readonly kind: 'symbol'; readonly name: string }
  /** `$eax`: a register, or a place that it names. */
  | { readonly kind: 'register'; readonly name: string }
  | { readonly kind: 'member'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'index'; readonly of: Expression; readonly index: Expression }
  | { readonly kind: 'content'; readonly of: Expression }
  | { readonly kind: 'address'; readonly of: Expression }
  | { readonly kind: 'cast'; readonly type: Type; readonly of: Expression }
  | { readonly kind: 'negative'; readonly of: Expression }
  | { readonly kind: 'operation'; readonly sign: '+' | '-' | '*' | '/'; readonly left: Expression; readonly right: Expression }
  /** `count` elements from where it points. */
  | { readonly kind: 'array'; readonly of: Expression; readonly count: Expression }
  /** Text at an address, up to its NUL. */
  | { readonly kind: 'string'; readonly of: Expression }
  /** What is linked by `member`, a list head, inside of `type`; circular, as Linux has it. */
  | { readonly kind: 'list'; readonly of: Expression; readonly type: Type; readonly member: string }
  /** What a pointer leads to, and so on by its member, until null. */
  | { readonly kind: 'chain'; readonly of: Expression; readonly member: string }
  /** A binary tree, in order. */
  | { readonly kind: 'tree'; readonly of: Expression; readonly left: string; readonly right: string }
  | { readonly kind: 'sizeof'; readonly type: Type }
);

const deepest = 100;
const longest = 4096;

class Parser {
  readonly #reader: Reader;
  #depth = 0;

  constructor(
    text: string,
    private readonly set: TypeSet,
  ) {
    if (text.length > longest) throw new StructureError(`An expression has at most ${longest} characters.`);
    this.#reader = new Reader(tokenize(text));
  }

  parse(): Expression {
    const expression = this.#sum();
    if (this.#reader.token.kind !== 'end') this.#reader.fail('The expression ends here');
    return expression;
  }

  #sum(): Expression {
    let left = this.#product();
    for (;;) {
      const { column } = this.#reader.token;
      const sign = this.#reader.take('+') ? '+' : this.#reader.take('-') ? '-' : undefined;
      if (sign === undefined) return left;
      left = { kind: 'operation', sign, left, right: this.#product(), column };
    }
  }

  #product(): Expression {
    let left = this.#unary();
    for (;;) {
      const { column } = this.#reader.token;
      const sign = this.#reader.take('*') ? '*' : this.#reader.take('/') ? '/' : undefined;
      if (sign === undefined) return left;
      left = { kind: 'operation', sign, left, right: this.#unary(), column };
    }
  }

  #unary(): Expression {
    const reader = this.#reader;
    const { column } = reader.token;
    if (++this.#depth > deepest) reader.fail('The expression is nested too deeply');
    try {
      if (reader.take('*')) return { kind: 'content', of: this.#unary(), column };
      if (reader.take('&')) return { kind: 'address', of: this.#unary(), column };
      if (reader.take('-')) return { kind: 'negative', of: this.#unary(), column };
      if (reader.is('(')) {
        const start = reader.position;
        reader.next();
        const type = parseTypeName(reader, this.set);
        if (type !== undefined && reader.take(')')) return { kind: 'cast', type, of: this.#unary(), column };
        reader.position = start;
      }
      return this.#postfix();
    } finally {
      this.#depth--;
    }
  }

  #postfix(): Expression {
    const reader = this.#reader;
    let of = this.#primary();
    for (;;) {
      const { column } = reader.token;
      if (reader.take('.') || reader.take('->'))
        of = { kind: 'member', of, name: reader.name('The name of a member').text, column };
      else if (reader.take('[')) {
        of = { kind: 'index', of, index: this.#sum(), column };
        reader.expect(']');
      } else return of;
    }
  }

  #primary(): Expression {
    const reader = this.#reader;
    const { token } = reader;
    const { column } = token;
    if (token.kind === 'number') return { kind: 'number', value: reader.next().value, column };
    if (reader.take('(')) {
      const inner = this.#sum();
      reader.expect(')');
      return inner;
    }
    if (token.kind !== 'name') reader.fail('A name, a number or "(" is missing here');
    const name = reader.next().text;
    if (name.startsWith('$')) return { kind: 'register', name: name.slice(1).toLowerCase(), column };
    // A symbol may be called as a function is here.
    if (reader.is('(') && !this.set.symbols.has(name)) return this.#call(name, column);
    return { kind: 'symbol', name, column };
  }

  #call(name: string, column: number): Expression {
    const reader = this.#reader;
    reader.expect('(');
    const expression = this.#arguments(name, column);
    reader.expect(')');
    return expression;
  }

  #arguments(name: string, column: number): Expression {
    const reader = this.#reader;
    const comma = () => void reader.expect(',');
    const type = () => parseTypeName(reader, this.set) ?? reader.fail('A type is missing here');
    const member = () => reader.name('The name of a member').text;
    switch (name) {
      case 'sizeof':
        return { kind: 'sizeof', type: type(), column };
      case 'string':
        return { kind: 'string', of: this.#sum(), column };
      case 'array': {
        const of = this.#sum();
        comma();
        return { kind: 'array', of, count: this.#sum(), column };
      }
      case 'chain': {
        const of = this.#sum();
        comma();
        return { kind: 'chain', of, member: member(), column };
      }
      case 'list': {
        const of = this.#sum();
        comma();
        const linked = type();
        comma();
        return { kind: 'list', of, type: linked, member: member(), column };
      }
      case 'tree': {
        const of = this.#sum();
        comma();
        const left = member();
        comma();
        return { kind: 'tree', of, left, right: member(), column };
      }
      default:
        throw new StructureError(`There is no function ${name}; there are array, chain, list, sizeof, string and tree.`, {
          line: 1,
          column,
        });
    }
  }
}

/** Throws StructureError with the column of what is wrong. */
export function parseExpression(text: string, set: TypeSet): Expression {
  return new Parser(text, set).parse();
}
