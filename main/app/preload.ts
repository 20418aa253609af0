/**
 * What a page is given: one MessagePort to the host, when it asks for it, and the paths of what a person drops on it. No function and
 * no object of Electron's crosses. The page's halves are renderer/host/connect.ts and dropped.ts.
 */
import { ipcRenderer, webUtils } from 'electron';

window.addEventListener('message', (event) => {
  if (event.source === window && event.data === 'vitrine:ask-port') ipcRenderer.send('vitrine:ask-port');
});

ipcRenderer.on('vitrine:port', (event) => {
  window.postMessage('vitrine:port', window.location.origin, event.ports);
});

// A path spares the upload, and is the only way to name a folder. Only a real drop has one: a page cannot make a File with a path.
window.addEventListener(
  'drop',
  (event) => {
    const paths = [...(event.dataTransfer?.files ?? [])].map((file) => webUtils.getPathForFile(file));
    window.postMessage({ vitrineDropped: paths }, window.location.origin);
  },
  { capture: true },
);
