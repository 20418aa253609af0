/** The text of a VMDK disk: what kind it is, and of which files it is made ("Virtual Disk Format 5.0", VMware). */
import { damaged, unsupported } from './read-only-disk.ts';

export interface Extent {
  sectors: number;
  kind: 'sparse' | 'flat' | 'zero';
  /** A file's name without folders; empty for `zero`. */
  file: string;
  /** Sector of the file at which a flat extent begins. */
  start: number;
}

export interface VmdkDescriptor {
  /** For instance monolithicSparse. */
  type: string;
  extents: Extent[];
}

export const descriptorMagic = '# Disk DescriptorFile';
/** Descriptors are a page or two; more than this is none. */
export const mostDescriptorBytes = 1 << 20;
const mostExtents = 4096;
const noParent = 'ffffffff';

/** `path` is for messages. Throws StorageError 'corrupt' or 'unsupported'. */
export function readDescriptor(path: string, text: string): VmdkDescriptor {
  const end = text.indexOf('\0');
  const lines = (end < 0 ? text : text.slice(0, end)).split(/\r?\n/).map((line) => line.trim());
  if (lines[0]?.toLowerCase() !== descriptorMagic.toLowerCase()) throw damaged(path, 'its descriptor does not begin as one');
  const value = (key: string): string | undefined => {
    const line = lines.find(
      (one) => one.toLowerCase().startsWith(`${key.toLowerCase()}=`) || one.toLowerCase().startsWith(`${key.toLowerCase()} =`),
    );
    return line
      ?.slice(line.indexOf('=') + 1)
      .trim()
      .replace(/^"|"$/g, '');
  };
  const type = value('createType');
  if (type === undefined) throw damaged(path, 'its descriptor has no createType');
  const parent = value('parentCID');
  if (parent !== undefined && parent.toLowerCase() !== noParent) {
    throw unsupported(
      path,
      'it holds only the difference to another disk (a snapshot or a linked clone); make it whole in VMware first',
    );
  }
  const extents = lines.filter((line) => /^(RW|RDONLY|NOACCESS)\s/i.test(line)).map((line) => readExtent(path, line));
  if (extents.length === 0) throw damaged(path, 'its descriptor names no extent');
  if (extents.length > mostExtents) throw unsupported(path, `it is made of ${extents.length} parts`);
  return { type, extents };
}

function readExtent(path: string, line: string): Extent {
  const match = /^(RW|RDONLY|NOACCESS)\s+(\d+)\s+(\w+)(?:\s+"([^"]*)"(?:\s+(\d+))?)?\s*$/i.exec(line);
  const sectors = Number(match?.[2]);
  if (!match || !Number.isSafeInteger(sectors) || sectors <= 0)
    throw damaged(path, `its descriptor has the line "${line.slice(0, 80)}"`);
  if (match[1]?.toUpperCase() === 'NOACCESS') throw unsupported(path, 'a part of it is not to be read');
  const word = (match[3] ?? '').toLowerCase();
  if (word === 'zero') return { sectors, kind: 'zero', file: '', start: 0 };
  const kind = word === 'sparse' ? 'sparse' : word === 'flat' || word === 'vmfs' ? 'flat' : undefined;
  if (kind === undefined) throw unsupported(path, `a part of it is of the kind ${match[3]}`);
  const file = match[4] ?? '';
  // The name comes from a stranger: it may not lead out of the disk's own folder.
  if (file === '' || /[/\\\0]/.test(file) || file === '..' || file === '.')
    throw unsupported(path, `it names the part "${file}", which is not a file beside it`);
  const start = Number(match[5] ?? 0);
  if (!Number.isSafeInteger(start)) throw damaged(path, `its descriptor has the line "${line.slice(0, 80)}"`);
  return { sectors, kind, file, start };
}
