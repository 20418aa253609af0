import type { DriveKind } from '../../../main/contract/library.ts';

/** What becomes of an image that is for a drive. */
export const DRIVE_FATE: Record<DriveKind, string> = {
  floppy: 'A copy goes into floppy drive A; our own firmware starts it. The guest may change the copy.',
  cdrom: 'A copy goes into the CD-ROM drive; our own firmware starts it. It is never changed.',
  disk: 'A copy becomes the first hard disk; our own firmware starts it. The guest may change the copy.',
};
