import { Menu, shell, type MenuItemConstructorOptions } from 'electron';

/** The library's menu. Consoles have none. */
export function installMenu(actions: { openLibrary(): void; logFile: string }): void {
  const isMac = process.platform === 'darwin';
  const template: MenuItemConstructorOptions[] = [
    ...(isMac ? [{ role: 'appMenu' as const }] : []),
    {
      label: '&File',
      submenu: [{ label: 'Library', click: () => actions.openLibrary() }, { type: 'separator' }, isMac ? { role: 'close' } : { role: 'quit' }],
    },
    { label: '&Edit', submenu: [{ role: 'undo' }, { role: 'redo' }, { type: 'separator' }, { role: 'cut' }, { role: 'copy' }, { role: 'paste' }, { role: 'selectAll' }] },
    { label: '&View', submenu: [{ role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, { type: 'separator' }, { role: 'togglefullscreen' }] },
    { label: '&Help', submenu: [{ label: 'Show the log', click: () => shell.showItemInFolder(actions.logFile) }] },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
