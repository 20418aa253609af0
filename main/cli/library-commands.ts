import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CreationSource, DriveKind } from '../contract/library.ts';
import type { LibraryEntry } from '../contract/machine.ts';
import { libraryFolder } from '../host/places.ts';
import { formatSize, parseDiskSize, parseMemory } from '../host/memory-size.ts';
import { usage } from './exit.ts';
import { cpus } from './run-options.ts';
import { findMachine, requireHolder, withLibrary, type Services } from './services.ts';
import { jsonLine, line, type Terminal } from './terminal.ts';

interface CommonOptions {
  library?: string;
  json?: boolean;
}

/** The two options that every verb of the library has. */
export function libraryOptions(command: Command): Command {
  return command
    .option('--library <folder>', 'the library (default: $VITRINE_LIBRARY, else your data folder)')
    .option('--json', 'print JSON');
}

/** An option that may be given several times. */
export function repeated(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** Cells in columns, two blanks between. */
export function table(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function row(entry: LibraryEntry): string[] {
  if (entry.kind === 'unreadable') return [entry.id, 'unreadable', '', entry.problem];
  return [entry.id, entry.state, formatSize(entry.memoryBytes), `${entry.name} (${entry.boot.kind}: ${entry.boot.file})`];
}

export function addLibraryCommands(program: Command, services: Services, terminal: Terminal): void {
  const folder = (options: CommonOptions): string => libraryFolder(options.library, terminal.environment);

  libraryOptions(program.command('list').description('list the machines of the library')).action(
    async (options: CommonOptions) => {
      const entries = await withLibrary(services, terminal, folder(options), (client) => client.library.list());
      if (options.json) return jsonLine(terminal.stdout, entries);
      if (entries.length === 0) return line(terminal.stdout, `There are no machines in ${folder(options)}.`);
      for (const text of table([['MACHINE', 'STATE', 'MEMORY', 'NAME'], ...entries.map(row)])) line(terminal.stdout, text);
    },
  );

  interface CreateOptions extends CommonOptions {
    sample?: string;
    asm?: string;
    image?: string;
    kernel?: string;
    initrd?: string;
    append?: string;
    bootSector?: string;
    bios?: string;
    vgabios?: string;
    disk?: string[];
    cdrom?: string[];
    floppy?: string[];
    blank?: string;
    link?: boolean;
    memory?: string;
    cpus?: string;
    clock?: string;
  }
  libraryOptions(
    program
      .command('create')
      .description('make a machine; files are copied into its folder unless --link is given')
      .argument('[name]', 'what to call it (default: the name of the file or sample)')
      .option('--sample <id>', 'from a sample that ships with Vitrine')
      .option('--asm <file>', 'from an assembly source')
      .option('--image <file>', 'from an image, whatever it is found to be')
      .option('--kernel <file>', 'from a Multiboot or Linux kernel')
      .option('--initrd <file>', 'initial RAM disk of the kernel')
      .option('--append <text>', 'command line of the kernel')
      .option('--boot-sector <file>', 'from a boot sector image')
      .option('--disk <file>', 'with a hard-disk image (raw or qcow2, found once); with CD-ROMs up to four', repeated)
      .option('--cdrom <file>', 'with a CD-ROM image', repeated)
      .option('--floppy <file>', 'with a floppy image, up to two', repeated)
      .option('--blank <size>', 'with an empty disk that grows as it is written, for instance 4G')
      .option('--bios <file>', 'from firmware; with images "own" (the default there) is the one that Vitrine brings')
      .option('--vgabios <file>', 'VGA firmware beside --bios')
      .option('--link', 'do not copy the files; name them where they are')
      .option('--memory <size>', 'for instance 128M')
      .option('--cpus <number>', 'virtual processors (1 to 16)')
      .option('--clock <mode>', 'wall or virtual'),
  ).action(async (name: string | undefined, options: CreateOptions) => {
    const source = creationSource(options);
    const clock = options.clock;
    if (clock !== undefined && clock !== 'wall' && clock !== 'virtual') throw usage(`--clock is wall or virtual, not ${clock}.`);
    const memoryBytes = options.memory === undefined ? undefined : parseMemory(options.memory);
    const processors = options.cpus === undefined ? undefined : cpus(options.cpus);
    const machine = await withLibrary(services, terminal, folder(options), (client) =>
      client.library.create({ name, memoryBytes, cpus: processors, clock, source }),
    );
    if (options.json) return jsonLine(terminal.stdout, machine);
    line(terminal.stdout, `${machine.id} was made in ${machine.folder}.`);
  });

  libraryOptions(
    program
      .command('clone')
      .description('make a machine of its own with copies of all files of another; only while that is off')
      .argument('<machine>')
      .argument('[name]', 'what to call it (default: the name with “copy” behind it)')
      .option('--linked', 'its disks hold only what differs from the original’s, which stays needed'),
  ).action(async (word: string, name: string | undefined, options: CommonOptions & { linked?: boolean }) => {
    const machine = await withLibrary(services, terminal, folder(options), async (client) =>
      client.library.clone({ id: await findMachine(client, word), name, kind: options.linked ? 'linked' : 'full' }),
    );
    if (options.json) return jsonLine(terminal.stdout, machine);
    line(terminal.stdout, `${machine.id} was made in ${machine.folder}.`);
  });

  libraryOptions(
    program
      .command('stop')
      .description('pull the plug of a running machine')
      .argument('<machine>')
      .option('--button', 'press the power button instead; the guest decides'),
  ).action(async (word: string, options: CommonOptions & { button?: boolean }) => {
    const holder = await requireHolder(services, folder(options), word);
    try {
      const id = await findMachine(holder.client, word);
      const machine = await (options.button
        ? holder.client.machines.powerButton({ id })
        : holder.client.machines.powerOff({ id }));
      if (options.json) jsonLine(terminal.stdout, machine);
      else line(terminal.stdout, options.button ? `The power button of ${id} was pressed.` : `${id} is ${machine.state}.`);
    } finally {
      holder.close();
    }
  });

  libraryOptions(
    program
      .command('suspend')
      .description('keep the whole state of a running machine in its folder, and end it')
      .argument('<machine>'),
  ).action(async (word: string, options: CommonOptions) => {
    const holder = await requireHolder(services, folder(options), word);
    try {
      const id = await findMachine(holder.client, word);
      const machine = await holder.client.machines.suspend({ id });
      if (options.json) jsonLine(terminal.stdout, machine);
      else line(terminal.stdout, `${id} is ${machine.state}; ${formatSize(machine.suspended?.bytes ?? 0)} kept.`);
    } finally {
      holder.close();
    }
  });

  libraryOptions(
    program.command('discard').description('remove the state of a suspended machine, which is off then').argument('<machine>'),
  ).action(async (word: string, options: CommonOptions) => {
    await withLibrary(services, terminal, folder(options), async (client) => {
      const machine = await client.machines.discard({ id: await findMachine(client, word) });
      if (options.json) return jsonLine(terminal.stdout, machine);
      line(terminal.stdout, `The state of ${machine.id} was discarded; it is ${machine.state}.`);
    });
  });

  libraryOptions(
    program
      .command('delete')
      .description('delete a machine; without --disks its images and sources stay in the folder')
      .argument('<machine>')
      .option('--disks', 'everything in the folder')
      .option('--dry-run', 'only say which files would go'),
  ).action(async (word: string, options: CommonOptions & { disks?: boolean; dryRun?: boolean }) => {
    await withLibrary(services, terminal, folder(options), async (client) => {
      const id = await findMachine(client, word);
      const what = options.disks ? 'machine-and-disks' : 'machine';
      if (options.dryRun) {
        const files = (await client.library.listFiles({ id })).filter(({ part }) => options.disks || part === 'machine');
        if (options.json) return jsonLine(terminal.stdout, files);
        for (const file of files) line(terminal.stdout, `${file.name}  ${formatSize(file.size)}`);
        return;
      }
      const result = await client.library.delete({ id, what });
      if (options.json) return jsonLine(terminal.stdout, result);
      const kept = result.kept.length === 0 ? '' : ` Kept in ${result.folder}: ${result.kept.join(', ')}.`;
      line(terminal.stdout, `${id} was deleted.${kept}`);
    });
  });

  /** Undefined if no drive is asked for. */
  function drivesSource(options: CreateOptions): CreationSource | undefined {
    const of = (kind: DriveKind, files: string[] = []) =>
      files.map((file) => ({ kind, file: { kind: 'path' as const, path: resolve(file) } }));
    const images = [...of('floppy', options.floppy), ...of('cdrom', options.cdrom), ...of('disk', options.disk)];
    if (images.length === 0 && options.blank === undefined) return undefined;
    const { sample, asm, image, kernel, bootSector, initrd, append, bios, vgabios } = options;
    if ([sample, asm, image, kernel, bootSector, initrd, append].some((value) => value !== undefined)) {
      throw usage(
        '--disk, --cdrom, --floppy and --blank are started by firmware; of the other sources only --bios goes with them.',
      );
    }
    const at = (path: string) => ({ kind: 'path' as const, path: resolve(path) });
    return {
      kind: 'drives',
      drives: options.blank === undefined ? images : [...images, { kind: 'disk', emptyBytes: parseDiskSize(options.blank) }],
      bios: bios === undefined || bios === 'own' ? undefined : at(bios),
      vgaBios: vgabios === undefined ? undefined : at(vgabios),
      link: options.link,
    };
  }

  function creationSource(options: CreateOptions): CreationSource {
    const drives = drivesSource(options);
    if (drives) return drives;
    const { sample, asm, image, kernel, bootSector, bios } = options;
    if (bios === 'own') throw usage('--bios own starts what is in drives: it goes with --disk, --cdrom, --floppy or --blank.');
    const given = [sample, asm, image, kernel, bootSector, bios].filter((value) => value !== undefined);
    if (given.length !== 1)
      throw usage(
        'Say what the machine starts from, with one of --sample, --asm, --image, --kernel, --boot-sector, --bios, --disk, --cdrom, --floppy, --blank.',
      );
    if (options.link && (sample !== undefined || asm !== undefined))
      throw usage('--link is for images; sources are always copied.');
    const at = (path: string) => ({ kind: 'path' as const, path: resolve(path) });
    if (sample !== undefined) return { kind: 'sample', sample };
    if (asm !== undefined) return { kind: 'assembly', file: at(asm) };
    const file = image ?? kernel ?? bootSector ?? bios;
    if (file === undefined) throw usage('The image has no name.');
    return {
      kind: 'image',
      file: at(file),
      as: kernel !== undefined ? 'kernel' : bootSector !== undefined ? 'boot-sector' : bios !== undefined ? 'bios' : undefined,
      initrd: options.initrd === undefined ? undefined : at(options.initrd),
      commandLine: options.append,
      vgaBios: options.vgabios === undefined ? undefined : at(options.vgabios),
      link: options.link,
    };
  }
}
