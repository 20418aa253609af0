/**
 * Installs what a checkout lacks: the npm packages of the lockfile, and Debian's packages that the app and its tests use.
 * Node built-ins only: it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const LEAST_NODE = [20, 19];

/** What Electron's binary needs to start, and a display when there is none. */
export const APP_PACKAGES = [
  { name: 'xvfb', program: 'Xvfb' },
  { name: 'xauth', program: 'xauth' },
  { name: 'libgtk-3-0', file: 'libgtk-3.so.0' },
  { name: 'libnss3', file: 'libnss3.so' },
  { name: 'libasound2', file: 'libasound.so.2' },
  { name: 'libgbm1', file: 'libgbm.so.1' },
  { name: 'libxss1', file: 'libXss.so.1' },
  { name: 'libxtst6', file: 'libXtst.so.6' },
  { name: 'libatk-bridge2.0-0', file: 'libatk-bridge-2.0.so.0' },
  { name: 'libdrm2', file: 'libdrm.so.2' },
  { name: 'libnotify4', file: 'libnotify.so.4' },
];

/** What the tests compare with and drive: real clients, real guests, oracles. */
export const TEST_PACKAGES = [
  ...APP_PACKAGES,
  { name: 'chromium', program: 'chromium' },
  { name: 'fonts-dejavu-core', file: '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf' },
  { name: 'nasm', program: 'nasm' },
  { name: 'gcc', program: 'gcc' },
  { name: 'libc6-dev', file: '/usr/include/stdio.h' },
  { name: 'qemu-system-x86', program: 'qemu-system-i386' },
  { name: 'qemu-utils', program: 'qemu-img' },
  { name: 'gdb', program: 'gdb' },
  { name: 'memtest86+', file: '/boot/memtest86+ia32.bin' },
  { name: 'grub-pc-bin', file: '/usr/lib/grub/i386-pc/boot.img' },
  { name: 'grub-common', program: 'grub-mkrescue' },
  { name: 'xorriso', program: 'xorriso' },
  { name: 'mtools', program: 'mcopy' },
  { name: 'seabios', file: '/usr/share/seabios/bios.bin' },
  { name: 'ipxe', file: '/usr/lib/ipxe/ipxe.iso' },
  { name: 'dosfstools', file: '/usr/sbin/fsck.fat' },
  { name: 'acpica-tools', program: 'iasl' },
  { name: 'edid-decode', program: 'edid-decode' },
  { name: 'tigervnc-viewer', program: 'xtigervncviewer' },
  { name: 'xdotool', program: 'xdotool' },
  { name: 'openssl', program: 'openssl' },
  { name: 'etcd-server', program: 'etcd' },
  { name: 'iproute2', program: 'ip' },
];

/** What packaging uses: 7-Zip for archives, and what compiles node-pty. */
export const DIST_PACKAGES = [
  { name: '7zip', program: '7zz' },
  { name: 'python3', program: 'python3' },
  { name: 'make', program: 'make' },
  { name: 'g++', program: 'g++' },
];

const say = (line) => process.stderr.write(`${line}\n`);

/** Ends the program with a sentence when this Node is too old. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])) {
    say(`Vitrine needs Node ${LEAST_NODE.join('.')} or newer; this is ${process.versions.node}.`);
    process.exit(1);
  }
}

/** Runs `npm ci` when node_modules is absent or not what the lockfile says. Ends the program when that fails. */
export function ensureNodePackages() {
  const difference = lockfileDifference();
  if (difference === undefined) return;
  say(`Installing npm packages (${difference}) ...`);
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (result.error) {
    say(`npm could not be started: ${result.error.message}`);
    process.exit(1);
  }
  if (result.status !== 0) {
    say('npm ci failed; its own words are above. Mend that and start again.');
    process.exit(1);
  }
}

/** Why node_modules is not what package-lock.json says; undefined when it is. npm keeps what it installed in a lockfile of its own. */
export function lockfileDifference(root = ROOT) {
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const hidden = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(hidden)) return 'there are none yet';
  const present = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  for (const [where, entry] of Object.entries(wanted)) {
    if (where === '') continue;
    const found = present[where];
    if (found === undefined) {
      if (entry.optional || entry.devOptional || entry.peer) continue;
      return `${where.replace(/^.*node_modules\//, '')} is missing`;
    }
    if (found.version !== entry.version) return `${where.replace(/^.*node_modules\//, '')} is of another version`;
    if (!existsSync(path.join(root, where, 'package.json'))) return `${where.replace(/^.*node_modules\//, '')} is missing`;
  }
  return undefined;
}

let libraries;

function isPresent({ program, file }) {
  if (program !== undefined) {
    return (process.env.PATH ?? '').split(path.delimiter).some((folder) => existsSync(path.join(folder, program)));
  }
  if (file.startsWith('/')) return existsSync(file);
  libraries ??= spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).stdout ?? '';
  return libraries.includes(`\t${file} `) || ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib'].some((folder) => existsSync(path.join(folder, file)));
}

/** Names of those packages that are not here. Empty elsewhere than on Linux: there nothing is known about them. */
export function missingPackages(wanted) {
  return process.platform === 'linux' ? wanted.filter((entry) => !isPresent(entry)).map((entry) => entry.name) : [];
}

/**
 * As root on Debian installs the missing ones, saying which; otherwise prints the one command. Returns the names still missing;
 * never ends the program: what needs them says so by itself.
 */
export function ensureSystemPackages(wanted) {
  let missing = missingPackages(wanted);
  if (missing.length === 0) return missing;
  const isDebian = existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get');
  const isRoot = process.getuid?.() === 0;
  if (!isDebian || !isRoot) {
    say(`Not installed: ${missing.join(' ')}.`);
    if (isDebian) say(`  sudo apt-get install --no-install-recommends ${missing.join(' ')}`);
    else say('  Install them, or what your system calls them, and start again.');
    return missing;
  }
  say(`Installing system packages: ${missing.join(' ')} ...`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (args, seconds) => spawnSync('apt-get', args, { env: environment, encoding: 'utf8', timeout: seconds * 1000 });
  apt(['-qq', 'update'], 180);
  // One by one after a failure in common: a single unknown name must not keep the others away.
  const install = (names) => apt(['-qq', '-y', '--no-install-recommends', 'install', ...names], 900);
  if (install(missing).status !== 0) for (const name of missing) install([name]);
  libraries = undefined;
  missing = missingPackages(wanted);
  if (missing.length > 0) say(`Could not be installed: ${missing.join(' ')}.`);
  return missing;
}
