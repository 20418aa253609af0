import type { Channel, Updater } from './updates.ts';

/** electron-updater behind our interface. Loaded only when there is a channel. */
export async function electronUpdater(
  channel: Exclude<Channel, { kind: 'none' }>,
  log: (text: string) => void,
): Promise<Updater> {
  const { autoUpdater } = (await import('electron-updater')).default;
  autoUpdater.logger = {
    info: () => undefined,
    warn: (text?: unknown) => log(String(text)),
    error: (text?: unknown) => log(String(text)),
  };
  // Fetched when the person says so, installed when the app quits: machines are suspended first.
  autoUpdater.autoDownload = false;
  autoUpdater.autoInstallOnAppQuit = true;
  autoUpdater.allowDowngrade = false;
  // Failures come as rejections too; without a listener the event would end the program.
  autoUpdater.on('error', () => undefined);
  if (channel.kind === 'environment') autoUpdater.setFeedURL({ provider: 'generic', url: channel.url });
  return {
    async check() {
      const found = await autoUpdater.checkForUpdates();
      if (found === null) throw new Error('This package cannot be updated by itself.');
      return found.isUpdateAvailable ? found.updateInfo.version : undefined;
    },
    async download(progress) {
      const tell = ({ percent }: { percent: number }): void => progress(percent);
      autoUpdater.on('download-progress', tell);
      try {
        await autoUpdater.downloadUpdate();
      } finally {
        autoUpdater.removeListener('download-progress', tell);
      }
    },
  };
}
