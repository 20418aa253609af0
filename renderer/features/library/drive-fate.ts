import type { DriveKind, ImageReport } from '../../../main/contract/library.ts';
import { byteCount } from '../../ui/wording.ts';

const DRIVE_FATE: Record<DriveKind, string> = {
  floppy: 'A copy goes into floppy drive A; our own firmware starts it. The guest may change the copy.',
  cdrom: 'A copy goes into the CD-ROM drive; our own firmware starts it. It is never changed.',
  disk: 'A copy becomes the first hard disk; our own firmware starts it. The guest may change the copy.',
};

/** What becomes of an image that is for a drive, in sentences; undefined for one that is loaded into memory. */
export function fateOf(report: ImageReport): string | undefined {
  if (report.drive === null) return undefined;
  if (report.imports === null) return DRIVE_FATE[report.drive];
  const { disks } = report.imports;
  const images = disks.map(({ name, bytes }) => `${name} (${byteCount(bytes)})`).join(', ');
  const made =
    disks.length === 1 ? `It is converted to a qcow2 image, ${images}` : `Its disks are converted to qcow2 images: ${images}`;
  return `${made}; our own firmware starts it. The file itself is not touched.`;
}
