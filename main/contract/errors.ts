import { oc } from '@orpc/contract';

/**
 * Every refusal that crosses the contract: a code for programs; the message is one sentence for people, which says what is
 * wrong and, where there is one, what to do. The sentences below are only used where the host has no better one.
 */
export const errorMap = {
  NOT_FOUND: { status: 404, message: 'There is no such thing in this library.' },
  /** The request is well formed, but its content is refused: a name, a size, a text. */
  BAD_INPUT: { status: 422, message: 'The request cannot be carried out as it was made.' },
  /** The file is not what it should be (empty, truncated, another format). */
  BAD_IMAGE: { status: 422, message: 'The image cannot be used.' },
  /** An image larger than the memory of its machine, or a file larger than what may come this way. */
  TOO_LARGE: { status: 413, message: 'This is too large.' },
  /** The file cannot be read, or the folder cannot be written. */
  UNREADABLE: { status: 422, message: 'The file cannot be read.' },
  /** The machine is not in a state in which this can be done. */
  WRONG_STATE: { status: 409, message: 'The machine cannot do that now.' },
  /** The name is taken. */
  CONFLICT: { status: 409, message: 'There is one of that name already.' },
  /** `machine.json` cannot be opened: damaged, or from a newer version. It is left as it is. */
  BROKEN: { status: 409, message: 'The machine cannot be opened.' },
  /** The machine's saved state cannot be resumed; it can be discarded. It is left as it is. */
  BAD_STATE: { status: 409, message: 'The saved state cannot be resumed.' },
  /** Somebody ended it before it was done. */
  CANCELLED: { status: 409, message: 'This was cancelled.' },
  /** Another program has this library open. */
  LIBRARY_BUSY: { status: 423, message: 'The library is in use by another program.' },
  /** The disk is full. What was there before is intact. */
  NO_SPACE: { status: 507, message: 'The disk is full; nothing was changed.' },
  /** The computer has no room for the machine's memory. */
  NO_MEMORY: { status: 507, message: 'There is not enough memory for the machine.' },
  /** This front, or this version, cannot do that. */
  NOT_SUPPORTED: { status: 501, message: 'This is not supported.' },
  /** The machine's engine failed. The machine is off, its files are intact. */
  CRASHED: { status: 500, message: 'The machine failed.' },
} as const;

/** A code of {@link errorMap}. */
export type ErrorCode = keyof typeof errorMap;

/** The base of every procedure: the errors it may end with. */
export const procedure = oc.errors(errorMap);
