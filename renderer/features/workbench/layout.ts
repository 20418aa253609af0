import { Orientation, type SerializedDockview } from 'dockview-vue';
import type { PanelDescription } from './panel.ts';
import { panelOf, PANELS } from './panels.ts';
import type { ViewDescription } from './views.ts';

/** Layouts are kept as shares of this; the dock stretches them to the window. */
const EXTENT = 10_000;
/** The dock's name of our one component, and of our tab. */
export const PANEL_COMPONENT = 'panel';
export const TAB_COMPONENT = 'tab';

/** A view's layout as the dock reads it. */
export function firstLayout(view: ViewDescription, panels: readonly PanelDescription[] = PANELS): SerializedDockview {
  const shares = (parts: readonly number[]): number[] => {
    const sum = parts.reduce((all, part) => all + part, 0);
    return parts.map((part) => Math.round((part / sum) * EXTENT));
  };
  const widths = shares(view.columns.map(({ width }) => width));
  const open = view.columns.flatMap(({ groups }) => groups.flatMap((group) => group.panels));
  let number = 0;
  const columns = view.columns.map(({ groups }, column) => {
    const heights = shares(groups.map(({ height }) => height));
    const leaves = groups.map((group, row) => ({
      type: 'leaf' as const,
      size: groups.length === 1 ? (widths[column] ?? 0) : (heights[row] ?? 0),
      data: { id: String(++number), views: [...group.panels], activeView: group.panels[0] ?? '' },
    }));
    const [only] = leaves;
    return groups.length === 1 && only ? only : { type: 'branch' as const, size: widths[column] ?? 0, data: leaves };
  });
  return {
    grid: {
      root: { type: 'branch', size: EXTENT, data: columns },
      width: EXTENT,
      height: EXTENT,
      orientation: Orientation.HORIZONTAL,
    },
    panels: Object.fromEntries(
      open.map((id) => [
        id,
        { id, contentComponent: PANEL_COMPONENT, tabComponent: TAB_COMPONENT, title: panelOf(id, panels)?.title ?? id },
      ]),
    ),
    activeGroup: '1',
  };
}

/** Where a machine's layout of a view is kept. */
export function layoutKey(machine: string, view: string): string {
  return `vitrine.workbench.${machine}.${view}`;
}

/** Where it is kept which view a machine showed last. */
export function viewKey(machine: string): string {
  return `vitrine.workbench.${machine}`;
}

/** A kept layout. Undefined when there is none, or one that this version cannot show: damaged, or with a panel it does not have. */
export function readLayout(text: string | null, panels: readonly PanelDescription[] = PANELS): SerializedDockview | undefined {
  if (text === null) return undefined;
  try {
    const kept: unknown = JSON.parse(text);
    return isLayout(kept) && Object.keys(kept.panels).every((instance) => panelOf(instance, panels)) ? kept : undefined;
  } catch {
    return undefined;
  }
}

function isLayout(kept: unknown): kept is SerializedDockview {
  if (typeof kept !== 'object' || kept === null || !('grid' in kept) || !('panels' in kept)) return false;
  return typeof kept.grid === 'object' && kept.grid !== null && typeof kept.panels === 'object' && kept.panels !== null;
}
