import log from 'electron-log/main';

const LARGEST_BYTES = 5 * 1024 * 1024;

/** Opens the log file; returns its path. What nobody caught goes there too, and on standard error. */
export function openLog(): string {
  log.transports.file.maxSize = LARGEST_BYTES;
  log.transports.console.level = 'warn';
  log.errorHandler.startCatching({ showDialog: false });
  return log.transports.file.getFile().path;
}

/** What should be looked at, but did not stop the work. */
export function warn(text: string): void {
  log.warn(text);
}

/** The details of what should not have happened. */
export function fail(text: string): void {
  log.error(text);
}
