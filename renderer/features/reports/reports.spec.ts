import { flushPromises } from '@vue/test-utils';
import { afterEach, describe, expect, it } from 'vitest';
import { h, type Component } from 'vue';
import type { MachineSummary } from '../../../main/contract/machine.ts';
import { useApplication } from '../../stores/application.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { openPanel, type OpenPanel } from '../../testing/open-panel.ts';
import { reachesOutside } from './outside.ts';
import ReportButton from './ReportButton.vue';
import ReportContentsPanel from './ReportContentsPanel.vue';
import ReportPanel from './ReportPanel.vue';
import ReportSavePanel from './ReportSavePanel.vue';

const opened: OpenPanel[] = [];
afterEach(() => {
  for (const panel of opened.splice(0)) panel.close();
});

/** The three panels beside each other, with the host's word on what this front is. */
async function open(prepare: (host: FakeHost) => void = () => undefined, desktop = true) {
  const host = new FakeHost([machine()]);
  prepare(host);
  const parts: Component[] = [ReportPanel, ReportContentsPanel, ReportSavePanel];
  let isStarted = false;
  const all = (props: Record<string, unknown>, { attrs }: { attrs: Record<string, unknown> }) => {
    const application = useApplication();
    if (!isStarted) {
      isStarted = true;
      void application.start().then(() => {
        if (!desktop && application.about) application.about = { ...application.about, desktop: false };
      });
    }
    return parts.map((part) => h(part, { ...attrs, ...props }));
  };
  all.inheritAttrs = false;
  const panel = await openPanel(all, host);
  opened.push(panel);
  await flushPromises();
  const click = async (selector: string): Promise<void> => {
    await panel.view.get(selector).trigger('click');
    await flushPromises();
  };
  return { host, panel, view: panel.view, click };
}

describe('the report view', () => {
  it('begins with a button and what it does, and then shows the page, the sections and the sizes', async () => {
    const { view, click, host } = await open();
    expect(view.text()).toContain('No report yet');
    expect(view.get('[data-action=save-report]').attributes('disabled')).toBeDefined();
    await click('[data-action=take-report]');
    expect(host.calls).toContain('report hello');
    const page = view.get('iframe');
    expect(page.attributes('sandbox')).toBe('allow-same-origin allow-modals');
    expect(page.attributes('srcdoc')).toContain('data-theme="light"');
    expect(view.get('[data-section=trace]').text()).toBe('Tracenone');
    expect(view.text()).toContain('The page needs nothing from outside');
    await view.get('#report-kind-json').trigger('click');
    expect(view.get('pre').text()).toBe('json of 1');
  });

  it('says why there is no report', async () => {
    const { view, click } = await open((host) => (host.reports.refusal = 'Only some of its processors run.'));
    await click('[data-action=take-report]');
    expect(view.text()).toContain('Only some of its processors run.');
  });

  it('leaves out what may be private, a core with it, and adds notes', async () => {
    const { view, click, host } = await open();
    await click('[data-action=take-report]');
    await view.get('[data-format=core]').setValue(true);
    await view.get('[data-action=redact]').setValue(true);
    await flushPromises();
    expect(view.get('[data-format=core]').attributes('disabled')).toBeDefined();
    expect(view.text()).toContain('it is memory, which is left out');
    await view.get('#report-kind-json').trigger('click');
    expect(view.get('pre').text()).toBe('json of 1, redacted');
    await click('[data-action=save-report]');
    expect(host.calls).toContain('save json html to /chosen redacted');
    expect(view.get('[aria-label="Saved files"]').text()).toContain('/chosen/hello.html');
    await view.get('#report-notes').setValue('Look here.');
    await expect.poll(() => view.get('pre').text()).toBe('json of 1, redacted, Look here.');
  });

  it('can be cancelled while it is written, and says that nothing is left', async () => {
    const { view, click } = await open((host) => (host.reports.saving = new Promise(() => undefined)));
    await click('[data-action=take-report]');
    await click('[data-action=save-report]');
    expect(view.find('[data-testid=report-progress]').exists()).toBe(true);
    await click('[data-action=cancel-report]');
    await expect.poll(() => view.text()).toContain('Cancelled; nothing of it is left.');
    expect(view.find('[data-testid=report-progress]').exists()).toBe(false);
  });

  it('has no core in a browser, and downloads instead of folders', async () => {
    const { view, click } = await open(undefined, false);
    await click('[data-action=take-report]');
    expect(view.text()).toContain('too large for a browser; use vitrine report');
    expect(view.find('[data-action=save-report]').exists()).toBe(false);
    expect(view.get('[data-action=download-report]').attributes('disabled')).toBeUndefined();
  });
});

describe('the button of the bar', () => {
  const both = (_props: Record<string, unknown>, { attrs }: { attrs: Record<string, unknown> }) => [
    h(ReportButton, { machine: attrs['machine'] as MachineSummary, offers: true }),
    h(ReportButton, { machine: attrs['machine'] as MachineSummary, offers: false }),
  ];
  both.inheritAttrs = false;

  it('takes a report by one click and shows it', async () => {
    const host = new FakeHost([machine()]);
    const panel = await openPanel(both, host);
    opened.push(panel);
    expect(panel.view.find('[data-action=report-occasion]').exists()).toBe(false);
    await panel.view.get('[data-action=report]').trigger('click');
    await flushPromises();
    expect(host.calls).toContain('report hello');
    expect(panel.shown).toEqual([{ panel: 'report', request: undefined }]);
  });

  it('offers one after a triple fault, until it was taken', async () => {
    const host = new FakeHost([machine()]);
    host.machineEvents.push({ kind: 'tripleFault', chain: [] });
    const panel = await openPanel(both, host);
    opened.push(panel);
    await flushPromises();
    const offer = panel.view.get('[data-action=report-occasion]');
    expect(offer.text()).toBe('Report a triple fault');
    await offer.trigger('click');
    await flushPromises();
    expect(panel.view.find('[data-action=report-occasion]').exists()).toBe(false);
  });
});

describe('a page that reaches outside', () => {
  it.each([
    '<img src="http://x/">',
    '<a href="//x">x</a>',
    '<script>1</script>',
    '<style>a{background:url(x)}</style>',
    '<style>@import "x"</style>',
    '<p style="background:url(x)">',
    '<img srcset="x 1x">',
    '<object data="x"></object>',
  ])('is told by %s', (html) => expect(reachesOutside(html)).toBe(true));

  it('is not told by its own anchors and pictures', () => {
    expect(reachesOutside('<a href="#x">x</a><img src="data:image/png;base64,AA=="><style>a{color:red}</style>')).toBe(false);
  });
});
