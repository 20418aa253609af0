import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

/** Builds out/engine, which tests with real workers start. */
const withWorkers = ['build/vitest-workers.mjs'];
/** Builds everything and gets Electron. */
const withApp = ['build/vitest-app.mjs'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['engine/**/*.spec.ts', 'main/**/*.spec.ts', 'build/**/*.spec.ts', 'assets/**/*.spec.ts', 'test/support/**/*.spec.ts'],
          environment: 'node',
          globalSetup: withWorkers,
          testTimeout: 20_000,
        },
      },
      {
        plugins: [vue()],
        test: {
          name: 'renderer',
          include: ['renderer/**/*.spec.ts'],
          environment: 'happy-dom',
          testTimeout: 20_000,
        },
      },
      ...(['model', 'oracle', 'boot'] as const).map((name) => ({
        test: {
          name,
          include: [`test/${name}/**/*.spec.ts`],
          environment: 'node' as const,
          globalSetup: withWorkers,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      })),
      {
        test: {
          name: 'cli',
          include: ['test/cli/**/*.spec.ts'],
          environment: 'node',
          globalSetup: ['build/vitest-command-line.mjs'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.spec.ts'],
          environment: 'node',
          globalSetup: withApp,
          testTimeout: 90_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'dist',
          include: ['test/dist/**/*.spec.ts'],
          environment: 'node',
          globalSetup: withApp,
          testTimeout: 90_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
