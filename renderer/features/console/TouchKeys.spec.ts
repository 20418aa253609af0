import { flushPromises, mount } from '@vue/test-utils';
import { afterEach, describe, expect, it } from 'vitest';
import { chord } from '../../../main/contract/scancodes.ts';
import { provideHost } from '../../host/client.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import TouchKeys from './TouchKeys.vue';

let close = (): void => undefined;
afterEach(() => close());

function open() {
  const host = new FakeHost([machine({ state: 'running' })]);
  const view = mount(TouchKeys, { props: { id: 'hello' }, attachTo: document.body, global: { plugins: [{ install: (app) => provideHost(app, host.client) }] } });
  close = () => view.unmount();
  const field = view.get<HTMLInputElement>('input');
  return {
    host,
    view,
    tap: (key: string) => view.get(`[data-key=${key}]`).trigger('click'),
    /** As the phone's keyboard does: what was there stays in front. */
    async type(text: string) {
      field.element.value = text === '' ? '' : field.element.value + text;
      await field.trigger('input');
      await flushPromises();
    },
    sent: () => (view.emitted('input') ?? []).map(([message]) => message),
  };
}

const scancodes = (...keys: string[]) => ({ kind: 'scancodes', bytes: chord(...keys) });

describe('the keys for fingers', () => {
  it('send what a phone’s keyboard has not', async () => {
    const { tap, sent } = open();
    for (const key of ['Escape', 'Tab', 'ArrowUp', 'ctrl-alt-del']) await tap(key);
    expect(sent()).toEqual([scancodes('Escape'), scancodes('Tab'), scancodes('ArrowUp'), scancodes('ControlLeft', 'AltLeft', 'Delete')]);
  });

  it('hold Ctrl and Alt for the next key only, and say that they are held', async () => {
    const { tap, type, sent, view } = open();
    await tap('ControlLeft');
    expect(view.get('[data-key=ControlLeft]').attributes('aria-pressed')).toBe('true');
    await type('c');
    expect(view.get('[data-key=ControlLeft]').attributes('aria-pressed')).toBe('false');
    await tap('ControlLeft');
    await tap('AltLeft');
    await tap('AltLeft');
    await tap('Escape');
    expect(sent()).toEqual([scancodes('ControlLeft', 'KeyC'), scancodes('ControlLeft', 'Escape')]);
  });

  it('type what the phone’s keyboard writes, in its order, and its backspace', async () => {
    const { host, type, sent } = open();
    await type('L');
    await type('s /');
    await type('');
    expect(host.calls.filter((call) => call.startsWith('type'))).toEqual(['type hello L', 'type hello s /']);
    expect(sent()).toEqual([scancodes('Backspace')]);
  });
});
