/**
 * The program built once more with a precaution taken out, for negative controls: exact pieces of its source text are replaced. The product has no hook for it.
 * A piece that is not there, or is there twice, is an error: a control that alters nothing would say nothing.
 */
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Plugin } from 'vite';
import { bundleInto } from '../../build/bundle.mjs';

const root = path.resolve(import.meta.dirname, '../..');

export interface Alteration {
  /** Of the repository. */
  readonly file: string;
  readonly text: string;
  readonly by: string;
}

export class AlteredBuild {
  private constructor(
    /** A folder as the repository's: with out/, assets and packages. */
    readonly folder: string,
  ) {}

  /** `targets`: what the altered files are part of; the rest is as it was built last. */
  static async of(targets: readonly ('cli' | 'engine')[], alterations: readonly Alteration[]): Promise<AlteredBuild> {
    const folder = await mkdtemp(path.join(tmpdir(), 'vitrine-altered-'));
    await mkdir(path.join(folder, 'out'));
    await copyFile(path.join(root, 'package.json'), path.join(folder, 'package.json'));
    for (const name of ['assets', 'node_modules']) await symlink(path.join(root, name), path.join(folder, name), 'junction');
    for (const name of ['cli', 'engine'] as const) {
      const out = path.join(folder, 'out', name);
      if (targets.includes(name)) await bundleInto(out, name, [alter(alterations)]);
      // The command line finds its own folder by where it really is.
      else if (name === 'cli')
        await mkdir(out).then(() => copyFile(path.join(root, 'out/cli/vitrine.js'), path.join(out, 'vitrine.js')));
      else await symlink(path.join(root, 'out', name), out, 'junction');
    }
    return new AlteredBuild(folder);
  }

  get program(): string {
    return path.join(this.folder, 'out/cli/vitrine.js');
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

/** A plugin of the bundler. Ends the build with an error when something was not replaced exactly once. */
function alter(alterations: readonly Alteration[]): Plugin {
  const done = new Set<Alteration>();
  return {
    name: 'alter',
    enforce: 'pre',
    transform(code, id) {
      const file = path.relative(root, id).replaceAll('\\', '/');
      let altered = code;
      for (const one of alterations.filter((each) => each.file === file)) {
        const parts = altered.split(one.text);
        if (parts.length !== 2) throw new Error(`${file} has this ${parts.length - 1} times, not once: ${one.text}`);
        altered = parts.join(one.by);
        done.add(one);
      }
      return altered === code ? undefined : { code: altered, map: null };
    },
    buildEnd(error) {
      const missing = alterations.find((each) => !done.has(each));
      if (error === undefined && missing !== undefined) throw new Error(`${missing.file} is no part of what is built.`);
    },
  };
}
