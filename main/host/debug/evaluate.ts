import { evaluate, type Expression, type Surroundings } from '../../../engine/machine/debug/expression.ts';

/** A place that an expression reads and that has not been read yet. */
class Wanted extends Error {
  constructor(
    readonly key: string,
    readonly read: () => Promise<number | undefined>,
  ) {
    super('Memory is wanted.');
  }
}

/**
 * The value of an expression whose memory is another thread's: evaluated anew each time that it comes to a place that was not read yet. Throws
 * ExpressionError.
 */
export async function evaluateWithMemory(
  expression: Expression,
  around: Omit<Surroundings, 'memory'>,
  read: (address: number, size: 1 | 2 | 4, physical: boolean) => Promise<number | undefined>,
): Promise<number> {
  const known = new Map<string, number | undefined>();
  const memory: Surroundings['memory'] = (address, size, physical) => {
    const key = `${physical ? 'physical ' : ''}${address}/${size}`;
    if (!known.has(key)) throw new Wanted(key, () => read(address, size, physical));
    return known.get(key);
  };
  for (;;) {
    try {
      return evaluate(expression, { ...around, memory });
    } catch (error) {
      if (!(error instanceof Wanted)) throw error;
      known.set(error.key, await error.read());
    }
  }
}
