import type { ZodType } from 'zod';

/** Why the contract refuses a value, as its own sentence; empty when it takes it. */
export function refusal(schema: ZodType, value: unknown): string {
  const result = schema.safeParse(value);
  return result.success ? '' : (result.error.issues[0]?.message ?? 'This value is refused.');
}
