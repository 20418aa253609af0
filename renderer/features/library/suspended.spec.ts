import { describe, expect, it } from 'vitest';
import { machine } from '../../testing/fake-host.ts';
import { caption } from '../../ui/wording.ts';
import { isLive, isOn, needsAttention, shapeOf, wordOf } from '../../ui/state.ts';
import { libraryCommands, type LibraryActions } from './commands.ts';
import { passes } from './filter.ts';

const minute = 60_000;
const suspended = machine({ state: 'suspended', suspended: { since: 0, bytes: 12 * 1024 * 1024 }, since: 0 });

function titles(part: Partial<LibraryActions>): string[] {
  const nothing = (): void => undefined;
  const actions: LibraryActions = {
    machines: [],
    selected: undefined,
    theme: 'light',
    newMachine: nothing,
    tour: nothing,
    edit: nothing,
    clone: nothing,
    remove: nothing,
    select: nothing,
    console: nothing,
    workbench: nothing,
    protect: nothing,
    report: nothing,
    control: nothing,
    setTheme: nothing,
    setLayout: nothing,
    settings: nothing,
    keyboardMap: nothing,
    ...part,
  };
  return libraryCommands(actions).map(({ title }) => title);
}

describe('a suspended machine', () => {
  it('has a shape, a word and a sentence of its own, and is at rest', () => {
    expect([shapeOf(suspended), wordOf(suspended), isLive(suspended)]).toEqual(['suspended', 'Suspended', false]);
    expect(caption(suspended, 5 * minute)).toBe('Suspended 5 min ago, 12 MiB kept');
    expect(passes(suspended, 'suspended')).toBe(true);
    expect(passes(machine(), 'suspended')).toBe(false);
  });

  it('is resumed or deleted by command, not started, paused or reset', () => {
    const offered = titles({ machines: [suspended], selected: suspended });
    expect(offered).toContain('Resume Hello');
    expect(offered).toContain('Delete Hello');
    expect(offered.some((title) => /^(Start|Pause|Reset|Power off|Suspend) Hello/.test(title))).toBe(false);
  });
});

describe('a running machine', () => {
  it('is suspended by command; a crashed one is not', () => {
    expect(titles({ machines: [machine({ state: 'running' })] })).toContain('Suspend Hello');
    expect(titles({ machines: [machine({ state: 'crashed' })] })).not.toContain('Suspend Hello');
  });
});

describe('a machine that runs as a pair', () => {
  const reason = 'The secondary is gone.';
  const pair = machine({ state: 'paired', reason, pair: { state: 'unprotected', port: 4001, screens: [] } });

  it('is one machine with the state of the pair, its reason, and a filter of its own', () => {
    expect([shapeOf(pair), wordOf(pair), caption(pair, 0)]).toEqual(['unprotected', 'Unprotected', 'Unprotected. The secondary is gone.']);
    expect([isLive(pair), isOn(pair), needsAttention(pair)]).toEqual([false, true, true]);
    expect([passes(pair, 'paired'), passes(pair, 'running'), passes(suspended, 'paired')]).toEqual([true, false, false]);
    const calm = machine({ state: 'paired', pair: { state: 'protected', port: 4001, screens: [] } });
    expect([wordOf(calm), needsAttention(calm)]).toEqual(['Protected', false]);
  });

  it('is offered nothing that would be refused', () => {
    const offered = titles({ machines: [pair], selected: pair });
    expect(offered).toContain('Show the pair Hello');
    for (const refused of ['Start', 'Pause', 'Suspend', 'Reset', 'Power off', 'Clone', 'Delete', 'Take a report of', 'Show the console of'])
      expect(offered, refused).not.toContain(`${refused} Hello`);
    expect(titles({ machines: [machine()] })).toContain('Protect Hello with a second machine');
    expect(titles({ machines: [suspended] })).not.toContain('Protect Hello with a second machine');
  });
});
