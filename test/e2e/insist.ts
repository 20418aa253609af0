/**
 * The driver's own promise in Electron's main process may be collected before its answer is out ("Resulting promise was garbage collected").
 * What is asked so has to be such that it can be asked again.
 */
export async function insist<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries === 10 || !String(error).includes('garbage collected')) throw error;
    }
  }
}
