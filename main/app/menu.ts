import { Menu, shell, type MenuItemConstructorOptions } from 'electron';
import type { UpdateState } from './updates.ts';

/** What the menu does. */
export interface MenuActions {
  openLibrary(): void;
  checkForUpdates(): void;
  downloadUpdate(): void;
  logFile: string;
}

/** The one entry about updates: what can be done now; what cannot says why. */
export function updateItem(state: UpdateState, actions: Pick<MenuActions, 'checkForUpdates' | 'downloadUpdate'>): MenuItemConstructorOptions {
  const says = (label: string): MenuItemConstructorOptions => ({ label, enabled: false });
  switch (state.kind) {
    case 'off':
      return says(`Updates are off: ${state.why}`);
    case 'checking':
      return says('Asking for updates ...');
    case 'downloading':
      return says(`Fetching version ${state.version}: ${state.percent} %`);
    case 'ready':
      return says(`Version ${state.version} is installed when you quit`);
    case 'available':
      return { label: `Fetch version ${state.version}`, click: () => actions.downloadUpdate() };
    case 'current':
      return { label: 'Check for updates (this version is current)', click: () => actions.checkForUpdates() };
    case 'failed':
      return { label: `Check for updates again (${state.sentence})`, click: () => actions.checkForUpdates() };
    case 'idle':
      return { label: 'Check for updates', click: () => actions.checkForUpdates() };
  }
}

/** The library's menu. Consoles have none. To be installed again when the state of updates changes. */
export function installMenu(actions: MenuActions, updates: UpdateState): void {
  const isMac = process.platform === 'darwin';
  const template: MenuItemConstructorOptions[] = [
    ...(isMac ? [{ role: 'appMenu' as const }] : []),
    {
      label: '&File',
      submenu: [{ label: 'Library', click: () => actions.openLibrary() }, { type: 'separator' }, isMac ? { role: 'close' } : { role: 'quit' }],
    },
    { label: '&Edit', submenu: [{ role: 'undo' }, { role: 'redo' }, { type: 'separator' }, { role: 'cut' }, { role: 'copy' }, { role: 'paste' }, { role: 'selectAll' }] },
    { label: '&View', submenu: [{ role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, { type: 'separator' }, { role: 'togglefullscreen' }] },
    { label: '&Help', submenu: [{ label: 'Show the log', click: () => shell.showItemInFolder(actions.logFile) }, { type: 'separator' }, updateItem(updates, actions)] },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
