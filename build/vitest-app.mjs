import { bundle } from './bundle.mjs';
import { ensureElectron } from './electron.mjs';

/** Before end-to-end tests: everything is built, and Electron is in place. Either failing ends the run. */
export async function setup() {
  await bundle(undefined, (line) => process.stderr.write(`${line}\n`));
  await ensureElectron();
}
