/**
 * The only thing a page is given: one MessagePort to the host, when it asks for it. No function and no object of Electron's crosses.
 * The page's half is renderer/host/connect.ts.
 */
import { ipcRenderer } from 'electron';

window.addEventListener('message', (event) => {
  if (event.source === window && event.data === 'vitrine:ask-port') ipcRenderer.send('vitrine:ask-port');
});

ipcRenderer.on('vitrine:port', (event) => {
  window.postMessage('vitrine:port', window.location.origin, event.ports);
});
