import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { HostError } from './errors.ts';

const packageFile = z.object({ name: z.string(), version: z.string() });

/**
 * The folder that holds `package.json`, `out/` and `assets/`: the first one above this file whose package is ours. The same
 * code runs from `main/host/`, from a bundle in `out/…/`, and from inside an installed application.
 */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, 'package.json');
    if (existsSync(candidate) && packageFile.safeParse(JSON.parse(readFileSync(candidate, 'utf8'))).data?.name === 'vitrine') {
      return folder;
    }
    const parent = dirname(folder);
    if (parent === folder) throw new Error('Vitrine’s own folder was not found above its program file.');
    folder = parent;
  }
}

/** This program's version. */
export function packageVersion(): string {
  return packageFile.parse(JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'))).version;
}

/** Samples, firmware, icons. */
export function assetsFolder(): string {
  return join(packageRoot(), 'assets');
}

/** Where the engine's worker programs are built. */
export function workerDirectory(): string {
  return join(packageRoot(), 'out', 'engine');
}

/**
 * The library: the option, else `VITRINE_LIBRARY`, else the person's data folder (XDG base directory specification; on
 * Windows and macOS the platform's own place).
 */
export function libraryFolder(option: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  const named = option ?? environment['VITRINE_LIBRARY'];
  if (named !== undefined) {
    if (named === '') throw new HostError('BAD_INPUT', 'The library’s folder is named by an empty text.');
    return resolve(named);
  }
  return join(dataFolder(environment), 'vitrine');
}

function dataFolder(environment: NodeJS.ProcessEnv): string {
  if (process.platform === 'win32') return environment['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support');
  const named = environment['XDG_DATA_HOME'];
  // The specification: a relative path is invalid and ignored.
  return named !== undefined && isAbsolute(named) ? named : join(homedir(), '.local', 'share');
}
