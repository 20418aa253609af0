/**
 * `npm run dist [-- TARGET …] [--to FOLDER]`: makes the installable packages in `dist/`. Without targets those that can be made here
 * with nothing fetched but npm's and Debian's packages: on Linux tar.gz and zip. electron-builder fetches tools of its own for the
 * others (AppImage, deb, nsis, dmg); they can be made where its release page is reachable, the dmg on macOS only.
 *
 * VITRINE_UPDATE_URL, when set, becomes the packages' update channel.
 */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DIST_PACKAGES, ROOT, ensureNodePackages, ensureSystemPackages, requireNode } from './prepare.mjs';

const say = (line) => process.stderr.write(`${line}\n`);
/** Names of targets → the platform they are for. */
const TARGETS = { 'tar.gz': 'linux', zip: 'linux', AppImage: 'linux', deb: 'linux', nsis: 'win', dmg: 'mac' };
const WITHOUT_TOOLS = ['tar.gz', 'zip'];

function end(message, status = 1) {
  say(message);
  process.exit(status);
}

const words = process.argv.slice(2);
const at = words.indexOf('--to');
const output = at < 0 ? 'dist' : words.splice(at, 2)[1];
if (output === undefined) end('--to wants a folder.', 2);
const destination = at < 0 ? path.join(ROOT, output) : path.resolve(output);
// electron-builder looks for its hooks where it runs.
process.chdir(ROOT);
const unknown = words.find((word) => TARGETS[word] === undefined);
if (unknown !== undefined) end(`There is no target "${unknown}"; there are ${Object.keys(TARGETS).join(', ')}.`, 2);
const targets =
  words.length > 0 ? words : process.platform === 'win32' ? ['nsis'] : process.platform === 'darwin' ? ['dmg'] : WITHOUT_TOOLS;

requireNode();
ensureNodePackages();
const missing = ensureSystemPackages(DIST_PACKAGES);
const { bundle } = await import('./bundle.mjs');
const { ensureElectron, verifyRelease } = await import('./electron.mjs');
const { ensureNodePty } = await import('./node-pty.mjs');
const { bundledPackages, notices, runtimePackages } = await import('./notices.mjs');

/** What wraps archives: Debian's 7-Zip, so that electron-builder need not fetch its own. */
function useSystemArchiver() {
  const program = ['7zz', '7za', '7z']
    .flatMap((name) => (process.env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, name)))
    .find((file) => existsSync(file));
  if (program !== undefined) process.env.ELECTRON_BUILDER_7ZIP_PATH ??= program;
  else if (missing.includes('7zip')) say('Without 7-Zip electron-builder fetches its own, if its release page can be reached.');
  // Its default is the slowest there is, for one percent.
  process.env.ELECTRON_BUILDER_COMPRESSION_LEVEL ??= '5';
}

/** The configuration that goes beyond electron-builder.yml: what only this computer and this call know. */
async function configuration(platforms) {
  const config = { directories: { output: destination } };
  if (platforms.includes('linux') && process.platform === 'linux' && process.arch === 'x64') {
    const binary = await ensureElectron(say);
    const dist = path.dirname(binary);
    // Once more, right before it is packed: node_modules can be written by others.
    const count = await verifyRelease(dist);
    say(`All ${count} files of Electron match their fingerprints.`);
    config.electronDist = dist;
  }
  const channel = process.env.VITRINE_UPDATE_URL;
  if (channel) config.publish = { provider: 'generic', url: channel };
  return config;
}

try {
  await bundle(['engine', 'cli', 'main', 'preload', 'renderer'], say);
  mkdirSync(path.join(ROOT, 'out/notices'), { recursive: true });
  writeFileSync(path.join(ROOT, 'out/notices/THIRD-PARTY-LICENSES.txt'), notices([...bundledPackages(), ...runtimePackages()]));
  chmodSync(ensureNodePty(say), 0o755);
  useSystemArchiver();
  const platforms = [...new Set(targets.map((name) => TARGETS[name]))];
  const config = await configuration(platforms);
  const { build } = await import('electron-builder');
  const chosen = Object.fromEntries(
    platforms.map((platform) => [platform, targets.filter((name) => TARGETS[name] === platform)]),
  );
  const made = await build({ projectDir: ROOT, config, publish: 'never', ...chosen });
  for (const file of made) say(`Made ${path.relative(process.cwd(), file)}`);
} catch (error) {
  const tools = targets.filter((name) => !WITHOUT_TOOLS.includes(name));
  const hint = tools.length > 0 ? `\n${tools.join(' and ')} need tools that electron-builder fetches from its release page.` : '';
  end(`The packages could not be made: ${error.message}${hint}`);
}
