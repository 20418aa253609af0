/**
 * Builds node-pty's addon where the package brings none (Linux). Install scripts of packages do not run here (.npmrc), so `npm ci`
 * needs neither a compiler nor a network beyond the registry; who needs the addon calls this. It speaks N-API: one build serves Node
 * and Electron.
 *
 * Run directly: `node build/node-pty.mjs` prints the path of the addon.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './prepare.mjs';

const PACKAGE = path.join(ROOT, 'node_modules/node-pty');
const PLACES = ['build/Release/pty.node', `prebuilds/${process.platform}-${process.arch}/pty.node`].map((place) =>
  path.join(PACKAGE, place),
);

/** Path of the addon that node-pty would load, or undefined. */
export function nodePtyAddon() {
  return PLACES.find((file) => existsSync(file));
}

/** Path of the addon; compiles it when there is none. Throws an Error whose message says what is missing. */
export function ensureNodePty(say = (line) => process.stderr.write(`${line}\n`)) {
  const present = nodePtyAddon();
  if (present !== undefined) return present;
  if (!existsSync(path.join(PACKAGE, 'binding.gyp'))) throw new Error('The node-pty package is not installed; run npm ci first.');
  say('Compiling node-pty ...');
  // The headers that came with this Node; without them node-gyp would ask the network.
  const prefix = path.resolve(path.dirname(process.execPath), '..');
  const headers = existsSync(path.join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
  const gyp = createRequire(path.join(ROOT, 'package.json')).resolve('node-gyp/bin/node-gyp.js');
  const built = spawnSync(process.execPath, [gyp, 'rebuild', ...headers], { cwd: PACKAGE, encoding: 'utf8' });
  const addon = nodePtyAddon();
  if (built.status !== 0 || addon === undefined) {
    const last = `${built.stdout ?? ''}${built.stderr ?? ''}`
      .trim()
      .split('\n')
      .filter((line) => /ERR|rror/.test(line))
      .slice(-6)
      .join('\n');
    throw new Error(`node-pty could not be compiled; it needs python3, make and g++, and the headers of this Node.\n${last}`);
  }
  return addon;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.stdout.write(`${ensureNodePty()}\n`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
