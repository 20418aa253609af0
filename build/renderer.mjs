import path from 'node:path';
import { ROOT } from './prepare.mjs';

/** How vite builds the user interface: one page for the app and for browsers, nothing fetched from elsewhere. */
export async function rendererConfiguration() {
  const { default: vue } = await import('@vitejs/plugin-vue');
  return {
    root: path.join(ROOT, 'renderer'),
    base: './',
    publicDir: false,
    plugins: [vue()],
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
