import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { afterEach, describe, expect, it } from 'vitest';
import { provideHost } from '../../host/client.ts';
import { FakeHost } from '../../testing/fake-host.ts';
import NewMachineDialog from './NewMachineDialog.vue';

let wrapper: VueWrapper | undefined;

afterEach(() => {
  wrapper?.unmount();
  document.body.innerHTML = '';
});

const inPage = <Kind extends HTMLElement>(selector: string): Kind => {
  const found = document.querySelector<Kind>(selector);
  if (!found) throw new Error(`Nothing matches ${selector}`);
  return found;
};

describe('a blank machine', () => {
  it('is an empty disk of a size that is checked, and is reviewed before it is made', async () => {
    const host = new FakeHost([]);
    wrapper = mount(NewMachineDialog, {
      attachTo: document.body,
      global: { plugins: [createPinia(), { install: (app) => provideHost(app, host.client) }] },
    });
    await flushPromises();
    inPage('[data-kind=blank]').click();
    await flushPromises();
    const size = inPage<HTMLInputElement>('.start input');
    const next = (): HTMLButtonElement => inPage('[data-action=next]');
    size.value = '0';
    size.dispatchEvent(new Event('input'));
    await flushPromises();
    expect(next().disabled).toBe(true);
    expect(inPage('[data-testid=missing]').textContent).toContain('size of the disk');
    size.value = '2048';
    size.dispatchEvent(new Event('input'));
    await flushPromises();
    expect(next().disabled).toBe(false);
    for (let step = 0; step < 3; step++) {
      inPage('form.wizard').dispatchEvent(new Event('submit'));
      await flushPromises();
    }
    expect(inPage('[data-testid=review]').textContent).toContain('an empty disk of 2');
    expect(inPage('[data-testid=review]').textContent).toContain('128 MiB');
    expect(host.created).toEqual([]);
    inPage('form.wizard').dispatchEvent(new Event('submit'));
    await flushPromises();
    expect(host.created).toMatchObject([
      { name: 'Blank', source: { kind: 'drives', drives: [{ kind: 'disk', emptyBytes: 2048 * 1024 * 1024 }] } },
    ]);
  });
});
