/**
 * The licences of the packages that are in what we ship: those that vite bundled, told by the source maps, and those that stay packages.
 * Their licences want to be kept with every copy.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './prepare.mjs';

const LICENCE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** Folders of packages, relative to `root`, of which a bundle under `out` has code. */
export function bundledPackages(root = ROOT) {
  const found = new Set();
  for (const file of readdirSync(path.join(root, 'out'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.map')) continue;
    for (const source of JSON.parse(readFileSync(path.join(root, 'out', file), 'utf8')).sources) {
      // The last node_modules of the path: packages lie in packages.
      const place = /(?:^|\/)(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1];
      if (place !== undefined) found.add(place);
    }
  }
  return [...found].sort();
}

/** Folders of the packages that the lockfile counts to what runs. */
export function runtimePackages(root = ROOT) {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).flatMap(([place, entry]) => (place === '' || entry.dev || entry.devOptional ? [] : [place]));
}

/** One text with the name, version and licence of each. Throws an Error that names a package without either licence text or its name. */
export function notices(places, root = ROOT) {
  const parts = [...new Set(places)].sort().map((place) => {
    const folder = path.join(root, place);
    const { name, version, license, repository } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    const files = existsSync(folder)
      ? readdirSync(folder)
          .filter((file) => LICENCE.test(file))
          .sort()
      : [];
    const texts = files.map((file) => readFileSync(path.join(folder, file), 'utf8').trim());
    if (texts.length === 0 && typeof license !== 'string') throw new Error(`${place} says nothing of its licence.`);
    const source = typeof repository === 'string' ? repository : repository?.url;
    const title = `${name} ${version} (${license ?? 'see below'})`;
    return [source ? `${title}\nSource: ${source.replace(/^git\+/, '')}` : title, ...texts].join('\n\n');
  });
  const head = 'Vitrine contains the following packages. Electron and Chromium have their own files beside this one.';
  return `${[head, ...parts].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
