import { flushPromises } from '@vue/test-utils';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DisplayLogEntry, DisplayStateMessage } from '../../../main/contract/display.ts';
import { fakeOutput, fakeProperties } from '../../testing/fake-display.ts';
import { FakeHost, machine } from '../../testing/fake-host.ts';
import { openPanel, type OpenPanel } from '../../testing/open-panel.ts';
import { arrange, freeOutput } from './arrangement.ts';
import ArrangementPanel from './ArrangementPanel.vue';
import EdidPanel from './EdidPanel.vue';
import HistoryPanel from './HistoryPanel.vue';
import { holderBefore, historyOf } from './history.ts';
import OutputsPanel from './OutputsPanel.vue';
import RequestsPanel from './RequestsPanel.vue';
import SessionPanel from './SessionPanel.vue';
import { guestWords, positionWords } from './wording.ts';

const entry = (at: number, client: string, what: DisplayLogEntry['what'], sentence = '', session = 1): DisplayLogEntry => ({ at, session, client, what, sentence });
const log = [
  entry(1000, 'Desk', 'open'),
  entry(1000, 'Desk', 'detect', 'Desk is 1280 × 800.'),
  entry(1010, 'Desk', 'resume'),
  entry(2000, 'Laptop', 'view'),
  entry(2500, 'Desk', 'change', 'The display became 640 × 480 + 300 × 200.'),
  entry(3000, 'Laptop', 'end'),
  entry(4000, 'Desk', 'end'),
  entry(4005, '', 'suspend'),
  entry(4500, 'Laptop', 'refuse', 'Output 0 cannot be 801 pixels wide: the width is even.', 0),
  entry(5000, 'Laptop', 'open', '', 2),
  entry(5010, 'Laptop', 'resume', '', 2),
];

const two: Partial<DisplayStateMessage> = {
  phase: 'live',
  session: { number: 2, client: 'app', name: 'This app', since: 0, resumedAfter: 3.25, firstFrameAfter: 18.4, attached: [1, 3], whenEnds: 'suspend' },
  whenSessionEnds: 'suspend',
  outputs: Array.from({ length: 8 }, (_, output) =>
    output === 1
      ? fakeOutput(1, {
          properties: fakeProperties(800, 600, { x: 200, primary: true, millimetres: { width: 210, height: 160, estimated: true } }),
          edid: new Uint8Array(128).fill(7),
          edidFacts: [{ name: 'Maker, product', value: 'VTR 0001', bytes: [[8, 12]] }],
          use: 'frame',
          frames: 41_207,
          right: true,
        })
      : output === 3
        ? fakeOutput(3, { properties: fakeProperties(200, 400, { orientation: 90 }), use: 'frame', refusal: 'The frame that the guest asked for does not lie in the display memory.' })
        : fakeOutput(output),
  ),
  desktop: { x: 0, y: 0, width: 1000, height: 600 },
};

let open: OpenPanel | undefined;
afterEach(() => open?.close());

async function panel(component: Parameters<typeof openPanel>[0], part: Partial<DisplayStateMessage> = two): Promise<{ text: string; host: FakeHost; open: OpenPanel }> {
  const host = new FakeHost([machine({ state: 'running' })]);
  if (host.display.state !== null) host.display.state = { ...host.display.state, ...part };
  host.display.log = log;
  open = await openPanel(component, host);
  await flushPromises();
  return { text: open.view.text(), host, open };
}

describe('the arrangement', () => {
  it('is to scale, in the middle of its area', () => {
    const state = { outputs: two.outputs ?? [], desktop: { x: 0, y: 0, width: 1000, height: 600 } };
    expect(arrange(state, { width: 600, height: 300 }).map(({ output, left, top, width, height }) => [output.output, left, top, width, height])).toEqual([
      [1, 150, 0, 400, 300],
      [3, 50, 0, 100, 200],
    ]);
    expect(arrange({ ...state, desktop: { x: 0, y: 0, width: 0, height: 0 } }, { width: 600, height: 300 })).toEqual([]);
    expect(freeOutput(state.outputs)).toBe(0);
  });

  it('leaves a name the room up to an output beside it, and no more than there is', () => {
    const at = (output: number, width: number, height: number, x: number) => fakeOutput(output, { properties: fakeProperties(width, height, { x }) });
    const rooms = (outputs: DisplayStateMessage['outputs']) =>
      arrange({ outputs, desktop: { x: 0, y: 0, width: 1000, height: 600 } }, { width: 1000, height: 600 }, 26).map(({ room }) => room);
    expect(rooms([at(0, 400, 300, 0), at(1, 600, 600, 400)])).toEqual([400, 600]);
    // The name is below the other one, which is not in its way.
    expect(rooms([at(0, 400, 600, 0), at(1, 600, 300, 400)])).toEqual([1000, 600]);
  });

  it('says what its outputs are, and where keys go in', async () => {
    const { open } = await panel(ArrangementPanel);
    const outputs = open.view.findAll('.out').map((output) => output.text());
    expect(outputs).toEqual(['Output 1Primary800 × 600 at 200, 0keys go in here', 'Output 3200 × 400 at 0, 0keys go in here']);
    open.close();
    const still = await panel(ArrangementPanel, { ...two, session: null });
    expect(still.open.view.text()).not.toContain('keys go in here');
  });
});

describe('the history of sessions', () => {
  it('has a lane for each client, and says when the machine stood still', () => {
    const { lanes, suspended, from } = historyOf(log);
    expect(from).toBe(1000);
    expect(lanes).toEqual([
      { client: 'Desk', stays: [{ kind: 'holder', session: 1, from: 1000, to: 4000, words: '640 × 480 + 300 × 200' }], refusals: [] },
      {
        client: 'Laptop',
        stays: [
          { kind: 'viewer', session: 1, from: 2000, to: 3000, words: 'looks on' },
          { kind: 'holder', session: 2, from: 5000, to: undefined, words: '' },
        ],
        refusals: [{ at: 4500, sentence: 'Output 0 cannot be 801 pixels wide: the width is even.' }],
      },
    ]);
    expect(suspended).toEqual([{ from: 4005, to: 5010 }]);
  });

  it('reads the sizes behind names of any kind', () => {
    const { lanes } = historyOf([entry(1, 'This app', 'open'), entry(1, 'This app', 'detect', 'This app is 800 × 600 + 200 × 200.')]);
    expect(lanes[0]?.stays[0]?.words).toBe('800 × 600 + 200 × 200');
  });

  it('ends who looked on with the holder, and tells clients of one name apart', () => {
    const { lanes } = historyOf([
      entry(1, 'Browser', 'open'),
      entry(2, 'Phone', 'view'),
      entry(3, 'Browser', 'open', '', 2),
      entry(3, 'Browser', 'detect', 'Browser is 400 × 800.', 2),
      entry(3, 'Browser', 'take-over', 'Browser takes the machine over.'),
      entry(9, 'Browser', 'end', 'Browser has closed.', 2),
    ]);
    expect(lanes[0]?.stays).toEqual([
      { kind: 'holder', session: 1, from: 1, to: 3, words: '' },
      { kind: 'holder', session: 2, from: 3, to: 9, words: '400 × 800' },
    ]);
    expect(lanes[1]?.stays[0]?.to).toBe(9);
  });

  it('knows who had the machine before', () => {
    expect(holderBefore(historyOf(log), 2)).toEqual({ client: 'Desk', to: 4000 });
    expect(holderBefore(historyOf(log), 1)).toBeUndefined();
  });

  it('marks on the lane of a client what it was refused', async () => {
    const { open } = await panel(HistoryPanel);
    expect(open.view.findAll('.track .refused').map((mark) => mark.attributes('title'))).toEqual([expect.stringContaining('the width is even')]);
  });

  it('lists what was refused, alone if that is wanted', async () => {
    const { open } = await panel(RequestsPanel);
    expect(open.view.findAll('tbody tr')).toHaveLength(log.length);
    const only = open.head.querySelector('input');
    only?.click();
    await flushPromises();
    expect(open.view.findAll('tbody tr').map((row) => row.text())).toEqual([expect.stringContaining('the width is even')]);
  });
});

describe('the panels of displays', () => {
  it('say what each output is, and what the guest makes of it', async () => {
    const { open } = await panel(OutputsPanel);
    const rows = open.view.findAll('tbody tr').map((row) => row.text().replace(/\s+/g, ' '));
    expect(rows).toHaveLength(8);
    expect(rows[1]).toContain('800 × 600≈ 210 × 160 mm100 %landscape60 Hzuses it, frame 41,207');
    expect(rows[3]).toContain('portrait, turned 90°');
    expect(rows[3]).toContain('does not lie in the display memory');
    expect(rows[0]).toContain('off');
    await open.view.find('table').trigger('keydown', { key: 'ArrowDown' });
    expect(open.view.find('tr.sel').attributes('data-output')).toBe('1');
  });

  it('say who has the machine, and change what happens when they go', async () => {
    const { text, host, open } = await panel(SessionPanel);
    expect(text).toContain('This app has the machine since');
    expect(text).toContain('3.3 ms after the request');
    expect(text).toContain('18 ms after the request');
    expect(text).toContain('this app, 2 windows');
    expect(text).toMatch(/Before it\s*Desk, until \d/);
    await open.view.findAll('input[type=radio]')[1]?.trigger('change');
    await flushPromises();
    expect(host.calls).toContain('when session ends run');
  });

  it('opens the window of the output that is looked at', async () => {
    const { open } = await panel(SessionPanel);
    const opened = vi.spyOn(window, 'open').mockReturnValue(null);
    await open.view.find('[data-action=console-windows]').trigger('click');
    await flushPromises();
    expect(opened.mock.calls.map(([url]) => url)).toEqual(['/console/hello?output=1', '/console/hello?output=3']);
    opened.mockRestore();
  });

  it('show no EDID where nothing is connected', async () => {
    const { text } = await panel(EdidPanel);
    expect(text).toBe('Nothing is connected to output 0, so it has no EDID.');
  });

  it('say that a dark output is dark', () => {
    expect(guestWords(fakeOutput(2, { properties: fakeProperties(800, 600) }))).toBe('dark: the guest gives it no frame');
    expect(guestWords(fakeOutput(0, { properties: fakeProperties(800, 600), use: 'vga', shown: { width: 720, height: 400 } }))).toBe('shows the VGA, 720 × 400');
  });

  it('names the input devices that the guest has, and who takes what comes', async () => {
    const device = { place: '08.0', state: 'present', driver: 'ready', contacts: 0 } as const;
    const { text } = await panel(SessionPanel, {
      ...two,
      devices: [
        { ...device, kind: 'keyboard' },
        { ...device, kind: 'mouse', place: '09.0', driver: 'none' },
        { ...device, kind: 'pointer', place: '0a.0', state: 'leaving' },
        { ...device, kind: 'touch', place: '0b.0', state: 'coming', contacts: 1 },
        { ...device, kind: 'pen', place: '0c.0', driver: 'broken' },
      ],
    });
    for (const said of ['08.0Keyboarddriver ready', '09.0Mouseno driver', 'Absolute pointerthe guest is to eject it', 'Touch screen, 1 fingeranother comes', 'Pendriver broke the protocol'])
      expect(text.replaceAll(/\s*\n\s*/g, '')).toContain(said);
    expect(positionWords({ devices: [{ ...device, kind: 'pointer' }], takesPositions: true, input: { keyboard: true, mouse: true, pointer: true, touchPoints: 0, pen: false } })).toBe(
      'absolute, by virtio',
    );
  });
});
