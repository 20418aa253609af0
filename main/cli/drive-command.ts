import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { DriveKind, MachineDrives, NewDrive } from '../contract/library.ts';
import { formatSize, parseDiskSize } from '../host/memory-size.ts';
import { libraryFolder } from '../host/places.ts';
import { usage } from './exit.ts';
import { libraryOptions, repeated, table } from './library-commands.ts';
import { findMachine, withLibrary, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

interface DriveOptions {
  library?: string;
  json?: boolean;
  addDisk?: string[];
  addCdrom?: string[];
  addFloppy?: string[];
  addBlank?: string[];
  remove?: string[];
  bootOrder?: string;
}

const KINDS: readonly string[] = ['floppy', 'cdrom', 'disk'] satisfies DriveKind[];

function bootOrderOf(text: string): DriveKind[] | null {
  if (text === 'usual') return null;
  const kinds = text.split(',');
  const isKind = (word: string): word is DriveKind => KINDS.includes(word);
  if (!kinds.every(isKind)) throw usage(`--boot-order is a list of ${KINDS.join(', ')}, or "usual", not ${text}.`);
  return kinds;
}

function rows({ drives, bootOrder }: MachineDrives): string[] {
  const order = `Boot order: ${bootOrder?.join(', ') ?? 'floppy, cdrom, disk (the usual one)'}.`;
  if (drives.length === 0) return ['There is nothing in its drives.', order];
  const lines = drives.map(({ place, kind, bytes, format, readOnly, file, problem }) => [
    place,
    kind,
    bytes === null ? '?' : formatSize(bytes),
    format,
    readOnly ? 'read-only' : '',
    problem === null ? file : `${file}: ${problem}`,
  ]);
  return [...table([['PLACE', 'KIND', 'SIZE', 'FORMAT', '', 'IMAGE'], ...lines]), order];
}

export function addDriveCommand(program: Command, services: Services, terminal: Terminal): void {
  libraryOptions(
    program
      .command('drives')
      .description('the images in the drives of a machine; while it is off, they can be changed')
      .argument('<machine>')
      .option('--add-disk <file>', 'copy a hard-disk image into its folder, and put it into a drive', repeated)
      .option('--add-cdrom <file>', 'the same with a CD-ROM image', repeated)
      .option('--add-floppy <file>', 'the same with a floppy image', repeated)
      .option('--add-blank <size>', 'add an empty disk that grows as it is written, for instance 4G', repeated)
      .option('--remove <image>', 'take out the image of this name; the file stays', repeated)
      .option('--boot-order <kinds>', 'what firmware tries, for instance cdrom,disk; "usual" is floppy,cdrom,disk'),
  ).action(async (word: string, options: DriveOptions) => {
    const order = options.bootOrder === undefined ? undefined : bootOrderOf(options.bootOrder);
    const of = (kind: DriveKind, files: string[] = []): NewDrive[] =>
      files.map((file) => ({ kind, file: { kind: 'path', path: resolve(file) } }));
    const added: NewDrive[] = [
      ...of('floppy', options.addFloppy),
      ...of('cdrom', options.addCdrom),
      ...of('disk', options.addDisk),
      ...(options.addBlank ?? []).map((size): NewDrive => ({ kind: 'disk', emptyBytes: parseDiskSize(size) })),
    ];
    const removed = options.remove ?? [];
    await withLibrary(services, terminal, libraryFolder(options.library, terminal.environment), async (client) => {
      const id = await findMachine(client, word);
      let now = await client.library.drives({ id });
      const missing = removed.find((file) => !now.drives.some((drive) => drive.file === file));
      if (missing !== undefined) throw usage(`${id} has no drive with ${missing}.`);
      if (added.length > 0 || removed.length > 0 || order !== undefined) {
        const kept = now.drives.filter(({ file }) => !removed.includes(file)).map(({ file }) => ({ keep: file }));
        now = await client.library.configureDrives({ id, drives: [...kept, ...added], bootOrder: order });
      }
      if (options.json) return jsonLine(terminal.stdout, now);
      for (const text of rows(now)) line(terminal.stdout, text);
    });
  });
}
