import { describe, expect, it } from 'vitest';
import { firstLayout, readLayout } from './layout.ts';
import type { PanelDescription } from './panel.ts';
import { instanceId, panelOf, PANELS } from './panels.ts';
import { availableViews, homeOf, VIEWS, withPanels, type ViewDescription } from './views.ts';

const component = { render: () => null };
const panels: PanelDescription[] = ['a', 'b', 'c'].map((id) => ({ id, title: id.toUpperCase(), icon: component, component }));
const view: ViewDescription = {
  id: 'view',
  title: 'View',
  columns: [
    { width: 3, groups: [{ panels: ['a', 'absent'], height: 1 }] },
    {
      width: 1,
      groups: [
        { panels: ['b'], height: 1 },
        { panels: ['absent'], height: 1 },
        { panels: ['c'], height: 3 },
      ],
    },
  ],
};

describe('the registry of panels', () => {
  it('has each panel once, and each at most once in a view', () => {
    const ids = PANELS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, columns } of VIEWS) {
      const placed = columns.flatMap(({ groups }) => groups.flatMap((group) => group.panels));
      expect(new Set(placed).size, id).toBe(placed.length);
    }
    // Beside the editor, and yet at home where they are looked for.
    expect(homeOf('registers', VIEWS)?.id).toBe('inspect');
    expect(homeOf('console', VIEWS)?.id).toBe('console');
    expect(new Set(VIEWS.map(({ id }) => id)).size).toBe(VIEWS.length);
  });

  it('names a second one of a panel by a number, and finds the panel of it', () => {
    expect(instanceId('a', 1)).toBe('a');
    expect(panelOf(instanceId('a', 2), panels)?.id).toBe('a');
    expect(panelOf('absent:2', panels)).toBeUndefined();
  });

  it('shows only the views that have a panel', () => {
    expect(availableViews().every(({ columns }) => columns.length > 0)).toBe(true);
    expect(withPanels(view, [])).toBeUndefined();
    expect(availableViews(panels)).toEqual([]);
  });

  it('finds the view that a panel stands in', () => {
    expect(homeOf('c', [view])?.id).toBe('view');
    expect(homeOf('elsewhere', [view])).toBeUndefined();
  });
});

describe('the first layout of a view', () => {
  const layout = firstLayout(withPanels(view, panels) ?? view, panels);

  it('has the groups in their columns, with their shares, and no panel that is not there', () => {
    expect(layout.grid.root).toMatchObject({
      type: 'branch',
      data: [
        { type: 'leaf', size: 7500, data: { views: ['a'], activeView: 'a' } },
        {
          type: 'branch',
          size: 2500,
          data: [
            { size: 2500, data: { views: ['b'] } },
            { size: 7500, data: { views: ['c'] } },
          ],
        },
      ],
    });
    expect(Object.keys(layout.panels)).toEqual(['a', 'b', 'c']);
    expect(layout.panels['a']?.title).toBe('A');
  });

  it('is read again from its text', () => {
    expect(readLayout(JSON.stringify(layout), panels)).toEqual(layout);
  });

  it('is not taken from a damaged text, or when a panel is not in this version', () => {
    expect(readLayout(null, panels)).toBeUndefined();
    for (const text of ['', '[]', 'null', '{"grid":{}}', '{"grid":null,"panels":{}}'])
      expect(readLayout(text, panels)).toBeUndefined();
    expect(readLayout(JSON.stringify(layout), panels.slice(1))).toBeUndefined();
  });
});
