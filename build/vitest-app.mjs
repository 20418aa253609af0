import { bundle } from './bundle.mjs';
import { ensureElectron } from './electron.mjs';
import { ensureNodePty } from './node-pty.mjs';

/** Before end-to-end tests: everything is built, and Electron and node-pty's addon are in place. Any of them failing ends the run. */
export async function setup() {
  await bundle(undefined, (line) => process.stderr.write(`${line}\n`));
  await ensureElectron();
  ensureNodePty();
}
