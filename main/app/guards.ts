import { app, type Session, type WebContents } from 'electron';
import { ORIGIN } from './scheme.ts';

/** What a window may ask for after a click: nothing that reaches beyond it, but for text that a person copies. */
const ALLOWED = new Set(['fullscreen', 'pointerLock', 'keyboardLock', 'clipboard-sanitized-write']);

/** No page leaves its place, opens a window, holds another page, or is given a permission; and none is ours but of our own origin. */
export function guardContents(log: (text: string) => void): void {
  app.on('web-contents-created', (_event, contents: WebContents) => {
    const refuse = (event: { preventDefault(): void }, url: string): void => {
      if (new URL(url).origin === 'null' ? url.startsWith(`${ORIGIN}/`) : new URL(url).origin === ORIGIN) return;
      event.preventDefault();
      log(`A page wanted to go to another place and was kept from it: ${new URL(url).protocol}//${new URL(url).host}`);
    };
    contents.on('will-navigate', (event) => refuse(event, event.url));
    contents.on('will-redirect', (event) => refuse(event, event.url));
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
}

export function guardSession(session: Session): void {
  session.setPermissionRequestHandler((contents, permission, callback) => {
    callback(ALLOWED.has(permission) && contents.getURL().startsWith(`${ORIGIN}/`));
  });
  session.setPermissionCheckHandler((_contents, permission, origin) => ALLOWED.has(permission) && origin.replace(/\/$/, '') === ORIGIN);
  session.setDevicePermissionHandler(() => false);
  session.on('will-download', (event) => event.preventDefault());
}
