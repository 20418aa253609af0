/** The app for the tests of one `describe`: a display, an empty folder, and the app with its library in there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { DesktopApp } from './desktop-app.ts';
import { startDisplay, type DisplayServer } from './display-server.ts';

/**
 * Starts it before the tests and gives it to `take`; ends everything behind them. Returns where the library is, once it has started. `switches` are
 * for Chromium.
 */
export function withDesktopApp(take: (app: DesktopApp) => void | Promise<void>, switches: readonly string[] = []): () => string {
  let folder: string;
  let display: DisplayServer | undefined;
  let app: DesktopApp | undefined;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'vitrine-e2e-'));
    display = await startDisplay();
    app = await DesktopApp.launch(folder, display.name, 'light', switches);
    await take(app);
  });
  afterAll(async () => {
    await app?.close();
    await display?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return () => path.join(folder, 'library');
}
