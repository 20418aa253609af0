/** `npm run -s vitrine -- …`: builds the command line when it is stale (words to stderr only) and passes its exit status through. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { ROOT, ensureNodePackages, requireNode } from './prepare.mjs';

requireNode();
ensureNodePackages();
const { bundle } = await import('./bundle.mjs');
const args = process.argv.slice(2);
try {
  // Only `serve` shows the user interface.
  const names = args[0] === 'serve' ? ['engine', 'renderer', 'cli'] : ['engine', 'cli'];
  await bundle(names, (line) => process.stderr.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`The command line could not be built.\n${error.message}\n`);
  process.exit(1);
}
const child = spawn(process.execPath, ['--enable-source-maps', path.join(ROOT, 'out/cli/vitrine.js'), ...args], { stdio: 'inherit' });
// The terminal sends Ctrl C to both; the child decides what it means.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  process.stderr.write(`The command line could not be started: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (status, signal) => {
  if (signal === null) process.exit(status ?? 1);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
