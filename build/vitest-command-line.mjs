import { bundle } from './bundle.mjs';

/** Before tests of the command line: it and the engine's workers are built. A failure ends the run. */
export async function setup() {
  await bundle(['engine', 'cli'], (line) => process.stderr.write(`${line}\n`));
}
