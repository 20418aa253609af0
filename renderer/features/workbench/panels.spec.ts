import { afterEach, expect, it, vi } from 'vitest';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { openPanel, type OpenPanel } from '../../testing/open-panel.ts';
import { PANELS } from './panels.ts';

let open: OpenPanel | undefined;
afterEach(() => {
  open?.close();
  vi.restoreAllMocks();
});

it.each(PANELS.map(({ id, component }) => ({ id, component })))('$id takes what every panel is given', async ({ component }) => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  open = await openPanel(component, new FakeHost([machine()]));
  // An attribute that no property takes, and no single root either, is one that somebody forgot.
  expect(said.mock.calls.map(([text]) => String(text)).filter((text) => text.includes('Extraneous non-props'))).toEqual([]);
});
