import { writeFile } from 'node:fs/promises';
import { dialog, shell, type BrowserWindow } from 'electron';
import { HostError } from '../host/errors.ts';
import type { Desktop } from '../host/router.ts';
import type { GdbTerminals } from './gdb-terminals.ts';
import type { Openings } from './opening.ts';
import type { Windows } from './windows.ts';

/** What only this front can do: windows, the system's dialogs, the file browser. */
export function createDesktop(windows: Windows, openings: Openings, terminals: GdbTerminals, focused: () => BrowserWindow | null): Desktop {
  /** A dialog belongs to the window it was asked from, where there is one. */
  const over = <Options, Result>(ask: { (window: BrowserWindow, options: Options): Result; (options: Options): Result }, options: Options): Result => {
    const window = focused();
    return window ? ask(window, options) : ask(options);
  };
  return {
    async openConsole(id, output) {
      windows.openConsole(id, output);
    },
    async dockConsole(id) {
      windows.openLibrary(`/machine/${id}?panel=console`);
      windows.closeConsole(id, 0);
    },
    async chooseFile(title, filters) {
      const options: Electron.OpenDialogOptions = { title, filters, properties: ['openFile'] };
      const { canceled, filePaths } = await over<Electron.OpenDialogOptions, Promise<Electron.OpenDialogReturnValue>>(dialog.showOpenDialog, options);
      return canceled ? undefined : filePaths[0];
    },
    async chooseFolder(title) {
      const options: Electron.OpenDialogOptions = { title, buttonLabel: 'Save here', properties: ['openDirectory', 'createDirectory'] };
      const { canceled, filePaths } = await over<Electron.OpenDialogOptions, Promise<Electron.OpenDialogReturnValue>>(dialog.showOpenDialog, options);
      return canceled ? undefined : filePaths[0];
    },
    async saveFile(title, name, bytes) {
      const options: Electron.SaveDialogOptions = { title, defaultPath: name };
      const { canceled, filePath } = await over<Electron.SaveDialogOptions, Promise<Electron.SaveDialogReturnValue>>(dialog.showSaveDialog, options);
      if (canceled || filePath === '') return undefined;
      await writeFile(filePath, bytes);
      return filePath;
    },
    openings: (signal) => openings.watch(signal),
    terminals,
    async showFolder(folder) {
      const problem = await shell.openPath(folder);
      if (problem !== '') throw new HostError('NOT_SUPPORTED', `${folder} could not be shown: ${problem}`);
    },
  };
}
