/** kill -9 of the app itself, as test/cli/kill.spec.ts does it to the server. VITRINE_KILLS_APP sets how often. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { missingPackages } from '../../build/prepare.mjs';
import { killAgainAndAgain } from '../kill/rounds.ts';
import { displayMissing, startDisplay } from './display-server.ts';

const kills = Number(process.env['VITRINE_KILLS_APP'] ?? 2);
const seed = Number(process.env['VITRINE_SEED'] ?? Date.now() % 1_000_000);
const missing = displayMissing() !== undefined || missingPackages([{ name: 'qemu-utils', program: 'qemu-img' }]).length > 0;

describe.skipIf(missing)('the app, killed at random instants', () => {
  it(
    `opens its library with every machine, and nothing that was flushed is lost (${kills} times)`,
    { timeout: 300_000 + kills * 90_000 },
    async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-kill-'));
      const display = await startDisplay();
      onTestFinished(async () => {
        await display.close();
        // Chromium's helpers may still be writing while they find out that the app is gone.
        rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
      });
      const outcome = await killAgainAndAgain(folder, [{ display: display.name }], kills, seed);
      process.stderr.write(`Killed ${outcome.kills} times (seed ${seed}): ${JSON.stringify(outcome)}\n`);
      expect(outcome.wrong).toEqual([]);
      expect(outcome.kills).toBe(kills);
      expect(outcome.changes).toBeGreaterThan(0);
    },
  );
});
