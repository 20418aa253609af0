/** Whether breakpoints, expressions and paths make sense as people write them, before there is a machine for them. */
import { parseBreakpoint } from '../../../engine/debug/breakpoint-text.ts';
import { ExpressionError, parseExpression, parseLogText } from '../../../engine/machine/debug/expression.ts';
import { knownNames } from '../../../engine/machine/debug/registers.ts';
import { tokenize } from '../../../engine/peek/structures/tokens.ts';
import { StructureError } from '../../../engine/peek/structures/types.ts';
import { HostError } from '../errors.ts';

/** Any name may be a symbol that is loaded later. 1 fits wherever a number may stand. */
const anySymbol = (): number => 1;

function refusing(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (error instanceof ExpressionError || error instanceof StructureError)
      throw new HostError('BAD_INPUT', error.message.replace(/([^.])$/u, '$1.'), { cause: error });
    throw error;
  }
}

/** Refuses (BAD_INPUT) what is no breakpoint, whatever symbols there may be. */
export function checkBreakpoint(text: string): void {
  refusing(() => {
    const { condition, log } = parseBreakpoint(text, anySymbol);
    if (condition !== undefined) parseExpression(condition, knownNames, anySymbol);
    if (log !== undefined) parseLogText(log, knownNames, anySymbol);
  });
}

/** Refuses (BAD_INPUT) what is no expression of registers and memory. */
export function checkExpression(text: string): void {
  refusing(() => void parseExpression(text, knownNames, anySymbol));
}

/** Refuses (BAD_INPUT) what cannot be a path to guest data. Whether its types are there only the machine's profile can say. */
export function checkPath(text: string): void {
  refusing(() => void tokenize(text));
}
