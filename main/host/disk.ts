import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * The steps by which the host changes the disk. All changes of a library go through one `Disk`, so that a test can end the
 * program after any of them and look at what is left.
 */
export interface Disk {
  readFile(path: string): Promise<Buffer>;
  /** Creates or truncates, writes everything, and brings it to the medium (`fsync`) before it closes. */
  writeDurably(path: string, bytes: Uint8Array): Promise<void>;
  /** `advance` hears of each piece; what it throws ends the copy, which then is not whole. */
  copyFile(from: string, to: string, advance?: (bytes: number) => void): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes the entries of a folder durable. */
  syncFolder(path: string): Promise<void>;
  /** With its parents; no error if it is there. */
  makeFolder(path: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  /** With everything in it; no error if it is not there. */
  removeTree(path: string): Promise<void>;
  /** Fails if `to` exists: the one atomic "create with content" there is. */
  link(from: string, to: string): Promise<void>;
  list(path: string): Promise<{ name: string; folder: boolean }[]>;
  /** Undefined if there is no such thing. */
  status(path: string): Promise<{ size: number; folder: boolean; /** Milliseconds since 1970. */ modified: number } | undefined>;
}

/**
 * With its parents. Not `recursive: true`: where the system says ENOENT below a folder that exists (/proc), Node 20 tries again
 * for ever.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await fs.mkdir(path);
  } catch (error) {
    if (hasCode(error, 'EEXIST') && (await fs.stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (!hasCode(error, 'ENOENT') || parent === path || (await isThere(parent))) throw error;
    await makeFolder(parent);
    await makeFolder(path);
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await fs.stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows opens no folders; its rename is durable by the journal.
  if (process.platform === 'win32') return;
  const handle = await fs.open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await fs.open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const PIECE_BYTES = 1024 * 1024;

async function copyInPieces(from: string, to: string, advance: (bytes: number) => void): Promise<void> {
  const source = await fs.open(from, 'r');
  try {
    const target = await fs.open(to, 'w', 0o644);
    try {
      const piece = new Uint8Array(PIECE_BYTES);
      for (;;) {
        const { bytesRead } = await source.read(piece, 0, PIECE_BYTES);
        if (bytesRead === 0) return;
        for (let written = 0; written < bytesRead; ) {
          written += (await target.write(piece, written, bytesRead - written)).bytesWritten;
        }
        advance(bytesRead);
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** The real one. */
export const nodeDisk: Disk = {
  readFile: (path) => fs.readFile(path),
  async writeDurably(path, bytes) {
    const handle = await fs.open(path, 'w', 0o644);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async copyFile(from, to, advance) {
    if (advance) await copyInPieces(from, to, advance);
    else await fs.copyFile(from, to);
    // A copy keeps the mode of its source; the machine's own copy must be writable to its owner.
    await fs.chmod(to, 0o644);
    await syncFile(to);
  },
  rename: (from, to) => fs.rename(from, to),
  syncFolder,
  makeFolder,
  removeFile: (path) => fs.unlink(path),
  removeTree: (path) => fs.rm(path, { recursive: true, force: true }),
  link: (from, to) => fs.link(from, to),
  async list(path) {
    const entries = await fs.readdir(path, { withFileTypes: true });
    return Promise.all(
      entries.map(async (entry) => ({
        name: entry.name,
        folder:
          entry.isDirectory() ||
          (entry.isSymbolicLink() &&
            (await fs.stat(`${path}/${entry.name}`).then(
              (status) => status.isDirectory(),
              // A dangling link leads to no folder.
              () => false,
            ))),
      })),
    );
  },
  async status(path) {
    try {
      const status = await fs.stat(path);
      return { size: status.size, folder: status.isDirectory(), modified: status.mtimeMs };
    } catch (error) {
      if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
      throw error;
    }
  },
};
