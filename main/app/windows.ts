import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrowserWindow, nativeTheme, screen } from 'electron';
import { assetsFolder } from '../host/places.ts';
import { ORIGIN } from './scheme.ts';
import type { WindowPlaces } from './window-places.ts';

const PRELOAD = path.join(path.dirname(fileURLToPath(import.meta.url)), '../preload/preload.cjs');
/** `--room` of the design's tokens: what is seen until the page paints. */
const ROOM = { light: '#dfe5e7', dark: '#0c1012' };
const LEAST = { width: 960, height: 600 };
const LEAST_CONSOLE = { width: 480, height: 320 };

/** The app's windows: the main one with the library and the workbenches, and a console for each output that is looked at. */
export class Windows {
  #library: BrowserWindow | undefined;
  /** By machine, then by output. */
  readonly #consoles = new Map<string, Map<number, BrowserWindow>>();

  constructor(
    private readonly places: WindowPlaces,
    private readonly log: (text: string) => void,
  ) {}

  get library(): BrowserWindow | undefined {
    return this.#library;
  }

  /** `route`: what it shall show; absent: what it shows now. */
  openLibrary(route?: string): BrowserWindow {
    if (this.#library && route !== undefined) this.load(this.#library, route);
    this.#library ??= this.open(
      'library',
      { width: 1280, height: 800, least: LEAST },
      route ?? '/',
      () => (this.#library = undefined),
    );
    show(this.#library);
    return this.#library;
  }

  /** `id` has been checked: it is a machine's. */
  openConsole(id: string, output = 0): BrowserWindow {
    const outputs = this.#consoles.get(id) ?? new Map<number, BrowserWindow>();
    this.#consoles.set(id, outputs);
    let window = outputs.get(output);
    if (!window) {
      // Output 0 is the machine's own console, and is remembered as such.
      const [key, route] = output === 0 ? [`console ${id}`, `/console/${id}`] : [`console ${id} output ${output}`, `/console/${id}?output=${output}`];
      window = this.open(key, { width: 1024, height: 700, least: LEAST_CONSOLE }, route, () => outputs.delete(output));
      // No menu: its keys belong to the guest.
      window.removeMenu();
      outputs.set(output, window);
    }
    show(window);
    return window;
  }

  /** The window of an output, or of all of them. */
  closeConsole(id: string, output?: number): void {
    for (const [number, window] of [...(this.#consoles.get(id) ?? [])]) if (output === undefined || output === number) window.close();
  }

  openFailure(): BrowserWindow {
    return this.create({ width: 720, height: 420 }, `${ORIGIN}/failure.html`);
  }

  private open(
    key: string,
    size: { width: number; height: number; least: { width: number; height: number } },
    route: string,
    closed: () => void,
  ): BrowserWindow {
    const areas = screen.getAllDisplays().map(({ workArea }) => workArea);
    const place = this.places.get(key, areas);
    const window = this.create(
      {
        width: size.width,
        height: size.height,
        minWidth: size.least.width,
        minHeight: size.least.height,
        ...(place ? { x: place.x, y: place.y, width: place.width, height: place.height } : {}),
      },
      `${ORIGIN}/#${route}`,
    );
    if (place?.maximized) window.maximize();
    if (place?.fullScreen) fillScreen(window);
    window.on('close', () => {
      try {
        const areasNow = screen.getAllDisplays().map(({ workArea }) => workArea);
        this.places.set(key, areasNow, {
          ...window.getNormalBounds(),
          maximized: window.isMaximized(),
          fullScreen: window.isFullScreen(),
        });
      } catch (error) {
        this.log(`Where the window was is not remembered: ${String(error)}`);
      }
    });
    window.on('closed', closed);
    return window;
  }

  /** Another address of the same page: it is told, not loaded again. */
  private load(window: BrowserWindow, route: string): void {
    void window
      .loadURL(`${ORIGIN}/#${route}`)
      .catch((error: unknown) => this.log(`A window did not go to ${route}: ${String(error)}`));
  }

  private create(options: Electron.BrowserWindowConstructorOptions, url: string): BrowserWindow {
    const window = new BrowserWindow({
      ...options,
      show: false,
      title: 'Vitrine',
      // Alt shows it: the case has little room for chrome.
      autoHideMenuBar: true,
      icon: path.join(assetsFolder(), 'icons/vitrine.png'),
      backgroundColor: nativeTheme.shouldUseDarkColors ? ROOM.dark : ROOM.light,
      webPreferences: {
        preload: PRELOAD,
        contextIsolation: true,
        sandbox: true,
        nodeIntegration: false,
        webviewTag: false,
        spellcheck: false,
      },
    });
    window.once('ready-to-show', () => window.show());
    window.webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
      this.log(`A window's page ended: ${reason} (${exitCode}).`);
      if (!window.isDestroyed() && reason !== 'clean-exit') window.reload();
    });
    void window.loadURL(url).catch((error: unknown) => this.log(`A window did not load: ${String(error)}`));
    return window;
  }
}

/** By the page's own full screen, which its bar follows; a page alone may not begin that without a person's click. */
function fillScreen(window: BrowserWindow): void {
  window.once(
    'show',
    () =>
      void window.webContents.executeJavaScript('void document.documentElement.requestFullscreen()', true).catch(() => undefined),
  );
}

function show(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  if (window.isVisible()) window.focus();
}
