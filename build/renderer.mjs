import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './prepare.mjs';

/** Not modules, but parts of the renderer: a change of them makes it stale. */
export const RENDERER_FILES = ['renderer/index.html', 'renderer/theme/first-paint.js'];

/** Puts the theme's script before everything else, as a classic script: a module would run after the first paint. */
const firstPaint = {
  name: 'first-paint',
  transformIndexHtml: () => [{ tag: 'script', attrs: { src: './first-paint.js' }, injectTo: 'head-prepend' }],
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'first-paint.js', source: readFileSync(path.join(ROOT, 'renderer/theme/first-paint.js')) });
  },
};

/** Tells of the modules that workers are made of; they are no part of the page's own chunks. */
const workerModules = (found) => ({
  name: 'worker-modules',
  generateBundle(_options, output) {
    for (const part of Object.values(output)) for (const id of part.moduleIds ?? []) found.add(id.split('?')[0]);
  },
});

/** How vite builds the user interface: one page for the app and for browsers, nothing fetched from elsewhere. `modules` takes those of workers. */
export async function rendererConfiguration(modules = new Set()) {
  const { default: vue } = await import('@vitejs/plugin-vue');
  return {
    root: path.join(ROOT, 'renderer'),
    base: './',
    publicDir: false,
    plugins: [vue(), firstPaint],
    worker: { format: 'es', plugins: () => [workerModules(modules)] },
    build: {
      write: false,
      target: 'chrome120',
      sourcemap: true,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      chunkSizeWarningLimit: 4096,
    },
  };
}
