import { cpus } from 'node:os';
import { implement, ORPCError, ValidationError } from '@orpc/server';
import type { DoctorResult, Front, Opened } from '../contract/application.ts';
import { contract } from '../contract/contract.ts';
import { errorMap } from '../contract/errors.ts';
import type { CreationSource, FileSource, NewDrive } from '../contract/library.ts';
import type { PairSideName } from '../contract/pairs.ts';
import type { TerminalEventMessage } from '../contract/terminal.ts';
import { attachPlace } from './debug/attach-lines.ts';
import { debugRouter } from './debug/router.ts';
import { inspectDrive } from './drive-drafting.ts';
import { explain, HostError } from './errors.ts';
import { forgetRange, keepRange } from './guard.ts';
import type { DisplaySessions } from './display-sessions.ts';
import { resolveGuardRange } from './guard-range.ts';
import type { Host } from './host.ts';
import { scancodesOf } from './keyboard.ts';
import { packageVersion } from './places.ts';
import { pairsRouter } from './pairs-router.ts';
import { sourcesRouter } from './sources-router.ts';
import { encodePng } from './picture.ts';

/** What only a front with a desktop can do; the app implements it. */
export interface Desktop {
  /** Output 0 without one. */
  openConsole(id: string, output?: number): Promise<void>;
  dockConsole(id: string): Promise<void>;
  chooseFile(title: string, filters: { name: string; extensions: string[] }[]): Promise<string | undefined>;
  chooseFolder(title: string): Promise<string | undefined>;
  saveFile(title: string, name: string, bytes: Uint8Array): Promise<string | undefined>;
  showFolder(folder: string): Promise<void>;
  openings(signal?: AbortSignal): AsyncGenerator<Opened, void, void>;
  terminals: {
    /** gdb of this computer, attached at `place` (host:port). */
    start(place: string, size: { columns: number; rows: number }, signal?: AbortSignal): Promise<AsyncGenerator<TerminalEventMessage, void, void>>;
    write(terminal: number, bytes: Uint8Array): void;
    resize(terminal: number, size: { columns: number; rows: number }): void;
  };
}

/** Who is asking, and over what. Made by the front for each connection, never by the client. */
export type FrontContext = {
  front: Front;
  host: Host;
  /** Absent where there is no desktop. */
  desktop?: Desktop;
  /** Turns the address of a machine's output, or of a side of its pair, into one that this front's client can reach. */
  displayUrl: (id: string, url: string, screen: number | PairSideName) => string;
  doctor: () => Promise<DoctorResult[]>;
  /** Takes the details of what should not have happened. */
  log: (text: string) => void;
};

/** The same failure as the contract's error: a code, its status and a sentence. */
function cross(error: unknown, log: (text: string) => void): Error {
  if (error instanceof ORPCError) {
    if (!(error.cause instanceof ValidationError) || error.code !== 'BAD_REQUEST') return error;
    const issue = error.cause.issues[0];
    const place = issue?.path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
    const sentence = issue?.message ?? errorMap.BAD_INPUT.message;
    return new ORPCError('BAD_INPUT', { status: errorMap.BAD_INPUT.status, message: place ? `${place}: ${sentence}` : sentence });
  }
  const explained = explain(error, 'This');
  if (explained instanceof HostError) {
    return new ORPCError(explained.code, { status: errorMap[explained.code].status, message: explained.message });
  }
  log(explained.stack ?? explained.message);
  return new ORPCError('INTERNAL_SERVER_ERROR', { message: 'Vitrine failed inside; its log says where.' });
}

const os = implement(contract)
  .$context<FrontContext>()
  .use(async ({ context, next }) => {
    try {
      return await next();
    } catch (error) {
      throw cross(error, context.log);
    }
  });

/** A browser may hold our token and still must not read the host's files by their names. */
function guardPaths(context: FrontContext, ...files: (FileSource | null | undefined)[]): void {
  if (context.front === 'browser' && files.some((file) => file?.kind === 'path')) {
    throw new HostError('NOT_SUPPORTED', 'A browser cannot name files of the host; choose the file, so that it is sent.');
  }
}

function guardDrives(context: FrontContext, drives: readonly (NewDrive | { keep: string })[] = []): void {
  guardPaths(context, ...drives.map((drive) => ('file' in drive ? drive.file : undefined)));
}

function guardSource(context: FrontContext, source: CreationSource): void {
  if (source.kind === 'image') guardPaths(context, source.file, source.initrd, source.vgaBios);
  if (source.kind === 'drives') {
    guardPaths(context, source.bios, source.vgaBios);
    guardDrives(context, source.drives);
  }
  if (source.kind === 'assembly') guardPaths(context, source.file);
}

/** Windows and pages type for the session that has the machine. The command line is the owner's own hand, and no display. */
function guardTyping(context: FrontContext, displays: DisplaySessions, client: string | undefined): void {
  if (context.front !== 'command-line' || client !== undefined) displays.requireTypist(client);
}

function desktopOf(context: FrontContext): Desktop {
  if (!context.desktop) throw new HostError('NOT_SUPPORTED', 'This needs the desktop app; a browser and the command line have no windows of ours.');
  return context.desktop;
}

/** The contract, implemented on a Host. One router serves every front. */
export const router = os.router({
  library: {
    list: os.library.list.handler(({ context }) => context.host.list()),
    get: os.library.get.handler(({ context, input }) => context.host.get(input.id)),
    watch: os.library.watch.handler(({ context, signal }) => context.host.watch(signal)),
    samples: os.library.samples.handler(({ context }) => context.host.samples()),
    inspectImage: os.library.inspectImage.handler(({ context, input }) => {
      guardPaths(context, input.file);
      return context.host.inspectImage(input.file);
    }),
    create: os.library.create.handler(({ context, input }) => {
      guardSource(context, input.source);
      guardDrives(context, input.drives);
      return context.host.create(input);
    }),
    rename: os.library.rename.handler(({ context, input }) => context.host.rename(input.id, input.name)),
    configure: os.library.configure.handler(({ context, input: { id, ...change } }) => context.host.configure(id, change)),
    inspectDrive: os.library.inspectDrive.handler(({ context, input: { kind, file } }) => {
      guardPaths(context, file);
      return inspectDrive(context.host.tools.disk, kind, file);
    }),
    drives: os.library.drives.handler(({ context, input }) => context.host.drives(input.id)),
    configureDrives: os.library.configureDrives.handler(({ context, input: { id, ...change } }) => {
      guardDrives(context, change.drives);
      return context.host.configureDrives(id, change);
    }),
    clone: os.library.clone.handler(({ context, input }) => context.host.clone(input.id, input.name, input.kind)),
    adopt: os.library.adopt.handler(({ context, input }) => {
      if (context.front === 'browser') throw new HostError('NOT_SUPPORTED', 'A browser cannot name folders of the host; adopt it in the app.');
      return context.host.adopt(input.folder);
    }),
    listFiles: os.library.listFiles.handler(({ context, input }) => context.host.listFiles(input.id)),
    delete: os.library.delete.handler(({ context, input }) => context.host.delete(input.id, input.what)),
    thumbnail: os.library.thumbnail.handler(({ context, input }) => context.host.thumbnail(input.id)),
  },

  debug: debugRouter,

  sources: sourcesRouter,

  pairs: pairsRouter,

  machines: {
    start: os.machines.start.handler(({ context, input }) => context.host.start(input.id, input.paused ?? false)),
    pause: os.machines.pause.handler(({ context, input }) => context.host.control(input.id, ({ machine }) => machine.pause())),
    resume: os.machines.resume.handler(({ context, input }) => context.host.suspending.resume(input.id)),
    suspend: os.machines.suspend.handler(({ context, input }) => context.host.suspending.suspend(input.id)),
    discard: os.machines.discard.handler(({ context, input }) => context.host.suspending.discard(input.id)),
    reset: os.machines.reset.handler(({ context, input }) => context.host.control(input.id, ({ machine }) => machine.reset())),
    powerOff: os.machines.powerOff.handler(({ context, input }) => context.host.control(input.id, (session) => session.powerOff())),
    powerButton: os.machines.powerButton.handler(({ context, input }) =>
      context.host.control(input.id, ({ machine }) => machine.pressPowerButton()),
    ),
    input: os.machines.input.handler(({ context, input }) =>
      context.host.ask(input.id, ({ machine, displays }) => {
        if (input.input.kind !== 'serial') guardTyping(context, displays, input.client);
        return machine.input(input.input.kind === 'mouse' ? { ...input.input, wheel: -input.input.wheel } : input.input);
      }),
    ),
    typeText: os.machines.typeText.handler(async ({ context, input }) => {
      const strokes = scancodesOf(input.text);
      await context.host.ask(input.id, async ({ machine, displays }) => {
        guardTyping(context, displays, input.client);
        for (const bytes of strokes) await machine.input({ kind: 'scancodes', bytes });
      });
      return { typed: strokes.length };
    }),
    screenshot: os.machines.screenshot.handler(async ({ context, input }) => {
      const picture = await context.host.ask(input.id, ({ machine }) => machine.screenshot());
      return { width: picture.width, height: picture.height, png: encodePng(picture) };
    }),
    screenText: os.machines.screenText.handler(
      async ({ context, input }) => (await context.host.ask(input.id, ({ machine }) => machine.screenText())) ?? null,
    ),
    statistics: os.machines.statistics.handler(({ context, input }) => context.host.ask(input.id, ({ machine }) => machine.statistics())),
    events: os.machines.events.handler(({ context, input, signal }) => context.host.events(input.id, input.history ?? false, signal)),
    display: os.machines.display.handler(async ({ context, input: { id, output = 0 } }) => {
      const { url } = await context.host.ask(id, ({ machine }) => machine.display(output));
      return { url: context.displayUrl(id, url, output) };
    }),
  },

  assembly: {
    assemble: os.assembly.assemble.handler(({ context, input }) =>
      // A text of the editor includes only what ships with us.
      context.host.engine.assemble({ name: input.name ?? 'guest.asm', text: input.text, folders: [context.host.tools.guests], anywhere: false }),
    ),
    disassemble: os.assembly.disassemble.handler(({ context, input }) => ({
      lines: context.host.engine.disassemble(input.bytes, input.bits, input.origin),
    })),
  },

  application: {
    about: os.application.about.handler(({ context }) => {
      const { node, v8, electron } = process.versions;
      return {
        name: 'Vitrine' as const,
        version: packageVersion(),
        front: context.front,
        library: context.host.folder,
        versions: { node, v8, ...(electron === undefined ? {} : { electron }) },
        platform: `${process.platform} ${process.arch}`,
        hostProcessors: cpus().length,
        desktop: context.desktop !== undefined,
      };
    }),
    doctor: os.application.doctor.handler(({ context }) => context.doctor()),
    settings: {
      get: os.application.settings.get.handler(({ context }) => context.host.settings.get()),
      set: os.application.settings.set.handler(({ context, input }) => context.host.settings.set(input)),
      watch: os.application.settings.watch.handler(({ context, signal }) => context.host.settings.watch(signal)),
    },
  },

  smm: {
    state: os.smm.state.handler(({ context, input }) => context.host.ask(input.id, ({ machine }) => machine.smm())),
    watch: os.smm.watch.handler(({ context, input, signal }) => context.host.watchSmm(input.id, signal)),
    inject: os.smm.inject.handler(({ context, input }) => context.host.ask(input.id, ({ machine }) => machine.injectSmi(input.target, input.count))),
    breakOn: os.smm.breakOn.handler(({ context, input: { id, ...when } }) => context.host.ask(id, ({ machine }) => machine.breakOnSmm(when))),
    read: os.smm.read.handler(async ({ context, input }) => ({
      bytes: await context.host.ask(input.id, ({ machine }) => machine.readSmram(input.address, input.length)),
    })),
    saveState: os.smm.saveState.handler(({ context, input }) => context.host.ask(input.id, ({ machine }) => machine.smmSaveState(input.cpu))),
  },

  display: {
    state: os.display.state.handler(({ context, input }) => context.host.withSession(input.id, async ({ displays }) => displays.state)),
    watch: os.display.watch.handler(({ context, input, signal }) => context.host.watchDisplay(input.id, input.history ?? false, signal)),
    attach: os.display.attach.handler(({ context, input: { id, ...request }, signal }) => context.host.attachDisplay(id, request, signal)),
    set: os.display.set.handler(({ context, input: { id, attachment, outputs, input } }) =>
      context.host.withSession(id, ({ displays }) => displays.set(attachment, outputs, input)),
    ),
    detach: os.display.detach.handler(({ context, input }) =>
      context.host.withSession(input.id, async ({ displays }) => displays.detach(input.attachment)),
    ),
    whenSessionEnds: os.display.whenSessionEnds.handler(({ context, input }) =>
      context.host.setWhenSessionEnds(input.id, input.whenSessionEnds),
    ),
    listen: os.display.listen.handler(({ context, input: { id, address, port, password } }) =>
      context.host.ask(id, async ({ displays }) => {
        await displays.rfb.listen({ address: address ?? '127.0.0.1', port, password });
        const { listening } = displays.rfb;
        if (listening === null) throw new HostError('WRONG_STATE', 'The machine has gone off.');
        return { address: listening.address, port: listening.port };
      }),
    ),
    unlisten: os.display.unlisten.handler(({ context, input }) => context.host.ask(input.id, ({ displays }) => displays.rfb.listen(undefined))),
    screenshot: os.display.screenshot.handler(async ({ context, input }) => {
      const picture = await context.host.ask(input.id, ({ machine }) => machine.screenshot(input.output));
      return { width: picture.width, height: picture.height, png: encodePng(picture) };
    }),
  },

  guard: {
    state: os.guard.state.handler(({ context, input }) => context.host.changeGuard(input.id, { kind: 'look' })),
    add: os.guard.add.handler(async ({ context, input: { id, range: named, action, atPowerOn } }) => {
      const range = await resolveGuardRange(context.host, id, named);
      return context.host.changeGuard(id, { kind: 'add', range, action }, atPowerOn === true ? (file) => keepRange(file, named, action) : undefined);
    }),
    remove: os.guard.remove.handler(async ({ context, input: { id, range: named } }) => {
      const range = await resolveGuardRange(context.host, id, named);
      return context.host.changeGuard(id, { kind: 'remove', range }, range.kind === 'physical' ? (file) => forgetRange(file, range) : undefined);
    }),
    clear: os.guard.clear.handler(({ context, input }) => context.host.changeGuard(input.id, { kind: 'clear' })),
    treeAction: os.guard.treeAction.handler(({ context, input }) =>
      context.host.changeGuard(input.id, { kind: 'treeAction', action: input.action }),
    ),
    watch: os.guard.watch.handler(({ context, input, signal }) => context.host.watchGuard(input.id, input.history ?? false, signal)),
  },

  peek: {
    read: os.peek.read.handler(({ context, input }) => context.host.peeks.read(input)),
    walk: os.peek.walk.handler(({ context, input }) => context.host.peeks.walk(input)),
    mappings: os.peek.mappings.handler(({ context, input }) => context.host.peeks.mappings(input)),
    chips: os.peek.chips.handler(({ context, input }) => context.host.peeks.chips(input.id)),
    descriptors: os.peek.descriptors.handler(({ context, input }) => context.host.peeks.descriptors(input)),
    profiles: os.peek.profiles.handler(({ context, input }) => context.host.peeks.profiles(input.id)),
    load: os.peek.load.handler(({ context, input }) => {
      guardPaths(context, input.file);
      return context.host.peeks.load(input.id, input.profile, input.file);
    }),
    unload: os.peek.unload.handler(({ context, input }) => context.host.peeks.unload(input.id, input.profile)),
    search: os.peek.search.handler(({ context, input }) => context.host.peeks.search(input.id, input.profile, input.text)),
    evaluate: os.peek.evaluate.handler(({ context, input }) => context.host.peeks.evaluate(input)),
    watch: os.peek.watch.handler(({ context, input, signal }) => context.host.peeks.watch(input, signal)),
  },

  reports: {
    take: os.reports.take.handler(({ context, input }) => context.host.reports.take(input.id)),
    render: os.reports.render.handler(({ context, input: { id, capture, format, ...wording } }) => ({
      text: context.host.reports.render(id, capture, format, wording),
    })),
    save: os.reports.save.handler(async ({ context, input, signal }) => {
      if (context.front === 'browser') {
        throw new HostError('NOT_SUPPORTED', 'A browser cannot name folders of the host; download the report, or use “vitrine report”.');
      }
      const { report, files, problems } = await context.host.reports.save(input, signal);
      return { title: report.title, files, problems };
    }),
  },

  tasks: {
    watch: os.tasks.watch.handler(({ context, signal }) => context.host.tasks.watch(signal)),
    cancel: os.tasks.cancel.handler(({ context, input }) => context.host.tasks.cancel(input.id)),
    clear: os.tasks.clear.handler(({ context }) => context.host.tasks.clear()),
  },

  desktop: {
    openConsole: os.desktop.openConsole.handler(({ context, input }) => desktopOf(context).openConsole(input.id, input.output)),
    dockConsole: os.desktop.dockConsole.handler(({ context, input }) => desktopOf(context).dockConsole(input.id)),
    chooseFile: os.desktop.chooseFile.handler(async ({ context, input }) => {
      const path = await desktopOf(context).chooseFile(input.title, input.filters ?? []);
      return path === undefined ? null : { path };
    }),
    chooseFolder: os.desktop.chooseFolder.handler(async ({ context, input }) => {
      const path = await desktopOf(context).chooseFolder(input.title);
      return path === undefined ? null : { path };
    }),
    saveFile: os.desktop.saveFile.handler(async ({ context, input }) => {
      const path = await desktopOf(context).saveFile(input.title, input.name, input.bytes);
      return path === undefined ? null : { path };
    }),
    showFolder: os.desktop.showFolder.handler(async ({ context, input }) => {
      const entry = await context.host.get(input.id);
      await desktopOf(context).showFolder(entry.folder);
    }),
    openings: os.desktop.openings.handler(({ context, signal }) => desktopOf(context).openings(signal)),
    terminals: {
      gdb: os.desktop.terminals.gdb.handler(async ({ context, input: { id, ...size }, signal }) => {
        const { terminals } = desktopOf(context);
        const { host, port, attached } = await context.host.withSession(id, ({ debug }) => debug.startGdb());
        if (attached) throw new HostError('CONFLICT', 'Another gdb is attached to this machine; a machine has one at a time. Let that one detach first.');
        return terminals.start(attachPlace(host, port), size, signal);
      }),
      write: os.desktop.terminals.write.handler(({ context, input }) => desktopOf(context).terminals.write(input.terminal, input.bytes)),
      resize: os.desktop.terminals.resize.handler(({ context, input: { terminal, ...size } }) => desktopOf(context).terminals.resize(terminal, size)),
    },
  },
});

export type HostRouter = typeof router;
