/** `npm start`: installs what is missing, builds, and opens the app; without a display it serves the same user interface on loopback. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { APP_PACKAGES, ROOT, ensureNodePackages, ensureSystemPackages, requireNode } from './prepare.mjs';

const say = (line) => process.stderr.write(`${line}\n`);

function end(message) {
  say(message);
  process.exit(1);
}

/** Runs a program in the foreground and ends with its exit status. */
function hand(program, args) {
  const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => end(`${program} could not be started: ${error.message}`));
  child.on('exit', (status, signal) => process.exit(signal === null ? (status ?? 1) : 1));
}

requireNode();
ensureNodePackages();
const { bundle } = await import('./bundle.mjs');
const { ensureElectron } = await import('./electron.mjs');
const { ensureNodePty } = await import('./node-pty.mjs');

const hasDisplay = process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
try {
  await bundle(undefined, say);
} catch (error) {
  end(`Vitrine could not be built.\n${error.message}`);
}

if (!hasDisplay) {
  say('There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set). Vitrine serves its window to a browser instead:');
  hand(process.execPath, ['--enable-source-maps', path.join(ROOT, 'out/cli/vitrine.js'), 'serve', ...process.argv.slice(2)]);
} else {
  const missing = ensureSystemPackages(APP_PACKAGES.filter(({ name }) => name !== 'xvfb' && name !== 'xauth'));
  if (missing.length > 0) say('Electron may not start without them; trying.');
  let electron;
  try {
    electron = await ensureElectron(say);
  } catch (error) {
    end(`${error.message}\nUntil then the same window is served to a browser by: npm run -s vitrine -- serve`);
  }
  try {
    ensureNodePty(say);
  } catch (error) {
    say(`${error.message}\nWithout it the app has no terminal for gdb; all else works.`);
  }
  // Chromium refuses its sandbox to root.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  hand(electron, [...asRoot, ROOT, ...process.argv.slice(2)]);
}
