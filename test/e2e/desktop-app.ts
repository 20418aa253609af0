import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { installedElectron } from '../../build/electron.mjs';
import { insist } from './insist.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PICTURES = path.join(ROOT, 'test-results/screens');

/** The built app in a real Electron, with a library and a profile of its own. */
export class DesktopApp {
  private constructor(
    readonly electron: ElectronApplication,
    readonly library: Page,
    /** What pages said on their consoles as warnings or errors. */
    readonly complaints: string[],
  ) {}

  static async launch(folder: string, display: string, theme: 'light' | 'dark' = 'light', switches: readonly string[] = []): Promise<DesktopApp> {
    const executablePath = installedElectron();
    if (executablePath === undefined) throw new Error('Electron is not in place.');
    const electron = await _electron.launch({
      executablePath,
      args: [
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        `--user-data-dir=${path.join(folder, 'profile')}`,
        '--lang=en-GB',
        ...switches,
        ROOT,
      ],
      env: { ...process.env, DISPLAY: display, VITRINE_LIBRARY: path.join(folder, 'library') } as Record<string, string>,
      colorScheme: theme,
    });
    const evaluate = electron.evaluate.bind(electron) as (...given: unknown[]) => Promise<unknown>;
    // Every question to the main process may be lost; ours can be asked again.
    electron.evaluate = ((...given: unknown[]) => insist(() => evaluate(...given))) as typeof electron.evaluate;
    const complaints: string[] = [];
    electron.on('window', (page) => {
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(error.message));
    });
    const library = await electron.firstWindow();
    await library.waitForLoadState('domcontentloaded');
    return new DesktopApp(electron, library, complaints);
  }

  /** The card of a machine in the library. */
  card(name: string): ReturnType<Page['locator']> {
    return this.library.getByRole('option', { name: new RegExp(`^${name}`) });
  }

  /** Starts the selected machine and waits for its console's window. */
  async startSelected(): Promise<Page> {
    const [console] = await Promise.all([
      this.electron.waitForEvent('window'),
      this.library.getByRole('complementary', { name: 'Details' }).locator('[data-action=start]').click(),
    ]);
    await console.waitForLoadState('domcontentloaded');
    return console;
  }

  async keepPicture(page: Page, name: string): Promise<void> {
    mkdirSync(PICTURES, { recursive: true });
    await page.screenshot({ path: path.join(PICTURES, `${name}.png`) });
  }

  /** The window as the desktop shows it: a zoomed page is not what its own picture would be. */
  async keepWindowPicture(page: Page, name: string): Promise<void> {
    mkdirSync(PICTURES, { recursive: true });
    const png = await insist(async () => {
      const window = await this.electron.browserWindow(page);
      return window.evaluate(async (shown) => (await shown.webContents.capturePage()).toPNG().toString('base64'));
    });
    writeFileSync(path.join(PICTURES, `${name}.png`), Buffer.from(png, 'base64'));
  }

  async close(): Promise<void> {
    await this.electron.close();
  }
}
