import { spawnSync } from 'node:child_process';
import { good, type Checker, type Finding } from './checker.ts';
import { electronProgram } from './electron-program.ts';

/** Beginnings of libraries' file names, and the packages of Debian that have them. */
const PACKAGES: readonly (readonly [string, string])[] = [
  ['libgtk-3', 'libgtk-3-0'],
  ['libgdk-3', 'libgtk-3-0'],
  ['libnss', 'libnss3'],
  ['libsmime3', 'libnss3'],
  ['libnspr4', 'libnspr4'],
  ['libasound', 'libasound2'],
  ['libgbm', 'libgbm1'],
  ['libdrm', 'libdrm2'],
  ['libatk-bridge', 'libatk-bridge2.0-0'],
  ['libatspi', 'libatspi2.0-0'],
  ['libatk', 'libatk1.0-0'],
  ['libcups', 'libcups2'],
  ['libxkbcommon', 'libxkbcommon0'],
  ['libpango', 'libpango-1.0-0'],
  ['libcairo', 'libcairo2'],
  ['libdbus', 'libdbus-1-3'],
  ['libX11', 'libx11-6'],
  ['libxcb', 'libxcb1'],
  ['libXcomposite', 'libxcomposite1'],
  ['libXdamage', 'libxdamage1'],
  ['libXext', 'libxext6'],
  ['libXfixes', 'libxfixes3'],
  ['libXrandr', 'libxrandr2'],
  ['libexpat', 'libexpat1'],
  ['libudev', 'libudev1'],
];

/** The libraries that `ldd` did not find. */
export function missingLibraries(listing: string): string[] {
  return [...listing.matchAll(/^\s*(\S+) => not found/gm)].flatMap(([, name]) => name ?? []);
}

export function judgeLibraries(missing: readonly string[]): Finding {
  if (missing.length === 0) return good('Every system library that the app’s program names is there.');
  const packages = missing.map((name) => PACKAGES.find(([start]) => name.startsWith(start))?.[1]);
  const known = [...new Set(packages.filter((name) => name !== undefined))];
  return {
    outcome: 'warning',
    description: `The app cannot start without ${missing.join(', ')}. The command line and vitrine serve do not need ${missing.length === 1 ? 'it' : 'them'}.`,
    fixes:
      known.length > 0
        ? [`On Debian: sudo apt-get install --no-install-recommends ${known.join(' ')}`]
        : ['Install the packages of your system that have them.'],
  };
}

export const appLibraries: Checker = {
  id: 'app-libraries',
  category: 'host',
  title: 'Libraries of the app',
  notApplicable() {
    if (process.platform !== 'linux') return 'The app brings its libraries along on this system.';
    return electronProgram() === undefined ? 'The app’s program is not here yet; npm start gets it.' : undefined;
  },
  check() {
    const listing = spawnSync('ldd', [electronProgram() ?? ''], { encoding: 'utf8', timeout: 15_000 });
    if (listing.error || listing.status !== 0) return good('They could not be listed (ldd is missing or failed).');
    return judgeLibraries(missingLibraries(listing.stdout));
  },
};
