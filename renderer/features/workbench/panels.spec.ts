import { afterEach, expect, it, vi } from 'vitest';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { openPanel, type OpenPanel } from '../../testing/open-panel.ts';
import { PANELS } from './panels.ts';

/** The editor's assembler: nobody answers here. */
class SilentWorker extends EventTarget {
  postMessage(): void {}
  terminate(): void {}
}

let open: OpenPanel | undefined;
afterEach(() => {
  open?.close();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it.each(PANELS.map(({ id, component }) => ({ id, component })))('$id takes what every panel is given', async ({ component }) => {
  vi.stubGlobal('Worker', SilentWorker);
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  open = await openPanel(component, new FakeHost([machine()]));
  // An attribute that no property takes, and no single root either, is one that somebody forgot.
  expect(said.mock.calls.map(([text]) => String(text)).filter((text) => text.includes('Extraneous non-props'))).toEqual([]);
});
