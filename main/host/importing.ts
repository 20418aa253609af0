/**
 * Disks and appliances of other programs (VMDK, VDI, OVA) on their way into a machine: what they are, and their disks as qcow2 images. The files are read where
 * they are, and again when the disks are made. Main thread.
 */
import { basename, dirname, extname, isAbsolute, join } from 'node:path';
import { sectorBytes, type BlockDevice } from '../../engine/storage/block-device.ts';
import { convertToQcow2 } from '../../engine/storage/convert.ts';
import { openHostFile, type ImageFile } from '../../engine/storage/image-file.ts';
import { foreignFormat, openForeignDisk, type ForeignFormat } from '../../engine/storage/import/foreign.ts';
import { openAppliance } from '../../engine/storage/import/ova.ts';
import type { FileSource } from '../contract/library.ts';
import { CPU_MAXIMUM, MEMORY_MAXIMUM, MEMORY_UNIT } from '../contract/machine.ts';
import { emptyDisk, lookAt, openSource, storageFailure } from './drive-image.ts';
import { HostError } from './errors.ts';
import type { NewFile } from './library.ts';
import { safeFileName } from './library.ts';
import { formatSize } from './memory-size.ts';

export interface ImportedDisk {
  /** Of the disk. */
  bytes: number;
  /** The image in the machine's folder, made of it. */
  file: NewFile;
  /** Bytes that are read to make it; 0 for an empty one. */
  work: number;
}

/** What would become of such a file. */
export interface Imported {
  format: ForeignFormat;
  /** One sentence. */
  description: string;
  /** Absent: as the file is called. */
  name?: string;
  cpus?: number;
  memoryBytes?: number;
  disks: ImportedDisk[];
  /** What will not be as it was: a sentence each. */
  warnings: string[];
}

/** The name that a file has where it comes from. */
export const nameOf = (source: FileSource): string => basename(source.kind === 'path' ? source.path : source.name);

/** Opens files beside the source's; undefined where it has no folder. */
function neighbours(source: FileSource): ((name: string) => ImageFile) | undefined {
  return source.kind === 'path' && isAbsolute(source.path)
    ? (name) => openHostFile(join(dirname(source.path), name), false)
    : undefined;
}

/** What the file is if another program made it; undefined otherwise. Throws HostError when it is one that cannot be taken over. */
export function findImport(source: FileSource): Imported | undefined {
  return lookAt(source, (file) => {
    const format = foreignFormat(file);
    if (format === undefined) return undefined;
    return format === 'ova' ? appliance(source, file) : singleDisk(source, file, format);
  });
}

const FORMAT_NAMES = { vmdk: 'VMDK', vdi: 'VDI' } as const;

function singleDisk(source: FileSource, file: ImageFile, format: 'vmdk' | 'vdi'): Imported {
  const { device, kind } = openForeignDisk(file, format, neighbours(source));
  const { bytes } = device;
  device.close();
  const open = (): BlockDevice => openForeignDisk(openSource(source), format, neighbours(source)).device;
  return {
    format,
    description: `Hard disk, ${formatSize(bytes)} (${FORMAT_NAMES[format]} image, ${kind}).`,
    disks: [converted(nameOf(source), bytes, open, new Set())],
    warnings: [],
  };
}

function appliance(source: FileSource, file: ImageFile): Imported {
  const { appliance: found, disk } = openAppliance(file);
  const taken = new Set<string>();
  const warnings: string[] = [];
  const disks = found.disks.map(({ file: name }, index) => {
    const inner = disk(index);
    const format = foreignFormat(inner);
    if (format !== 'vmdk' && format !== 'vdi') {
      throw new HostError(
        'BAD_IMAGE',
        `${nameOf(source)} cannot be taken over: its disk ${name} is neither a VMDK nor a VDI image.`,
      );
    }
    const { bytes } = openForeignDisk(inner, format).device;
    const open = (): BlockDevice => {
      const whole = openSource(source);
      try {
        return openForeignDisk(openAppliance(whole).disk(index), format).device;
      } catch (error) {
        whole.close();
        throw error;
      }
    };
    return converted(name, bytes, open, taken);
  });
  found.emptyDisks.forEach((bytes, index) => {
    const name = freeName(`empty-${index + 1}`, taken);
    const whole = Math.ceil(bytes / sectorBytes) * sectorBytes;
    disks.push({ bytes: whole, work: 0, file: { name, bytes: emptyDisk(whole) } });
  });
  if (disks.length === 0) throw new HostError('BAD_IMAGE', `${nameOf(source)} cannot be taken over: it has no hard disk.`);
  if (found.firmware === 'efi')
    warnings.push(
      'It is set up for EFI firmware. Vitrine’s is a BIOS: unless the disk also starts from a BIOS, the machine will not find a system on it.',
    );
  if (found.networkCards > 0)
    warnings.push(
      `${found.networkCards === 1 ? 'Its network card is' : `Its ${found.networkCards} network cards are`} left out: machines have no network yet.`,
    );
  if (found.otherDevices.length > 0) warnings.push(`Left out as well: ${found.otherDevices.join(', ')}.`);
  const cpus = found.cpus === undefined ? undefined : Math.min(CPU_MAXIMUM, Math.max(1, found.cpus));
  if (found.cpus !== undefined && cpus !== found.cpus)
    warnings.push(`It has ${found.cpus} processors, and gets ${cpus}, which is the most.`);
  const memory =
    found.memoryBytes === undefined
      ? undefined
      : Math.min(MEMORY_MAXIMUM, Math.max(MEMORY_UNIT, Math.ceil(found.memoryBytes / MEMORY_UNIT) * MEMORY_UNIT));
  if (found.memoryBytes !== undefined && memory !== undefined && memory < found.memoryBytes)
    warnings.push(`It has ${formatSize(found.memoryBytes)} of memory, and gets ${formatSize(memory)}, which is the most.`);
  return {
    format: 'ova',
    description: `Appliance with ${disks.length === 1 ? 'one hard disk' : `${disks.length} hard disks`} of ${disks.map(({ bytes }) => formatSize(bytes)).join(', ')} (OVA).`,
    ...(found.name === '' ? {} : { name: found.name }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memoryBytes: memory }),
    disks,
    warnings,
  };
}

function converted(name: string, bytes: number, open: () => BlockDevice, taken: Set<string>): ImportedDisk {
  const plain = basename(name, extname(name));
  return {
    bytes,
    work: bytes,
    file: {
      name: freeName(safeFileName(plain, 'disk'), taken),
      async make(target, advance) {
        try {
          const device = open();
          try {
            await convertToQcow2(device, target, advance);
          } finally {
            device.close();
          }
        } catch (error) {
          throw storageFailure(error) ?? error;
        }
      },
    },
  };
}

function freeName(stem: string, taken: Set<string>): string {
  let name = `${stem}.qcow2`;
  for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${stem}-${number}.qcow2`;
  taken.add(name.toLowerCase());
  return name;
}
