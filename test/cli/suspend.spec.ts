/** Suspend and resume through the built program: across processes, and with processes that are killed. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandLine } from './vitrine.ts';

let vitrine: CommandLine;
const begun: ReturnType<CommandLine['begin']>[] = [];
beforeEach(async () => {
  vitrine = await CommandLine.open();
});
afterEach(async () => {
  for (const { child, ended } of begun.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  await vitrine.close();
});

const folder = () => path.join(vitrine.library, 'hello');
const state = () => path.join(folder(), 'suspended.vst');

/** The library in a process of its own, as a server has it. */
async function serve() {
  const server = vitrine.begin('serve', '--json');
  begun.push(server);
  for (let round = 0; round < 200 && !server.said.out.includes('\n'); round++) await wait(50);
  expect(server.said.out, server.said.err).toContain('"url"');
  return server;
}

async function stateOf(): Promise<string> {
  const { out } = await vitrine.run('list', '--json');
  const entries = JSON.parse(out) as { id: string; state: string }[];
  return entries.find(({ id }) => id === 'hello')?.state ?? 'none';
}

describe('a machine that a server holds', () => {
  it('is suspended and resumed by name, and suspended when the server ends', async () => {
    const server = await serve();
    expect((await vitrine.run('start', 'hello')).status).toBe(0);
    const suspended = await vitrine.run('suspend', 'hello');
    expect(suspended).toMatchObject({ status: 0, err: '' });
    expect(suspended.out).toMatch(/^hello is suspended; [\d.]+ [KM]iB kept\.\n$/);
    expect(await stateOf()).toBe('suspended');
    const refused = await vitrine.run('start', 'hello');
    expect(refused.status).not.toBe(0);
    expect(refused.err).toContain('Hello is suspended. Resume it, or discard its state first.');
    expect((await vitrine.run('resume', 'hello')).out).toMatch(/^hello is running in vitrine serve/);
    expect(existsSync(state())).toBe(false);

    server.child.kill('SIGTERM');
    await server.ended;
    expect(existsSync(state())).toBe(true);
    expect(await stateOf()).toBe('suspended');
    await serve();
    expect((await vitrine.run('resume', 'hello')).status).toBe(0);
    expect(await stateOf()).toBe('running');
  });

  it('discards a state that is not wanted, and says what is no state', async () => {
    await serve();
    await vitrine.run('start', 'hello');
    await vitrine.run('suspend', 'hello');
    expect((await vitrine.run('discard', 'hello')).out).toBe('The state of hello was discarded; it is off.\n');
    const again = await vitrine.run('discard', 'hello');
    expect(again.status).not.toBe(0);
    expect(again.err).toContain('Hello is not suspended.');
  });
});

describe('kill -9', () => {
  it('in the middle of a suspend leaves the old state or the new one, never a part', async () => {
    const rounds = 3;
    for (let round = 0; round < rounds; round++) {
      const server = await serve();
      const verb = existsSync(state()) ? 'resume' : 'start';
      const on = await vitrine.run(verb, 'hello');
      expect(on.status, on.err).toBe(0);
      const suspending = vitrine.run('suspend', 'hello');
      // Until the file is begun, and then any time.
      for (let look = 0; look < 500 && !readdirSync(folder()).some((name) => name.includes('suspended.vst')); look++) await wait(2);
      await wait(Math.random() * 30);
      server.child.kill('SIGKILL');
      await server.ended;
      await suspending;
      if (existsSync(state())) {
        const bytes = readFileSync(state());
        expect(bytes.subarray(-64, -60).toString('latin1'), 'a whole file ends with its end').toBe('END ');
        expect(statSync(state()).size).toBeGreaterThan(1000);
      }
    }
    await serve();
    expect(readdirSync(folder()).filter((name) => name.startsWith('.'))).toEqual([]);
    const last = await vitrine.run(existsSync(state()) ? 'resume' : 'start', 'hello');
    expect(last.status, last.err).toBe(0);
  });
});
