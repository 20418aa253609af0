import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { createApp } from 'vue';
import { createMemoryHistory, createRouter } from 'vue-router';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { useApplication } from '../../stores/application.ts';
import { useLibrary } from '../../stores/library.ts';
import { useNotices } from '../../stores/notices.ts';
import { provideHost } from '../../host/client.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import LibraryView from './LibraryView.vue';

let wrapper: VueWrapper | undefined;

/** The library on a fake host, as the app's start makes it. */
async function open(host: FakeHost): Promise<VueWrapper> {
  const pinia = createPinia();
  const starter = createApp({});
  starter.use(pinia);
  provideHost(starter, host.client);
  await starter.runWithContext(() => Promise.all([useApplication().start(), useLibrary().start()]));
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/', component: LibraryView },
      { path: '/console/:id', name: 'console', component: {} },
      { path: '/machine/:id', name: 'workbench', component: {} },
    ],
  });
  wrapper = mount(LibraryView, {
    attachTo: document.body,
    global: { plugins: [pinia, router, { install: (app) => provideHost(app, host.client) }] },
  });
  await flushPromises();
  return wrapper;
}

/** Dialogs are outside of the view's own element. */
const inPage = (selector: string): HTMLElement => {
  const found = document.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`Nothing matches ${selector}`);
  return found;
};

afterEach(() => {
  wrapper?.unmount();
  document.body.innerHTML = '';
  localStorage.clear();
  vi.useRealTimers();
});

describe('the library', () => {
  it('says what to do when it is empty', async () => {
    const view = await open(new FakeHost([]));
    expect(view.text()).toContain('No machines yet');
    expect(view.find('.empty-state button').text()).toContain('New machine');
  });

  it('shows a pair as one item of two screens, the primary first, and what a side that is gone does not show', async () => {
    const screens = [
      { side: 'b' as const, role: 'primary' as const, picture: 1 },
      { side: 'a' as const, role: 'secondary' as const, picture: 2 },
    ];
    const paired = machine({ state: 'paired', reason: 'Outputs agree.', pair: { state: 'protected', port: 4001, screens } });
    const host = new FakeHost([paired]);
    host.pairs.pictures = { a: Uint8Array.of(1), b: Uint8Array.of(2) };
    const view = await open(host);
    const card = view.find('.card.pair');
    expect(card.findAll('img').map((img) => img.attributes('alt'))).toEqual(['Screen of Hello, Primary, side b', 'Screen of Hello, Secondary, side a']);
    expect(card.text()).toContain('two machines, one outside');
    expect(card.text()).toContain('Protected. Outputs agree.');
    useLibrary().put({ ...paired, reason: 'The secondary is gone.', pair: { state: 'unprotected', port: 4001, screens: [...screens.slice(0, 1), { side: 'a', role: 'gone', picture: 2 }] } });
    await flushPromises();
    expect(card.findAll('img')).toHaveLength(1);
    expect(card.text()).toContain('It is gone');
    expect(card.text()).toContain('Gone, side a');
  });

  it('shows state as shape, word and sentence, never as a colour alone', async () => {
    const view = await open(new FakeHost([machine({ state: 'paused', reason: 'You paused it.' })]));
    const caption = view.find('[data-entry=hello] .cap');
    expect(caption.attributes('data-st')).toBe('paused');
    expect(caption.find('svg').exists()).toBe(true);
    expect(caption.text()).toContain('You paused it.');
    expect(view.find('[data-entry=hello]').attributes('aria-label')).toBe('Hello. Paused. You paused it.');
    expect(view.find('.det .badge').text()).toBe('Paused');
  });

  it('shows a folder that cannot be opened with its reason, under “Needs you”', async () => {
    const view = await open(
      new FakeHost([
        machine(),
        { kind: 'unreadable', id: 'broken', folder: '/library/broken', problem: 'cannot be opened: version 9 is newer.' },
      ]),
    );
    const attention = view.findAll('nav button').find((button) => button.text().startsWith('Needs you'));
    expect(attention?.text()).toContain('1');
    await attention?.trigger('click');
    expect(view.findAll('[data-entry]').map((card) => card.attributes('data-entry'))).toEqual(['broken']);
    expect(view.text()).toContain('version 9 is newer');
  });

  it('starts the selected machine and opens its console', async () => {
    const host = new FakeHost([machine()]);
    const view = await open(host);
    await view.find('[data-action=start]').trigger('click');
    await flushPromises();
    expect(host.calls).toEqual(['start hello', 'console hello']);
    expect(view.find('[data-action=pause]').exists()).toBe(true);
  });

  it('says why a machine did not start, opens nothing, and leaves the start button', async () => {
    const host = new FakeHost([machine()]);
    host.refusal = 'The image is larger than the memory.';
    const view = await open(host);
    await view.find('[data-action=start]').trigger('click');
    await flushPromises();
    expect(host.calls).toEqual(['start hello']);
    expect(useNotices().list).toMatchObject([{ title: 'Hello did not start' }]);
    expect(view.find('[data-action=start]').attributes('disabled')).toBeUndefined();
  });

  it('follows what other fronts do', async () => {
    const host = new FakeHost([machine()]);
    const view = await open(host);
    host.change('hello', { state: 'running', since: Date.now() });
    await flushPromises();
    expect(view.find('.gh').text()).toContain('Running');
    host.publish({ kind: 'removed', id: 'hello' });
    await flushPromises();
    expect(view.findAll('[data-entry]')).toHaveLength(0);
  });

  it('finds by every word that was typed', async () => {
    const view = await open(new FakeHost([machine(), machine({ id: 'lantern', name: 'Lantern', note: 'A small kernel' })]));
    await view.find('input[type=search]').setValue('small lant');
    expect(view.findAll('[data-entry]').map((card) => card.attributes('data-entry'))).toEqual(['lantern']);
    await view.find('input[type=search]').setValue('nothing such');
    expect(view.text()).toContain('Nothing matches “nothing such”');
  });
});

function write(field: HTMLInputElement | undefined, value: string): void {
  if (!field) throw new Error('There is no such field.');
  field.value = value;
  field.dispatchEvent(new Event('input'));
}

/** What the wizard's Next and Create do. */
async function submit(): Promise<void> {
  inPage('.dialog form').dispatchEvent(new Event('submit'));
  await flushPromises();
}

const fields = (): HTMLInputElement[] => [
  ...document.querySelectorAll<HTMLInputElement>('.dialog .step .field input:not(:disabled)'),
];

describe('a new machine', () => {
  async function wizard(host: FakeHost): Promise<void> {
    const view = await open(host);
    await view.find('.tool .btn.primary').trigger('click');
    await flushPromises();
  }

  it('is made from the chosen sample with the given name, and not before the last step', async () => {
    const host = new FakeHost([]);
    await wizard(host);
    await submit();
    expect(fields().map(({ value }) => value)).toEqual(['Hello', '1', '16']);
    write(fields()[0], 'Mine');
    await flushPromises();
    await submit();
    await submit();
    expect(host.created).toEqual([]);
    expect(inPage('[data-testid=review]').textContent).toContain('Mine');
    await submit();
    expect(host.created).toEqual([
      { name: 'Mine', memoryBytes: 16 * 1024 * 1024, cpus: 1, clock: 'wall', source: { kind: 'sample', sample: 'hello' }, drives: [] },
    ]);
  });

  it('says what is refused, why, and puts a value that works; Next names what is to mend', async () => {
    const host = new FakeHost([]);
    await wizard(host);
    await submit();
    vi.useFakeTimers();
    write(fields()[2], '4096');
    await vi.advanceTimersByTimeAsync(400);
    expect(inPage('.dialog').textContent).toContain('4096 MiB is refused. A machine has at most 3072 MiB of memory.');
    expect(inPage('[data-testid=missing]').textContent).toBe('1 value to mend: Memory');
    expect(inPage('.dialog [data-action=next]').hasAttribute('disabled')).toBe(true);
    inPage('.dialog form').dispatchEvent(new Event('submit'));
    await vi.advanceTimersByTimeAsync(10);
    expect(document.querySelector('[data-testid=review]')).toBeNull();
    inPage('[data-action=fix]').click();
    await vi.advanceTimersByTimeAsync(400);
    expect(fields()[2]?.value).toBe('3072');
    expect(inPage('.dialog [data-action=next]').hasAttribute('disabled')).toBe(false);
  });

  it('is not made from a dropped file that nothing starts from; the reason is shown first', async () => {
    const host = new FakeHost([]);
    const view = await open(host);
    const drop = new Event('drop', { cancelable: true });
    Object.assign(drop, { dataTransfer: { files: [new File(['just text'], 'text.txt')] } });
    view.element.dispatchEvent(drop);
    await flushPromises();
    await vi.waitFor(() => expect(inPage('.dialog').textContent).toContain('which no machine starts from'));
    expect(inPage('.dialog [data-action=next]').hasAttribute('disabled')).toBe(true);
  });
});

describe('what the app is asked to open', () => {
  it('begins a new machine with it, one file after the other', async () => {
    const host = new FakeHost([]);
    host.toOpen.push(
      { path: '/images/one.txt', name: 'one.txt', folder: false },
      { path: '/images/two.txt', name: 'two.txt', folder: false },
    );
    await open(host);
    await vi.waitFor(() => expect(inPage('.dialog').textContent).toContain('one.txt'));
    expect(inPage('.dialog').textContent).not.toContain('two.txt');
    inPage('.dialog').dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
    await vi.waitFor(() => expect(inPage('.dialog').textContent).toContain('two.txt'));
  });
});

describe('groups and tags', () => {
  it('are filters, and the search finds by them', async () => {
    const host = new FakeHost([machine({ group: 'Kernel course', tags: ['boot'] }), machine({ id: 'lantern', name: 'Lantern' })]);
    const view = await open(host);
    const shown = (): (string | undefined)[] => view.findAll('[data-entry]').map((card) => card.attributes('data-entry'));
    for (const title of ['Kernel course', 'boot']) {
      await view
        .findAll('nav button')
        .find((button) => button.text().startsWith(title))
        ?.trigger('click');
      expect(shown()).toEqual(['hello']);
    }
    await view
      .findAll('nav button')
      .find((button) => button.text().startsWith('All machines'))
      ?.trigger('click');
    await view.find('input[type=search]').setValue('kernel');
    expect(shown()).toEqual(['hello']);
  });

  it('are edited while the machine runs; memory is not, and says why', async () => {
    const host = new FakeHost([machine({ state: 'running' })]);
    const view = await open(host);
    await view.find('[data-entry=hello]').trigger('keydown', { key: 'F2' });
    await flushPromises();
    expect(inPage('.dialog').textContent).toContain('Only while the machine is off');
    const inputs = [...document.querySelectorAll<HTMLInputElement>('.dialog .field input:not(:disabled)')];
    write(inputs[1], 'Course');
    write(inputs[2], 'a, b');
    await flushPromises();
    await submit();
    expect(host.calls).toEqual(['configure hello group note tags']);
    expect(host.entries[0]).toMatchObject({ group: 'Course', tags: ['a', 'b'] });
  });
});

describe('deleting', () => {
  it('lists each file, proposes the least, and keeps what is a person’s own', async () => {
    const host = new FakeHost([machine()]);
    const view = await open(host);
    await view.find('[data-entry=hello]').trigger('keydown', { key: 'Delete' });
    await flushPromises();
    const dialog = inPage('.dialog');
    expect(dialog.textContent).toContain('hello.asm');
    expect(inPage('[data-action=delete]').textContent).toContain('Delete 1 file, 300 bytes');
    inPage('[data-action=delete]').click();
    await flushPromises();
    expect(host.calls).toEqual(['delete hello machine']);
    expect(view.findAll('[data-entry]')).toHaveLength(0);
  });

  it('keeps the disks that linked clones stand on, and says whose they are', async () => {
    const host = new FakeHost([machine(), machine({ id: 'linked', name: 'Linked', linkedTo: ['hello'] })]);
    await open(host);
    (document.querySelector('[data-entry=hello]') as HTMLElement).dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Delete', bubbles: true }),
    );
    await flushPromises();
    expect(inPage('[data-testid=dependants]').textContent).toContain('1 linked clone stands on its disks: Linked.');
    expect(inPage('input[value=machine-and-disks]').hasAttribute('disabled')).toBe(true);
  });

  it('is not offered while the machine is on', async () => {
    const view = await open(new FakeHost([machine({ state: 'running' })]));
    await view.find('[data-entry=hello]').trigger('keydown', { key: 'Delete' });
    await flushPromises();
    expect(document.querySelector('.dialog')).toBeNull();
  });
});
