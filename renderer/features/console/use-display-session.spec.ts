import { flushPromises, mount } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defineComponent, ref } from 'vue';
import { provideHost } from '../../host/client.ts';
import { useApplication } from '../../stores/application.ts';
import { fakeOutput, fakeProperties } from '../../testing/fake-display.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { useDisplaySession, type DisplaySession } from './use-display-session.ts';

const host = (): FakeHost => new FakeHost([machine({ state: 'running' })]);

let close = (): void => undefined;
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => {
  close();
  vi.useRealTimers();
});

/** A console of 800 × 600 on a machine that runs. */
async function openConsole(fake: FakeHost): Promise<DisplaySession> {
  let session: DisplaySession | undefined;
  const place = defineComponent(() => {
    void useApplication().start();
    session = useDisplaySession(() => 'hello', 0, ref('running' as const), () => ({ output: 0, width: 800, height: 600 }));
    return () => null;
  });
  const view = mount(place, { global: { plugins: [createPinia(), { install: (app) => provideHost(app, fake.client) }] } });
  close = () => view.unmount();
  await pass(100);
  if (session === undefined) throw new Error('There is no session.');
  return session;
}

async function pass(milliseconds: number): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await flushPromises();
  await vi.advanceTimersByTimeAsync(milliseconds);
  for (let turn = 0; turn < 4; turn++) await flushPromises();
}

/** What a machine says of a session of this console: its display has that size, and what the guest shows is right or not. */
async function become(fake: FakeHost, { phase, width, right, use = 'frame' }: { phase: 'configure' | 'frame' | 'live'; width: number; right: boolean; use?: 'frame' | 'vga' }): Promise<void> {
  fake.display.become({
    phase,
    session: { number: 1, client: client(), name: 'Console', since: 0, resumedAfter: null, firstFrameAfter: null, attached: [0], whenEnds: 'run' },
    outputs: [fakeOutput(0, { properties: fakeProperties(width, 600), use, shown: { width: 640, height: 480 }, right })],
  });
  await pass(0);
}

const client = (): string => localStorage.getItem('vitrine.client') ?? 'app';

it('a console asks for its output of a machine that is on, and brings none back that was suspended meanwhile', async () => {
  const fake = host();
  await openConsole(fake);
  expect(fake.calls.filter((call) => call.startsWith('attach'))).toEqual(['attach hello 0:800x600']);
});

describe('the picture of a console', () => {
  it('is kept from view until the guest draws for its display', async () => {
    const fake = host();
    const session = await openConsole(fake);
    expect([session.role.value, session.ready.value]).toEqual(['holder', false]);
    // What was there before, and right for that.
    await become(fake, { phase: 'configure', width: 640, right: true });
    expect(session.ready.value).toBe(false);
    await become(fake, { phase: 'frame', width: 640, right: true });
    expect(session.ready.value).toBe(false);
    await become(fake, { phase: 'frame', width: 800, right: false });
    expect(session.ready.value).toBe(false);
    await become(fake, { phase: 'live', width: 800, right: true });
    expect(session.ready.value).toBe(true);
    // A window that is resized later is no reason to hide it.
    await become(fake, { phase: 'live', width: 640, right: false });
    expect(session.ready.value).toBe(true);
  });

  it('is shown of a guest that knows nothing of displays, once its display is set', async () => {
    const fake = host();
    const session = await openConsole(fake);
    await become(fake, { phase: 'frame', width: 800, right: false, use: 'vga' });
    expect(session.ready.value).toBe(true);
  });

  it('is shown after a second, whatever the guest does', async () => {
    const fake = host();
    const session = await openConsole(fake);
    await become(fake, { phase: 'frame', width: 800, right: false });
    await pass(800);
    expect(session.ready.value).toBe(false);
    await pass(200);
    expect(session.ready.value).toBe(true);
  });
});

describe('a console whose page goes', () => {
  it('gives its output back, and does not ask for it again when it hears that nobody has it', async () => {
    const fake = host();
    await openConsole(fake);
    window.dispatchEvent(new Event('pagehide'));
    await pass(0);
    fake.display.become({ session: { number: 1, client: client(), name: 'Console', since: 0, resumedAfter: null, firstFrameAfter: null, attached: [], whenEnds: 'run' } });
    await pass(200);
    expect(fake.calls.filter((call) => call.startsWith('attach'))).toHaveLength(1);
  });
});
