import { existsSync } from 'node:fs';
import path from 'node:path';
import { TARGETS, bundle } from './bundle.mjs';
import { ROOT } from './prepare.mjs';

/**
 * Before tests: builds the engine's workers where they are stale. In the whole suite a failure ends the run. When single specs
 * are run it is only reported, so that one half-edited file does not keep every other test from running; a test that starts
 * workers then works with the ones built last.
 */
export async function setup() {
  const absent = Object.values(TARGETS.engine.entries).filter((file) => !existsSync(path.join(ROOT, file)));
  try {
    if (absent.length > 0) throw new Error(`${absent.join(' and ')} not found`);
    await bundle(['engine']);
  } catch (error) {
    if (process.env.VITRINE_WHOLE_SUITE) throw error;
    process.stderr.write(`warning: out/engine is NOT up to date, its build failed: ${error.message}\n`);
  }
}
