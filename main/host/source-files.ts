import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import type { FileReader } from '../../engine/assembler/preprocessor.ts';
import { isSystemError } from './errors.ts';

/** Larger files are neither included nor embedded. */
const FILE_LIMIT = 64 * 1024 * 1024;

/** System errors that mean: it is not to be had here; look at the next place. */
const ABSENT = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG', 'EISDIR'];

/**
 * Finds what a source includes or embeds: beside the file that asks, then in `folders`. Unless `anywhere`, nothing outside of
 * `folders` is read, whatever names and symbolic links say: a source may come from somebody who may not read this computer. A file in the first folder is called by its path from there.
 */
export function sourceFiles(folders: readonly string[], anywhere: boolean): FileReader {
  const roots = folders.flatMap((folder) => real(folder) ?? []);
  const allowed = (path: string): boolean => anywhere || roots.some((root) => path === root || path.startsWith(root + sep));
  const shown = (place: string, file: string): string => {
    // By the name that was asked for: a link has another one.
    const first = resolve(folders[0] ?? '.');
    if (place.startsWith(first + sep)) return place.slice(first.length + 1);
    const [root] = roots;
    return root !== undefined && file.startsWith(root + sep) ? file.slice(root.length + 1) : file;
  };
  return (path, from) => {
    const places = isAbsolute(path) ? [path] : [join(dirname(resolve(folders[0] ?? '.', from)), path), ...folders.map((folder) => join(folder, path))];
    for (const place of places) {
      const file = real(place);
      if (file === undefined || !allowed(file)) continue;
      const bytes = read(file);
      if (bytes) return { path: shown(resolve(place), file), bytes, text: new TextDecoder().decode(bytes) };
    }
    return undefined;
  };
}

function real(path: string): string | undefined {
  return unlessAbsent(() => realpathSync(path));
}

function read(path: string): Uint8Array | undefined {
  return unlessAbsent(() => {
    const status = statSync(path);
    return status.isFile() && status.size <= FILE_LIMIT ? new Uint8Array(readFileSync(path)) : undefined;
  });
}

function unlessAbsent<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    if (ABSENT.some((code) => isSystemError(error, code))) return undefined;
    throw error;
  }
}
