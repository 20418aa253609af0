import { realpathSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, sep } from 'node:path';
import { detectImage } from '../../engine/firmware/detect.ts';
import type { BootSource } from '../../engine/machine/machine.ts';
import type { Creation, CreationSource, DriveKind, FileSource, ImageReport } from '../contract/library.ts';
import { machineName, MEMORY_MINIMUM, MEMORY_UNIT } from '../contract/machine.ts';
import { checkBoot, decodeSource, type BootTools } from './boot.ts';
import { checkPlaces, draftDrives, isNamed, placeFor } from './drive-drafting.ts';
import { emptyDisk, findDrive, lookAt } from './drive-image.ts';
import { HostError } from './errors.ts';
import { readImage } from './image.ts';
import { findImport, nameOf, type Imported } from './importing.ts';
import type { NewFile } from './library.ts';
import { safeFileName } from './library.ts';
import type { MachineFile, MachineFileBoot } from './machine-file.ts';
import { MACHINE_FILE_VERSION } from './machine-file.ts';
import { readSamples, sampleFiles } from './samples.ts';

const PROPOSED_SMALL = 16 * MEMORY_UNIT;
const PROPOSED_LARGE = 128 * MEMORY_UNIT;

interface Draft {
  boot: MachineFileBoot;
  files: NewFile[];
  name: string;
  note?: string;
  sample?: string;
  /** The guest's kernel is listened to at VMCALL. */
  hypercalls?: true;
  whenSessionEnds?: 'suspend' | 'run';
  memoryBytes: number;
  cpus?: number;
  drives?: MachineFile['drives'];
  /** Bytes of images that are copied from their paths; 0 or absent: nothing that takes long. */
  copiedBytes?: number;
  /** What would be booted, to be checked against the memory; absent if only the assembler can tell. */
  check?: BootSource;
}

/** The bytes of a file, wherever it comes from, and the name it had. */
async function fetchFile(tools: BootTools, source: FileSource, what: string): Promise<{ name: string; bytes: Uint8Array }> {
  if (source.kind === 'bytes') {
    if (source.bytes.byteLength === 0) throw new HostError('BAD_IMAGE', `The ${what} ${source.name} is empty.`);
    return { name: basename(source.name), bytes: source.bytes };
  }
  if (!isAbsolute(source.path))
    throw new HostError('BAD_INPUT', `The ${what} must be named by its whole path, not ${source.path}.`);
  return { name: basename(source.path), bytes: await readImage(tools.disk, source.path, what) };
}

function roundUp(bytes: number): number {
  return Math.max(MEMORY_MINIMUM, Math.ceil(bytes / MEMORY_UNIT) * MEMORY_UNIT);
}

/** What another program's image would become; undefined if it is none. What cannot be looked at is left to those who read it whole. */
async function findForeign(tools: BootTools, source: FileSource): Promise<Imported | undefined> {
  return (await canBeLookedAt(tools, source)) ? findImport(source) : undefined;
}

async function canBeLookedAt(tools: BootTools, source: FileSource): Promise<boolean> {
  if (source.kind === 'bytes') return true;
  if (!isAbsolute(source.path)) return false;
  const status = await tools.disk.status(source.path);
  return status !== undefined && !status.folder;
}

/** The drive that an image is for, if it is for one. What cannot be looked at is left to those who read it whole, and to their sentences. */
async function findFor(
  tools: BootTools,
  source: FileSource,
): Promise<{ name: string; size: number; kind: DriveKind; description: string } | undefined> {
  if (!(await canBeLookedAt(tools, source))) return undefined;
  return lookAt(source, (file) => {
    const found = findDrive(file);
    return found && { ...found, name: nameOf(source), size: file.length };
  });
}

/** What would become of a file. */
export async function inspectImage(tools: BootTools, source: FileSource): Promise<ImageReport> {
  const foreign = await findForeign(tools, source);
  if (foreign) {
    const { description, name, cpus, memoryBytes, disks, warnings } = foreign;
    return {
      name: nameOf(source),
      size: lookAt(source, (file) => file.length),
      as: null,
      drive: 'disk',
      description,
      memoryMinimum: MEMORY_MINIMUM,
      memoryProposed: memoryBytes ?? PROPOSED_LARGE,
      imports: {
        name: name ?? null,
        cpus: cpus ?? null,
        disks: disks.map(({ file, bytes }) => ({ name: file.name, bytes })),
        warnings,
      },
    };
  }
  const drive = await findFor(tools, source);
  if (drive) {
    const { name, size, kind, description } = drive;
    return {
      name,
      size,
      as: null,
      drive: kind,
      description,
      memoryMinimum: MEMORY_MINIMUM,
      memoryProposed: PROPOSED_LARGE,
      imports: null,
    };
  }
  const { name, bytes } = await fetchFile(tools, source, 'image');
  const finding = detectImage(bytes);
  // A megabyte below which nothing is loaded, and one to run in.
  const memoryMinimum = finding.as === 'bios' ? MEMORY_MINIMUM : roundUp(bytes.byteLength + 2 * MEMORY_UNIT);
  const proposed = finding.as === 'boot-sector' ? PROPOSED_SMALL : PROPOSED_LARGE;
  return {
    name,
    size: bytes.byteLength,
    as: finding.as ?? null,
    drive: null,
    description: finding.description,
    memoryMinimum,
    memoryProposed: Math.max(memoryMinimum, proposed),
    imports: null,
  };
}

/** A new machine as the library will hold it: its file, and what is copied beside it. Everything is checked before anything is written. */
export async function draftMachine(
  tools: BootTools,
  request: Creation,
): Promise<{ file: MachineFile; files: NewFile[]; copiedBytes: number }> {
  const draft = await draftFrom(tools, request.source);
  const more = await draftDrives(tools.disk, request.drives ?? [], false, (name) => isNamed(draft.files, name));
  const drives = [...(draft.drives ?? []), ...more.drives];
  checkPlaces(drives);
  const memoryBytes = request.memoryBytes ?? draft.memoryBytes;
  if (draft.check) checkBoot(draft.check, memoryBytes, 'file' in draft.boot ? draft.boot.file : 'The firmware');
  const note = request.note ?? draft.note;
  const file: MachineFile = {
    format: 'vitrine-machine',
    version: MACHINE_FILE_VERSION,
    name: request.name ?? machineName.catch('Machine').parse(draft.name),
    ...(note === undefined ? {} : { note }),
    ...(draft.sample === undefined ? {} : { sample: draft.sample }),
    ...(draft.hypercalls === undefined ? {} : { guard: { hypercalls: draft.hypercalls } }),
    ...(draft.whenSessionEnds === undefined ? {} : { display: { whenSessionEnds: draft.whenSessionEnds } }),
    created: new Date().toISOString(),
    cpus: request.cpus ?? draft.cpus ?? 1,
    memoryMiB: memoryBytes / MEMORY_UNIT,
    clock: request.clock ?? 'wall',
    boot: draft.boot,
    ...(drives.length === 0 ? {} : { drives }),
    ...(request.bootOrder ? { bootOrder: request.bootOrder } : {}),
  };
  return { file, files: [...draft.files, ...more.files], copiedBytes: (draft.copiedBytes ?? 0) + more.copiedBytes };
}

function draftFrom(tools: BootTools, source: CreationSource): Promise<Draft> {
  switch (source.kind) {
    case 'sample':
      return fromSample(tools, source.sample);
    case 'image':
      return fromImage(tools, source);
    case 'drives':
      return fromDrives(tools, source);
    case 'assembly':
      return fromAssembly(tools, source.file);
    case 'assembly-text': {
      const file = 'guest.asm';
      return Promise.resolve({
        boot: { kind: 'assembly', file },
        files: [{ name: file, bytes: new TextEncoder().encode(source.text) }],
        name: 'Assembly',
        memoryBytes: PROPOSED_SMALL,
      });
    }
  }
}

async function fromSample(tools: BootTools, id: string): Promise<Draft> {
  const sample = (await readSamples(tools.disk, tools.guests)).find((one) => one.id === id);
  if (!sample) throw new HostError('NOT_FOUND', `There is no sample named ${id}.`);
  // The sources are copied, so that they can be changed.
  const names = await sampleFiles(tools.disk, tools.guests, sample);
  const files: NewFile[] = names.map((name) => ({ name, copyOf: join(tools.guests, name) }));
  const drives: Draft['drives'] = sample.disk === undefined ? undefined : [{ kind: 'disk', file: 'disk.qcow2', format: 'qcow2' }];
  if (sample.disk !== undefined) files.push({ name: 'disk.qcow2', bytes: emptyDisk(sample.disk) });
  return {
    ...(drives === undefined ? {} : { drives }),
    boot: { kind: 'assembly', file: sample.file },
    files,
    name: sample.name,
    note: sample.summary,
    sample: sample.id,
    memoryBytes: sample.memoryBytes,
    cpus: sample.cpus,
    hypercalls: sample.hypercalls,
    whenSessionEnds: sample.whenSessionEnds,
  };
}

async function fromAssembly(tools: BootTools, source: FileSource): Promise<Draft> {
  const { name, bytes } = await fetchFile(tools, source, 'source');
  const text = decodeSource(bytes, name);
  const file = safeFileName(name, 'guest.asm');
  const parts = source.kind === 'path' ? partsOf(tools, source.path, text) : [];
  return {
    boot: { kind: 'assembly', file },
    files: [{ name: file, bytes }, ...parts],
    name: basename(name, extname(name)),
    memoryBytes: PROPOSED_SMALL,
  };
}

/** What a source includes and embeds, to be copied with it under the names by which it asks. What it asks for in vain is said when it is assembled. */
function partsOf(tools: BootTools, path: string, text: string): NewFile[] {
  const folder = realpathSync(dirname(path));
  const shipped = realpathSync(tools.guests);
  const { files = [] } = tools.assemble({ name: basename(path), text, folders: [folder, tools.guests], anywhere: true });
  return files.slice(1).flatMap((part) => {
    // Shipped sources are found from every machine's folder.
    if (part.startsWith(shipped + sep)) return [];
    if (isAbsolute(part))
      throw new HostError('BAD_INPUT', `${basename(path)} includes ${part}, which is not in its folder. A machine keeps its sources: put them into one folder, or below it.`);
    return [{ name: part.split(sep).join('/'), copyOf: join(folder, part) }];
  });
}

async function fromImage(tools: BootTools, source: Extract<CreationSource, { kind: 'image' }>): Promise<Draft> {
  const foreign = source.as ? undefined : await findForeign(tools, source.file);
  if (foreign) return fromForeign(source, foreign);
  const drive = source.as ? undefined : await findFor(tools, source.file);
  if (drive) {
    if (source.initrd || source.commandLine)
      throw new HostError('BAD_INPUT', 'Only a kernel takes an initial RAM disk and a command line.');
    return fromDrives(tools, {
      kind: 'drives',
      drives: [{ kind: drive.kind, file: source.file }],
      vgaBios: source.vgaBios,
      link: source.link,
    });
  }
  const files: NewFile[] = [];
  const place = async (from: FileSource, what: string, fallback: string): Promise<{ reference: string; bytes: Uint8Array }> => {
    const { name, bytes } = await fetchFile(tools, from, what);
    if (source.link) {
      if (from.kind !== 'path') throw new HostError('BAD_INPUT', `The ${what} can only be linked by its path.`);
      return { reference: from.path, bytes };
    }
    const safe = safeFileName(name, fallback);
    const reference = files.some((file) => file.name === safe) ? `${fallback}-${safe}` : safe;
    files.push({ name: reference, bytes });
    return { reference, bytes };
  };

  const { reference, bytes } = await place(source.file, 'image', 'image');
  const finding = detectImage(bytes);
  const as = source.as ?? finding.as;
  if (as === undefined) throw new HostError('BAD_IMAGE', `${reference} cannot be started. ${finding.description}`);
  const shape = {
    name: basename(reference, extname(reference)),
    memoryBytes: (await inspectImage(tools, source.file)).memoryProposed,
  };
  if (as !== 'kernel' && (source.initrd || source.commandLine)) {
    throw new HostError('BAD_INPUT', 'Only a kernel takes an initial RAM disk and a command line.');
  }
  if (as !== 'bios' && source.vgaBios) throw new HostError('BAD_INPUT', 'Only a machine with firmware takes a VGA firmware.');
  switch (as) {
    case 'kernel': {
      const initrd = source.initrd ? await place(source.initrd, 'initial RAM disk', 'initrd') : undefined;
      const boot: MachineFileBoot = { kind: 'kernel', file: reference };
      if (initrd) boot.initrd = initrd.reference;
      if (source.commandLine) boot.commandLine = source.commandLine;
      const memoryBytes = roundUp(shape.memoryBytes + 2 * (initrd?.bytes.byteLength ?? 0));
      const check: BootSource = { kind: 'kernel', image: bytes, initrd: initrd?.bytes, commandLine: boot.commandLine };
      return { ...shape, boot, files, memoryBytes, check };
    }
    case 'boot-sector':
      return { ...shape, boot: { kind: 'boot-sector', file: reference }, files, check: { kind: 'boot-sector', image: bytes } };
    case 'bios': {
      const vgaBios = source.vgaBios ? await place(source.vgaBios, 'VGA firmware', 'vga') : undefined;
      const boot: MachineFileBoot = { kind: 'bios', file: reference };
      if (vgaBios) boot.vgaBios = vgaBios.reference;
      return { ...shape, boot, files, check: { kind: 'bios', image: bytes, vgaBios: vgaBios?.bytes } };
    }
    case 'assembly':
      throw new HostError('BAD_INPUT', 'A source is not an image; create the machine from an assembly file.');
  }
}

/** An appliance, or a disk that another program made: its disks become images of ours. */
function fromForeign(source: Extract<CreationSource, { kind: 'image' }>, foreign: Imported): Draft {
  if (source.link) throw new HostError('BAD_INPUT', `${nameOf(source.file)} is converted, so it cannot be used where it is.`);
  if (source.initrd || source.commandLine || source.vgaBios)
    throw new HostError('BAD_INPUT', `${nameOf(source.file)} is started from its disk; nothing goes with it.`);
  const { disks, name, cpus, memoryBytes } = foreign;
  return {
    boot: { kind: 'own-bios' },
    files: disks.map(({ file }) => file),
    drives: disks.map(({ file }) => ({ kind: 'disk', file: file.name, format: 'qcow2' })),
    name: name ?? basename(nameOf(source.file), extname(nameOf(source.file))),
    memoryBytes: memoryBytes ?? PROPOSED_LARGE,
    ...(cpus === undefined ? {} : { cpus }),
    copiedBytes: disks.reduce((sum, { work }) => sum + work, 0),
  };
}

async function fromDrives(tools: BootTools, source: Extract<CreationSource, { kind: 'drives' }>): Promise<Draft> {
  const link = source.link ?? false;
  const { files, drives, copiedBytes } = await draftDrives(tools.disk, source.drives, link, () => false);
  checkPlaces(drives);
  const first = source.drives.find((drive) => 'file' in drive);
  const name = first && 'file' in first ? nameOf(first.file) : 'Blank';
  const shape = { files, drives, copiedBytes, name: basename(name, extname(name)), memoryBytes: PROPOSED_LARGE };
  if (!source.bios) {
    if (source.vgaBios)
      throw new HostError('BAD_INPUT', 'Our own firmware brings its VGA firmware; another goes with another firmware.');
    return { ...shape, boot: { kind: 'own-bios' } };
  }
  const image = (await fetchFile(tools, source.bios, 'firmware')).bytes;
  const vgaBios = source.vgaBios ? (await fetchFile(tools, source.vgaBios, 'VGA firmware')).bytes : undefined;
  const boot: MachineFileBoot = { kind: 'bios', file: placeFor(files, source.bios, link, 'firmware') };
  if (source.vgaBios) boot.vgaBios = placeFor(files, source.vgaBios, link, 'VGA firmware');
  return { ...shape, boot, check: { kind: 'bios', image, vgaBios } };
}
