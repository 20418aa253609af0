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

/** How vite builds the user interface: one page for the app and for browsers, nothing fetched from elsewhere. */
export async function rendererConfiguration() {
  const { default: vue } = await import('@vitejs/plugin-vue');
  return {
    root: path.join(ROOT, 'renderer'),
    base: './',
    publicDir: false,
    plugins: [vue(), firstPaint],
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
