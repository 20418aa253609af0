/** `node build/build.mjs [engine|cli|main|preload|renderer ...]` builds what is stale. */
import { ensureNodePackages, requireNode } from './prepare.mjs';

requireNode();
ensureNodePackages();
const { bundle } = await import('./bundle.mjs');
const names = process.argv.slice(2);
try {
  await bundle(names.length > 0 ? names : undefined, (line) => process.stderr.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
