/** What Vite is told for programs that run in plain Node and in Electron's main process, the benches' among them: all are built alike. */
import { ROOT } from './prepare.mjs';
import { straightProtocols } from './straight-protocols.mjs';

/** `build` and `rolldownOptions` are added to what all have in common. */
export function nodeConfiguration({ build = {}, rolldownOptions }) {
  return {
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    // The bundler reads TypeScript itself: only so are constant enumerations written out where another module uses them.
    oxc: false,
    plugins: [straightProtocols()],
    ssr: { noExternal: true, target: 'node' },
    build: {
      ssr: true,
      minify: false,
      target: 'node20.19',
      ...build,
      rolldownOptions: { ...rolldownOptions, transform: { typescript: { optimizeConstEnums: true } } },
    },
  };
}
