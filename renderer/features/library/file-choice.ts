import { UPLOAD_LIMIT } from '../../../main/contract/bytes.ts';
import type { FileSource } from '../../../main/contract/library.ts';
import { useHost } from '../../host/client.ts';
import type { Dropped } from '../../host/dropped.ts';
import { useApplication } from '../../stores/application.ts';
import { byteCount } from '../../ui/wording.ts';

export interface ChosenFile {
  source: FileSource;
  name: string;
}

export interface FileChoice {
  /** Takes the page's own file input, which a browser needs; its `change` and `cancel` call `picked`. */
  bind(input: unknown): void;
  picked(): void;
  /** The system's dialog where there is one: a path needs no upload. Undefined: nothing was chosen. Rejects with a sentence. */
  browse(title: string): Promise<ChosenFile | undefined>;
  /** What was dropped or picked. Rejects with a sentence when it is too large to be sent. */
  of(dropped: Dropped): Promise<ChosenFile | undefined>;
}

/** How a person names a file of the host: by path in the app, by its bytes from a browser. */
export function useFileChoice(): FileChoice {
  const host = useHost();
  const application = useApplication();
  let picker: HTMLInputElement | undefined;
  let done: ((file: File | undefined) => void) | undefined;

  async function of({ name, path, file }: Dropped): Promise<ChosenFile | undefined> {
    if (path !== undefined) return { source: { kind: 'path', path }, name };
    if (!file) return undefined;
    if (file.size > UPLOAD_LIMIT) {
      const most = byteCount(UPLOAD_LIMIT);
      throw new Error(
        `${name} has ${byteCount(file.size)}; at most ${most} can be sent from a browser. Use the app, or the command line.`,
      );
    }
    return { source: { kind: 'bytes', name, bytes: new Uint8Array(await file.arrayBuffer()) }, name };
  }

  return {
    bind(input) {
      picker = input instanceof HTMLInputElement ? input : undefined;
    },
    of,
    picked() {
      done?.(picker?.files?.[0]);
      done = undefined;
      // The same file can be chosen once more.
      if (picker) picker.value = '';
    },
    async browse(title) {
      if (application.about?.desktop) {
        const chosen = await host.desktop.chooseFile({ title });
        return chosen
          ? { source: { kind: 'path', path: chosen.path }, name: chosen.path.split(/[/\\]/).at(-1) ?? chosen.path }
          : undefined;
      }
      done?.(undefined);
      const file = new Promise<File | undefined>((resolve) => (done = resolve));
      picker?.click();
      const chosen = await file;
      return chosen && of({ name: chosen.name, folder: false, path: undefined, file: chosen });
    },
  };
}
