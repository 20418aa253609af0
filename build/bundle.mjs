/**
 * Builds `out/`. Each output is built only when a file it was made from has changed since; files are written beside and then
 * renamed, so that programs that run meanwhile, and two builds at once, see whole files.
 *
 *   out/engine/*.js      workers of the engine, plain Node
 *   out/cli/vitrine.js   the command line, plain Node
 *   out/main/index.js    Electron's main process
 *   out/preload/*.cjs    the sandboxed preload
 *   out/renderer/        the user interface, for the app and for browsers
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { ROOT } from './prepare.mjs';

const OUT = path.join(ROOT, 'out');
const STAMPS = path.join(OUT, '.stamps');
/** How files end that are not whole yet, and when nobody goes on with them any more. */
const UNFINISHED = '.new';
const UNFINISHED_MILLISECONDS = 10 * 60_000;
/** Change of any of these makes every output stale. */
const ALWAYS = ['build/bundle.mjs', 'build/node-configuration.mjs', 'build/straight-protocols.mjs', 'package-lock.json', 'tsconfig.json'];
/** Stay packages of node_modules: they load files of their own or are CommonJS throughout. */
const EXTERNAL = ['electron', 'electron-log', 'electron-updater', 'node-pty', 'iced-x86', 'pngjs', 'ws', 'commander'];
const isExternal = (id) =>
  id.startsWith('node:') || builtinModules.includes(id) || EXTERNAL.some((name) => id === name || id.startsWith(`${name}/`));

const node = (entries, format = 'es') => ({ kind: 'node', entries, format });

/** Output folder → what is built into it. */
export const TARGETS = {
  engine: node({
    'vcpu-worker': 'engine/machine/vcpu-worker.ts',
    'service-worker': 'engine/machine/service-worker.ts',
  }),
  cli: node({ vitrine: 'main/cli/vitrine.ts' }),
  main: node({ index: 'main/app/index.ts' }),
  preload: node({ preload: 'main/app/preload.ts' }, 'cjs'),
  renderer: { kind: 'renderer' },
};

/** Builds the named targets (all without names) where they are stale. Returns the names that were built. */
export async function bundle(names = Object.keys(TARGETS), say = () => {}) {
  const built = [];
  for (const name of names) {
    const target = TARGETS[name];
    if (target === undefined) throw new Error(`There is no output named "${name}".`);
    if (isFresh(name)) continue;
    say(`Building ${name} ...`);
    const inputs = target.kind === 'renderer' ? await buildRenderer(name) : await buildNode(name, target);
    stamp(name, inputs);
    built.push(name);
  }
  return built;
}

async function buildNode(name, target) {
  // A program that runs may not have loaded every part of the engine yet.
  return writeOutputs(path.join(OUT, name), await runBundler(name, target), name === 'engine' ? 10 * 60_000 : 0);
}

/** Builds a program of plain Node into another folder, whether it is stale or not; `plugins` come before the others. For tests that alter the source. */
export async function bundleInto(folder, name, plugins) {
  writeOutputs(folder, await runBundler(name, TARGETS[name], plugins), 0);
}

async function runBundler(name, { entries, format }, plugins = []) {
  const { build } = await import('vite');
  const { nodeConfiguration } = await import('./node-configuration.mjs');
  const input = Object.fromEntries(Object.entries(entries).map(([key, file]) => [key, path.join(ROOT, file)]));
  const configuration = nodeConfiguration({
    build: { write: false, sourcemap: true },
    rolldownOptions: {
      input,
      external: isExternal,
      output: {
        format,
        codeSplitting: Object.keys(entries).length > 1 && format === 'es',
        entryFileNames: format === 'cjs' ? '[name].cjs' : '[name].js',
        chunkFileNames: 'chunk-[name]-[hash].js',
        banner: (chunk) => (name === 'cli' && chunk.isEntry ? '#!/usr/bin/env node' : ''),
      },
    },
  });
  return build({ ...configuration, plugins: [...plugins, ...configuration.plugins] });
}

async function buildRenderer(name) {
  const { build } = await import('vite');
  const { RENDERER_FILES, rendererConfiguration } = await import('./renderer.mjs');
  const modules = new Set();
  const result = await build({ ...(await rendererConfiguration(modules)), configFile: false, logLevel: 'error' });
  const ofWorkers = [...modules].filter((id) => path.isAbsolute(id) && existsSync(id) && !id.includes('/node_modules/'));
  return [...writeOutputs(path.join(OUT, name), result, 0), ...ofWorkers, ...['build/renderer.mjs', ...RENDERER_FILES].map((file) => path.join(ROOT, file))];
}

/** Writes what vite made; returns the files it was made from. Files of earlier builds go when they are that old, in milliseconds. */
function writeOutputs(folder, result, keepMilliseconds) {
  mkdirSync(folder, { recursive: true });
  const inputs = new Set();
  const written = new Set();
  for (const part of Array.isArray(result) ? result : [result]) {
    for (const output of part.output) {
      for (const id of output.moduleIds ?? []) inputs.add(id.split('?')[0]);
      written.add(output.fileName);
      writeWhole(path.join(folder, output.fileName), output.type === 'chunk' ? output.code : output.source);
      if (output.type === 'chunk' && output.map) {
        written.add(`${output.fileName}.map`);
        writeWhole(path.join(folder, `${output.fileName}.map`), output.map.toString());
      }
    }
  }
  for (const file of listFiles(folder).filter((old) => !written.has(old))) {
    const { mtimeMs } = statSync(path.join(folder, file), { throwIfNoEntry: false }) ?? {};
    // Another build may be about to rename what it has written.
    const keep = file.endsWith(UNFINISHED) ? UNFINISHED_MILLISECONDS : keepMilliseconds;
    if (mtimeMs !== undefined && Date.now() - mtimeMs >= keep) rmSync(path.join(folder, file), { force: true });
  }
  return [...inputs].filter((id) => path.isAbsolute(id) && existsSync(id) && !id.includes('/node_modules/'));
}

function writeWhole(file, content) {
  mkdirSync(path.dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}${UNFINISHED}`;
  writeFileSync(beside, content);
  renameSync(beside, file);
}

function fingerprint(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function stamp(name, inputs) {
  const files = [...inputs, ...ALWAYS.map((file) => path.join(ROOT, file)), ];
  const rows = [...new Set(files)].sort().map((file) => {
    const { mtimeMs, size } = statSync(file);
    return [path.relative(ROOT, file), mtimeMs, size, fingerprint(file)];
  });
  writeWhole(path.join(STAMPS, `${name}.json`), JSON.stringify({ node: process.versions.node, rows }));
}

/** Whether every file this output was made from is as it was: same time and size, or same content. */
function isFresh(name) {
  let rows;
  try {
    ({ rows } = JSON.parse(readFileSync(path.join(STAMPS, `${name}.json`), 'utf8')));
  } catch {
    return false;
  }
  if (!existsSync(path.join(OUT, name))) return false;
  const target = TARGETS[name];
  const extension = target.format === 'cjs' ? 'cjs' : 'js';
  for (const entry of Object.keys(target.entries ?? {})) {
    if (!existsSync(path.join(OUT, name, `${entry}.${extension}`))) return false;
  }
  return rows.every(([file, mtimeMs, size, hash]) => {
    try {
      const now = statSync(path.join(ROOT, file));
      return (now.mtimeMs === mtimeMs && now.size === size) || fingerprint(path.join(ROOT, file)) === hash;
    } catch {
      return false;
    }
  });
}

function listFiles(folder, prefix = '') {
  return readdirSync(path.join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    return entry.isDirectory() ? listFiles(folder, name) : [name];
  });
}
