import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundledPackages, notices, runtimePackages } from './notices.mjs';

let root: string;

function put(name: string, content: object | string): void {
  const file = path.join(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
}

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'vitrine-notices-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

describe('the packages that are shipped', () => {
  it('are those whose code is in a bundle, also where packages lie in packages', () => {
    put('out/main/index.js.map', {
      sources: ['../../main/app/index.ts', '../../node_modules/zod/v4/a.js', '../../node_modules/@orpc/x/node_modules/@a/b/c.js'],
    });
    put('out/main/index.js', 'node_modules/not-a-map/x.js');
    expect(bundledPackages(root)).toEqual(['node_modules/@orpc/x/node_modules/@a/b', 'node_modules/zod']);
  });

  it('are those that run, and not what only builds', () => {
    put('package-lock.json', {
      packages: { '': {}, 'node_modules/ws': {}, 'node_modules/vite': { dev: true }, 'node_modules/y': { devOptional: true } },
    });
    expect(runtimePackages(root)).toEqual(['node_modules/ws']);
  });
});

describe('their notices', () => {
  it('have the name, the version, where the source is, and the licence’s own words of each, once', () => {
    put('node_modules/ws/package.json', {
      name: 'ws',
      version: '8.0.0',
      license: 'MIT',
      repository: { url: 'git+https://example.org/ws.git' },
    });
    put('node_modules/ws/LICENSE', 'Permission is granted.');
    const text = notices(['node_modules/ws', 'node_modules/ws'], root);
    expect(text.match(/ws 8\.0\.0 \(MIT\)\nSource: https:\/\/example\.org\/ws\.git\n\nPermission is granted\./g)).toHaveLength(1);
  });

  it('are refused for a package that says nothing of its licence', () => {
    put('node_modules/x/package.json', { name: 'x', version: '1.0.0' });
    expect(() => notices(['node_modules/x'], root)).toThrow('node_modules/x says nothing of its licence');
  });
});
