/** What was dropped on a page: a file's content, and in the app the path as well. */
export interface Dropped {
  name: string;
  folder: boolean;
  /** Absent in a browser, which is not told where a file is. */
  path: string | undefined;
  /** Absent for a folder. */
  file: File | undefined;
}

const PATH_MILLISECONDS = 1000;

/** The paths of the drop that is just being handled, from the preload (main/app/preload.ts), whose message follows the event. */
function nextPaths(): Promise<string[]> {
  return new Promise((resolve) => {
    const end = (paths: string[]): void => {
      clearTimeout(timer);
      window.removeEventListener('message', receive);
      resolve(paths);
    };
    const receive = (event: MessageEvent<unknown>): void => {
      const { data } = event;
      if (event.source !== window || typeof data !== 'object' || data === null || !('vitrineDropped' in data)) return;
      const paths = data.vitrineDropped;
      end(Array.isArray(paths) ? paths.filter((path) => typeof path === 'string') : []);
    };
    const timer = setTimeout(() => end([]), PATH_MILLISECONDS);
    window.addEventListener('message', receive);
  });
}

/** The first thing that was dropped; undefined if it was no file. To be called within the drop's own event. */
export async function takeDropped(event: DragEvent): Promise<Dropped | undefined> {
  const transfer = event.dataTransfer;
  const file = transfer?.files[0];
  if (!transfer || !file) return undefined;
  // Both end with the event: the browser empties the transfer then.
  const folder = transfer.items?.[0]?.webkitGetAsEntry?.()?.isDirectory ?? false;
  const paths = location.protocol === 'app:' ? await nextPaths() : [];
  return { name: file.name, folder, path: paths[0] === '' ? undefined : paths[0], file: folder ? undefined : file };
}
