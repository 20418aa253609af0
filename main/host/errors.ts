import type { ErrorCode } from '../contract/errors.ts';
import { MachineError } from '../../engine/machine/machine.ts';

/** Every refusal of the host: a code of the contract, and the sentence that people read. */
export class HostError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'HostError';
  }
}

function systemCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

/** True for a system error (`errno`) of this code. */
export function isSystemError(error: unknown, code: string): boolean {
  return systemCode(error) === code;
}

const SENTENCES: Record<string, (what: string) => { code: ErrorCode; message: string }> = {
  ENOENT: (what) => ({ code: 'UNREADABLE', message: `${what} does not exist.` }),
  EEXIST: (what) => ({ code: 'CONFLICT', message: `${what}: a file of that name stands where a folder should be.` }),
  EACCES: (what) => ({ code: 'UNREADABLE', message: `${what}: permission denied.` }),
  EPERM: (what) => ({ code: 'UNREADABLE', message: `${what}: the system does not permit it.` }),
  EISDIR: (what) => ({ code: 'UNREADABLE', message: `${what} is a folder, not a file.` }),
  ENOTDIR: (what) => ({ code: 'UNREADABLE', message: `${what}: a part of the path is not a folder.` }),
  EROFS: (what) => ({ code: 'UNREADABLE', message: `${what}: the file system is read-only.` }),
  ENAMETOOLONG: (what) => ({ code: 'UNREADABLE', message: `${what}: the name is too long.` }),
  ELOOP: (what) => ({ code: 'UNREADABLE', message: `${what}: too many symbolic links.` }),
  EMFILE: (what) => ({ code: 'UNREADABLE', message: `${what}: this process has too many files open.` }),
  EIO: (what) => ({ code: 'UNREADABLE', message: `${what}: the disk reported an error.` }),
  ENOSPC: (what) => ({ code: 'NO_SPACE', message: `${what}: the disk is full. What was there before is unchanged.` }),
  EDQUOT: (what) => ({ code: 'NO_SPACE', message: `${what}: the disk quota is used up. What was there before is unchanged.` }),
};

/**
 * The same failure as a sentence. `what` is the subject, for instance a path. A `HostError` stays as it is; what is
 * neither a system's nor the engine's refusal is a defect and comes back unchanged.
 */
export function explain(error: unknown, what: string): Error {
  if (error instanceof HostError) return error;
  if (error instanceof MachineError) return new HostError(MACHINE_CODES[error.code], error.message, { cause: error });
  const code = systemCode(error);
  const sentence = code === undefined ? undefined : SENTENCES[code];
  if (sentence) {
    const { code: hostCode, message } = sentence(what);
    return new HostError(hostCode, message, { cause: error });
  }
  return error instanceof Error ? error : new Error(String(error));
}

const MACHINE_CODES: Record<MachineError['code'], ErrorCode> = {
  'bad-configuration': 'BAD_INPUT',
  'bad-image': 'BAD_IMAGE',
  'too-large': 'TOO_LARGE',
  'wrong-state': 'WRONG_STATE',
  'not-supported': 'NOT_SUPPORTED',
  'no-memory': 'NO_MEMORY',
  'bad-state': 'BAD_STATE',
  'no-space': 'NO_SPACE',
  'file-failed': 'UNREADABLE',
  cancelled: 'CANCELLED',
  crashed: 'CRASHED',
};
