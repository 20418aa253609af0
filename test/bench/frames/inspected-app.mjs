/**
 * The built app in Electron with a library of its own, driven by DevTools' protocol with nothing of it switched on but `Runtime`. Playwright would
 * have Chromium report every frame of every WebSocket to it, which costs more than what is measured.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { ROOT } from '../../../build/prepare.mjs';

const PATIENCE_MILLISECONDS = 60_000;

async function eventually(ask, what) {
  const end = Date.now() + PATIENCE_MILLISECONDS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${PATIENCE_MILLISECONDS / 1000} s.`);
    await wait(200);
  }
}

/** A page whose expressions can be evaluated. */
class InspectedPage {
  #next = 1;
  #waiting = new Map();

  constructor(socket) {
    this.socket = socket;
    socket.on('message', (data) => {
      const { id, result, error } = JSON.parse(String(data));
      const settle = this.#waiting.get(id);
      this.#waiting.delete(id);
      settle?.(result, error);
    });
  }

  /** The value of an expression, awaited. */
  evaluate(expression) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, (result, error) => {
        const failure = error?.message ?? result?.exceptionDetails?.exception?.description ?? result?.exceptionDetails?.text;
        if (failure) reject(new Error(failure));
        else resolve(result.result.value);
      });
      this.socket.send(
        JSON.stringify({ id, method: 'Runtime.evaluate', params: { expression, awaitPromise: true, returnByValue: true } }),
      );
    });
  }
}

/** Starts Xvfb and the app; `close` ends both. */
export async function startInspectedApp(electron) {
  const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-frames-'));
  const display = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1600x1000x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const number = await new Promise((resolve, reject) => {
    display.once('error', reject);
    display.stdio[3].once('data', (chunk) => resolve(String(chunk).trim()));
  });
  const library = path.join(folder, 'library');
  const words = [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    `--user-data-dir=${folder}/profile`,
    '--remote-debugging-port=0',
    ROOT,
  ];
  const app = spawn(electron, words, {
    env: { ...process.env, DISPLAY: `:${number}`, VITRINE_LIBRARY: library },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  app.stderr.on('data', (chunk) => (said += chunk));
  const port = await eventually(() => /ws:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1], 'The app offers its debugging port');
  return {
    folder,
    /** The first page whose address matches. */
    async page(address) {
      const target = await eventually(async () => {
        const targets = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
        return targets.find(({ type, url }) => type === 'page' && address.test(url));
      }, `A page at ${address}`);
      const socket = new WebSocket(target.webSocketDebuggerUrl, { perMessageDeflate: false });
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
      return new InspectedPage(socket);
    },
    /** Runs the command line on the app's library. */
    command(...args) {
      const { status, stderr } = spawnSync(process.execPath, [path.join(ROOT, 'out/cli/vitrine.js'), ...args], {
        encoding: 'utf8',
        env: { ...process.env, VITRINE_LIBRARY: library },
      });
      if (status !== 0) throw new Error(`vitrine ${args[0]} ended with ${status}: ${stderr}`);
    },
    async close() {
      const ended = new Promise((resolve) => app.once('exit', resolve));
      app.kill('SIGTERM');
      const late = setTimeout(() => app.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(late);
      display.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
