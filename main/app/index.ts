/**
 * Electron's main process: opens the library, and shows it. No top-level await: Electron would wait for this module before it gets
 * ready, and this module for Electron.
 */
import path from 'node:path';
import { app, BrowserWindow, dialog, nativeTheme, session } from 'electron';
import { machineId } from '../contract/machine.ts';
import { controlPath, serveControl } from '../host/control-socket.ts';
import { nodeDisk } from '../host/disk.ts';
import { runDoctor } from '../host/doctor/doctor.ts';
import { engineTools } from '../host/engine.ts';
import { explain, HostError } from '../host/errors.ts';
import { Host } from '../host/host.ts';
import { assetsFolder, libraryFolder, packageRoot, workerDirectory } from '../host/places.ts';
import type { FrontContext } from '../host/router.ts';
import { createDesktop } from './desktop.ts';
import { electronUpdater } from './electron-updates.ts';
import { failurePage } from './failure.ts';
import { GdbTerminals } from './gdb-terminals.ts';
import { guardContents, guardSession } from './guards.ts';
import { servePorts } from './host-port.ts';
import { fail, openLog, warn } from './log.ts';
import { installMenu } from './menu.ts';
import { handedOver, Openings, pathsOf } from './opening.ts';
import { registerScheme, serveScheme } from './scheme.ts';
import { findChannel, Updates, type UpdateState } from './updates.ts';
import { WindowPlaces } from './window-places.ts';
import { Windows } from './windows.ts';

/** What runs once the library is open. */
interface Running {
  host: Host;
  context: FrontContext;
  close(): Promise<void>;
}

async function openHost(windows: Windows, openings: Openings): Promise<Running> {
  const library = libraryFolder(undefined);
  const guests = path.join(assetsFolder(), 'guests');
  const workers = workerDirectory();
  const control = controlPath(library);
  const terminals = new GdbTerminals();
  const host = await Host.open({ library, program: 'the Vitrine app', control, engine: engineTools(), disk: nodeDisk, guests, warn });
  const common = { host, displayUrl: (_id: string, url: string) => url, doctor: () => runDoctor({ library, workers, guests }), log: fail };
  try {
    const socket = await serveControl(control, { ...common, front: 'command-line' });
    return {
      host,
      context: { ...common, front: 'app', desktop: createDesktop(windows, openings, terminals, () => BrowserWindow.getFocusedWindow()) },
      async close() {
        terminals.close();
        await socket.close();
        await host.close();
      },
    };
  } catch (error) {
    await host.close();
    throw error;
  }
}

/** Before machines are lost that could not be suspended. Returns whether to quit all the same. */
function confirmLoss(failures: readonly string[]): boolean {
  const chosen = dialog.showMessageBoxSync({
    type: 'warning',
    message: failures.length === 1 ? 'A machine could not be suspended.' : `${failures.length} machines could not be suspended.`,
    detail: `${failures.join('\n')}\n\nQuitting powers off what is on, as if the plug were pulled.`,
    buttons: ['Keep running', 'Power off and quit'],
    defaultId: 0,
    cancelId: 0,
  });
  return chosen === 1;
}

/** When quitting takes longer than this (milliseconds), a window has to show what it is at. */
const PATIENCE = 1500;

/** How often a running app asks the update channel, in milliseconds, if there is one. */
const UPDATE_INTERVAL = 24 * 60 * 60 * 1000;

function start(logFile: string, openings: Openings): void {
  let failure: string | undefined;
  let running: Running | undefined;
  let closing = false;
  /** Machines are being suspended. */
  let leaving = false;
  /** The system, or whoever started the app, ends it: nobody is there to be asked. */
  let told = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      told = true;
      app.quit();
    });
  }
  const windows = new Windows(new WindowPlaces(path.join(app.getPath('userData'), 'windows.json')), warn);

  guardSession(session.defaultSession);
  serveScheme(path.join(packageRoot(), 'out/renderer'), () => failure);
  const channel = findChannel({ packaged: app.isPackaged, platform: process.platform, resources: process.resourcesPath, environment: process.env });
  const showMenu = (state: UpdateState): void =>
    installMenu(
      {
        openLibrary: () => running && windows.openLibrary(),
        checkForUpdates: () => void updates.check(),
        downloadUpdate: () => void updates.download(),
        logFile,
      },
      state,
    );
  const updates = new Updates(channel, (found) => electronUpdater(found, warn), showMenu, warn);
  showMenu(updates.state);

  const opened = openHost(windows, openings);
  // A port may be asked for before the library is open; it waits.
  servePorts(() => opened.then(({ context }) => context), warn);
  opened.then(
    (done) => {
      running = done;
      nativeTheme.themeSource = done.host.settings.get().theme;
      windows.openLibrary();
      void followTheme(done.host);
      void closeConsoles(done.host, windows);
      void updates.check();
      setInterval(() => void updates.check(), UPDATE_INTERVAL).unref();
    },
    (error: unknown) => {
      const explained = explain(error, libraryFolder(undefined));
      fail(explained.stack ?? explained.message);
      failure = failurePage(explained instanceof HostError ? explained.message : 'Something failed that should not have.', logFile);
      process.exitCode = 1;
      windows.openFailure().on('closed', () => app.exit(1));
    },
  );

  app.on('second-instance', (_event, _words, _directory, handed) => {
    const files = handedOver.safeParse(handed).data?.paths ?? [];
    for (const file of files) void openings.add(file);
    // Files are taken by the library, so it is shown.
    if (running) windows.openLibrary(files.length > 0 ? '/' : undefined);
  });
  app.on('activate', () => running && windows.openLibrary());
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit();
  });
  app.on('before-quit', (event) => {
    if (closing || !running) return;
    event.preventDefault();
    if (leaving) return;
    leaving = true;
    void leave(running)
      .catch((error: unknown) => {
        fail(`Closing failed: ${String(error)}`);
        closing = true;
      })
      .then(() => {
        leaving = false;
        if (closing) app.quit();
      });
  });

  /** Suspends what runs, and closes the library; the task list of a window shows how far it is. */
  async function leave({ host, close }: Running): Promise<void> {
    const show = setTimeout(() => {
      if (BrowserWindow.getAllWindows().length === 0) windows.openLibrary();
    }, PATIENCE);
    try {
      const failures = await host.suspending.suspendAll();
      for (const failure of failures) warn(failure);
      if (failures.length > 0 && !told && !confirmLoss(failures)) {
        if (BrowserWindow.getAllWindows().length === 0) windows.openLibrary();
        return;
      }
    } finally {
      clearTimeout(show);
    }
    closing = true;
    await close();
  }
}

/** Native parts (dialogs, menus, the frame) follow the person's choice as well. */
async function followTheme(host: Host): Promise<void> {
  for await (const { theme } of host.settings.watch()) nativeTheme.themeSource = theme;
}

/** A deleted machine's console has nothing more to show. */
async function closeConsoles(host: Host, windows: Windows): Promise<void> {
  for await (const event of await host.watch()) {
    if (event.kind === 'removed' && machineId.safeParse(event.id).success) windows.closeConsole(event.id);
  }
}

registerScheme();
// Root has no sandbox to be put in (build/start.mjs); everyone else's pages all are.
if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();
const openings = new Openings(nodeDisk);
const paths = pathsOf(process.argv, process.cwd(), app.isPackaged ? undefined : app.getAppPath());
// macOS names files by this event, also before the app is ready.
app.on('open-file', (event, file) => {
  event.preventDefault();
  void openings.add(file);
});
if (!app.requestSingleInstanceLock({ paths })) {
  app.quit();
} else {
  for (const file of paths) void openings.add(file);
  const logFile = openLog();
  guardContents(warn);
  app.whenReady().then(
    () => start(logFile, openings),
    (error: unknown) => {
      fail(String(error));
      app.exit(1);
    },
  );
}
