/** Single-line macros: `%define` and its kin, and their expansion (NASM manual, 4.1). */
import { LineError } from './diagnostic.ts';
import { quote } from './literal.ts';
import { splitArguments, type SingleMacro } from './macro.ts';
import { isOperator, spelling, textOf, tokenize, type Token } from './token.ts';

/** More tokens than this on one line are a macro that went wild. */
const maximumTokens = 200_000;

const isWord = (token: Token | undefined): boolean =>
  token !== undefined && (token.kind === 'identifier' || token.kind === 'number');

/** What an expansion needs to know of the place it happens in. */
export interface ExpansionContext {
  /** `__LINE__`, `__FILE__`, `__BITS__` and the like; undefined for any other name. */
  builtin(name: string): string | undefined;
  /** `%$name` to a name that is unique to its context. */
  contextName(text: string): string;
  /** Evaluates the argument of a `=parameter`. */
  evaluate(tokens: readonly Token[]): bigint;
}

export class SingleMacros {
  private readonly exact = new Map<string, SingleMacro[]>();
  private readonly caseless = new Map<string, SingleMacro[]>();
  private produced = 0;

  define(macro: SingleMacro): void {
    const table = macro.ignoreCase ? this.caseless : this.exact;
    const key = macro.ignoreCase ? macro.name.toLowerCase() : macro.name;
    const others = (table.get(key) ?? []).filter(
      (each) =>
        // A name has either one definition without parameters, or one for each number of them.
        (each.parameters === undefined) === (macro.parameters === undefined) &&
        each.parameters?.length !== macro.parameters?.length,
    );
    table.set(key, [...others, macro]);
  }

  undefine(name: string): void {
    this.exact.delete(name);
    this.caseless.delete(name.toLowerCase());
  }

  find(name: string): readonly SingleMacro[] | undefined {
    return this.exact.get(name) ?? (this.caseless.size > 0 ? this.caseless.get(name.toLowerCase()) : undefined);
  }

  /** Expands a line's tokens. Returns the same array if there is nothing to expand. */
  expand(tokens: readonly Token[], context: ExpansionContext): readonly Token[] {
    this.produced = 0;
    let special = false;
    let any = false;
    for (const token of tokens) {
      if (token.kind === 'contextLocal' || token.kind === 'indirect' || token.kind === 'paste') special = true;
      else if (token.kind === 'environment') {
        throw new LineError(
          'no-environment',
          `The environment variable ${token.text} is not available here.`,
          token.column,
          token.end,
        );
      } else if (token.kind === 'identifier' && (token.text.startsWith('__') || this.find(token.text))) any = true;
    }
    if (!special && !any) return tokens;
    const expanded = this.expandAll(tokens, context, new Set(), 0);
    return special ? this.paste(expanded, context) : this.paste(expanded, context, false);
  }

  private expandAll(
    tokens: readonly Token[],
    context: ExpansionContext,
    active: ReadonlySet<SingleMacro>,
    depth: number,
  ): Token[] {
    if (depth > 100) throw new LineError('macro-too-deep', 'Single-line macros are nested more than 100 levels deep.');
    const output: Token[] = [];
    const emit = (token: Token, at: Token, first: boolean) => {
      if (++this.produced > maximumTokens) {
        throw new LineError(
          'line-too-long',
          `The line grows beyond ${maximumTokens} tokens by macro expansion.`,
          at.column,
          at.end,
        );
      }
      output.push({ kind: token.kind, text: token.text, space: first ? at.space : token.space, column: at.column, end: at.end });
    };
    for (let index = 0; index < tokens.length; index++) {
      const token = tokens[index];
      if (!token) break;
      if (token.kind === 'indirect') {
        const close = closing(tokens, index, '[', ']');
        const inner = this.paste(this.expandAll(tokens.slice(index + 1, close), context, active, depth + 1), context);
        for (const [position, each] of inner.entries()) emit(each, token, position === 0);
        index = close;
        continue;
      }
      let name = token;
      if (token.kind === 'contextLocal') name = { ...token, kind: 'identifier', text: context.contextName(token.text) };
      if (name.kind !== 'identifier') {
        this.count(token);
        output.push(token);
        continue;
      }
      const builtin = name.text.startsWith('__') ? context.builtin(name.text) : undefined;
      if (builtin !== undefined) {
        for (const [position, each] of tokenize(builtin).entries()) emit(each, token, position === 0);
        continue;
      }
      const candidates = this.find(name.text);
      const chosen = candidates ? this.choose(candidates, tokens, index, active) : undefined;
      if (!chosen) {
        this.count(token);
        output.push(name);
        continue;
      }
      const body = chosen.arguments ? this.substitute(chosen.macro, chosen.arguments, context, active, depth) : chosen.macro.body;
      const result = this.expandAll(body, context, new Set([...active, chosen.macro]), depth + 1);
      for (const [position, each] of result.entries()) emit(each, token, position === 0);
      index = chosen.last;
    }
    return output;
  }

  private count(token: Token): void {
    if (++this.produced > maximumTokens) {
      throw new LineError(
        'line-too-long',
        `The line grows beyond ${maximumTokens} tokens by macro expansion.`,
        token.column,
        token.end,
      );
    }
  }

  private choose(
    candidates: readonly SingleMacro[],
    tokens: readonly Token[],
    index: number,
    active: ReadonlySet<SingleMacro>,
  ): { macro: SingleMacro; arguments?: Token[][]; last: number } | undefined {
    const plain = candidates.find((each) => each.parameters === undefined);
    if (plain) return active.has(plain) ? undefined : { macro: plain, last: index };
    if (!isOperator(tokens[index + 1], '(')) return undefined;
    const close = closing(tokens, index + 1, '(', ')');
    const inner = tokens.slice(index + 2, close);
    const list = splitArguments(inner, true);
    for (const macro of candidates) {
      const parameters = macro.parameters ?? [];
      if (active.has(macro)) continue;
      const greedy = parameters[parameters.length - 1]?.greedy === true;
      if (parameters.length === list.length || (parameters.length === 0 && inner.length === 0)) {
        return { macro, arguments: list, last: close };
      }
      if (greedy && list.length > parameters.length) {
        const head = list.slice(0, parameters.length - 1);
        const skip = splitPoint(inner, parameters.length - 1);
        return { macro, arguments: [...head, inner.slice(skip)], last: close };
      }
    }
    return undefined;
  }

  private substitute(
    macro: SingleMacro,
    list: readonly Token[][],
    context: ExpansionContext,
    active: ReadonlySet<SingleMacro>,
    depth: number,
  ): Token[] {
    const values = new Map<string, readonly Token[]>();
    for (const [index, parameter] of (macro.parameters ?? []).entries()) {
      const raw = list[index] ?? [];
      let value: readonly Token[] = this.expandAll(raw, context, active, depth + 1);
      if (parameter.evaluated) value = tokenize(context.evaluate(value).toString());
      if (parameter.stringified) value = tokenize(quote(textOf(value)));
      values.set(parameter.name, value);
    }
    const body: Token[] = [];
    for (const token of macro.body) {
      const value = token.kind === 'identifier' ? values.get(token.text) : undefined;
      if (!value) body.push(token);
      else for (const [position, each] of value.entries()) body.push(position === 0 ? { ...each, space: token.space } : each);
      this.count(token);
    }
    return body;
  }

  /** Joins around `%+`, and words left next to each other by `%$name` and `%[...]`; a joined word is looked up again. */
  private paste(tokens: readonly Token[], context: ExpansionContext, adjacent = true): Token[] {
    const output: Token[] = [];
    for (let index = 0; index < tokens.length; index++) {
      const token = tokens[index];
      if (!token) break;
      const previous = output[output.length - 1];
      const next = tokens[index + 1];
      let joined: Token | undefined;
      if (token.kind === 'paste' && previous && next && next.kind !== 'paste') {
        joined = next;
        index++;
      } else if (adjacent && !token.space && isWord(token) && isWord(previous)) {
        joined = token;
      }
      if (joined && previous) {
        output.pop();
        const merged = tokenize(spelling(previous) + spelling(joined)).map((each, position) => ({
          ...each,
          space: position === 0 ? previous.space : each.space,
          column: previous.column,
          end: joined.end,
        }));
        output.push(
          ...(merged.some((each) => each.kind === 'identifier' && this.find(each.text))
            ? this.expandAll(merged, context, new Set(), 1)
            : merged),
        );
      } else {
        output.push(token);
      }
    }
    return output;
  }
}

/** The index of the bracket that closes the one at `open`. */
function closing(tokens: readonly Token[], open: number, left: string, right: string): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index++) {
    const token = tokens[index];
    if (token?.kind === 'indirect' ? left === '[' : isOperator(token, left)) depth++;
    else if (isOperator(token, right) && --depth === 0) return index;
  }
  const token = tokens[open];
  throw new LineError('expected-bracket', `The closing ${right} is missing.`, token?.column, token?.end);
}

/** The index after the `count`-th comma outside parentheses and braces. */
function splitPoint(tokens: readonly Token[], count: number): number {
  let depth = 0;
  let left = count;
  for (const [index, token] of tokens.entries()) {
    if (left === 0) return index;
    if (isOperator(token, '(') || isOperator(token, '{')) depth++;
    else if (isOperator(token, ')') || isOperator(token, '}')) depth--;
    else if (depth === 0 && isOperator(token, ',')) left--;
  }
  return left === 0 ? tokens.length : 0;
}
