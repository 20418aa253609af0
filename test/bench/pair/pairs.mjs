/** Machines and pairs in a library of their own, by the command line that people use (out/cli/vitrine.js). */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ROOT } from '../../../build/prepare.mjs';
import { freePort } from '../free-port.mjs';

const program = path.join(ROOT, 'out/cli/vitrine.js');

export class Library {
  #folder = mkdtempSync(path.join(tmpdir(), 'vitrine-pair-bench-'));
  #ends = [];
  #pids = new Set();
  environment = { ...process.env, VITRINE_LIBRARY: path.join(this.#folder, 'library') };

  async vitrine(...words) {
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...words], { env: this.environment, maxBuffer: 1 << 26 });
    return stdout;
  }

  /** All processes stand still, or go on. */
  stand(still) {
    for (const pid of this.#pids) process.kill(pid, still ? 'SIGSTOP' : 'SIGCONT');
  }

  /** A pair's verb that answers with its status. */
  async pair(...words) {
    const status = JSON.parse(await this.vitrine('pair', ...words, '--json'));
    for (const one of [status.gateway, status.sides?.a, status.sides?.b]) if (one) this.#pids.add(one.pid);
    return status;
  }

  async until(machine, what, condition) {
    for (const end = performance.now() + 60_000; ; await delay(50)) {
      const status = await this.pair('status', machine);
      if (condition(status)) return status;
      if (performance.now() > end) throw new Error(`Waited for ${what}: ${JSON.stringify(status)}`);
    }
  }

  /** `vitrine run` with COM1 on a port; the port. */
  async run(...words) {
    const port = await freePort();
    const child = spawn(process.execPath, [program, 'run', ...words, '--serial', `tcp:${port}`], { env: this.environment, stdio: 'ignore' });
    this.#pids.add(child.pid);
    this.#ends.push(new Promise((resolve) => child.once('close', resolve)));
    return port;
  }

  /** Ends everything that was started, and removes it. */
  async close() {
    for (const pid of this.#pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    this.#pids.clear();
    await Promise.all(this.#ends);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export const percentile = (values, share) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
};
