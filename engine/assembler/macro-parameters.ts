/** The parameters of a multi-line macro in a line of its body (NASM manual, 4.3). */
import { LineError } from './diagnostic.ts';
import { oppositeConditions, type MacroCall } from './macro.ts';
import { tokenize, type Token } from './token.ts';

const isWord = (token: Token | undefined): boolean =>
  token !== undefined && (token.kind === 'identifier' || token.kind === 'number');

/** `%1`, `%0`, `%%x`, `%+1` and their kin, with joining of what touches them. */
export function withParameters(tokens: readonly Token[], call: MacroCall): readonly Token[] {
  if (!tokens.some((token) => token.kind === 'parameter' || token.kind === 'macroLocal')) return tokens;
  const output: Token[] = [];
  let gluedAfter = false;
  for (const token of tokens) {
    const special = token.kind === 'parameter' || token.kind === 'macroLocal';
    const replacement = special ? parameter(token, call) : [token];
    for (const [index, each] of replacement.entries()) {
      const placed: Token = special
        ? { ...each, space: index === 0 ? token.space : each.space, column: token.column, end: token.end }
        : each;
      const previous = output[output.length - 1];
      if (index === 0 && !token.space && (special || gluedAfter) && isWord(placed) && isWord(previous) && previous) {
        output.pop();
        output.push(
          ...tokenize(previous.text + placed.text).map((part, position) => ({
            ...part,
            space: position === 0 ? previous.space : part.space,
            column: previous.column,
            end: token.end,
          })),
        );
      } else {
        output.push(placed);
      }
    }
    gluedAfter = special && replacement.length > 0;
  }
  return output;
}

function parameter(token: Token, call: MacroCall): readonly Token[] {
  const { text } = token;
  const one = (value: string, kind: Token['kind'] = 'identifier'): Token[] => [{ ...token, kind, text: value }];
  if (token.kind === 'macroLocal') return one(`..@${call.unique}.${text}`);
  if (text === '?') return one(call.spelling);
  if (text === '??') return one(call.macro.name);
  if (text === '00') return call.label;
  if (text === '0') return one(call.arguments.length.toString(), 'number');
  const range = /^(-?\d+):(-?\d+)$/.exec(text);
  if (range) return between(Number(range[1]), Number(range[2]), call, token);
  const sign = /^[+-]/.exec(text)?.[0];
  const argument = call.arguments[Number(sign ? text.slice(1) : text) - 1] ?? [];
  if (sign === undefined) return argument;
  const condition = argument.length === 1 && argument[0]?.kind === 'identifier' ? argument[0].text.toLowerCase() : '';
  const opposite = oppositeConditions.get(condition);
  if (opposite === undefined)
    throw new LineError('not-a-condition', `macro parameter \`%${text}' is not a condition code`, token.column, token.end);
  if (sign === '+') return one(condition);
  if (opposite === '')
    throw new LineError('no-inverse-condition', `condition code \`${condition}' is not invertible`, token.column, token.end);
  return one(opposite);
}
function between(from: number, to: number, call: MacroCall, token: Token): Token[] {
  const count = call.arguments.length;
  const first = from < 0 ? count + from : from - 1;
  const last = to < 0 ? count + to : to - 1;
  if (first < 0 || last < 0 || first >= count || last >= count) return [];
  const step = first <= last ? 1 : -1;
  const result: Token[] = [];
  for (let index = first; ; index += step) {
    result.push(...(call.arguments[index] ?? []));
    if (index === last) return result;
    result.push({ ...token, kind: 'operator', text: ',' });
  }
}
