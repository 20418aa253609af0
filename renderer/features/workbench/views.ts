import type { PanelDescription } from './panel.ts';
import { PANELS } from './panels.ts';

/** A group of tabs: the ids of its panels. The first one is in front. */
export interface GroupDescription {
  panels: readonly string[];
  /** Its share of the column's height. */
  height: number;
}

/** A view is a layout of panels to begin with; each machine then keeps its own. */
export interface ViewDescription {
  /** Stands in saved layouts: never to be changed. */
  id: string;
  title: string;
  /** From left to right, each with its share of the width. */
  columns: readonly { width: number; groups: readonly GroupDescription[] }[];
}

/** In the order of Ctrl 1, Ctrl 2, and so on. */
export const VIEWS: readonly ViewDescription[] = [
  {
    id: 'console',
    title: 'Console',
    columns: [
      { width: 70, groups: [{ panels: ['console'], height: 1 }] },
      {
        width: 30,
        groups: [
          { panels: ['machine', 'vcpu-charts'], height: 50 },
          { panels: ['serial'], height: 50 },
        ],
      },
    ],
  },
  {
    id: 'inspect',
    title: 'Inspect',
    columns: [
      { width: 20, groups: [{ panels: ['registers', 'fpu', 'msrs'], height: 1 }] },
      {
        width: 50,
        groups: [
          { panels: ['disassembly', 'trace'], height: 57 },
          { panels: ['memory', 'stack', 'symbols', 'terminal'], height: 43 },
        ],
      },
      {
        width: 30,
        groups: [
          { panels: ['page-walk', 'descriptors', 'lapic', 'devices'], height: 52 },
          { panels: ['breakpoints', 'watches'], height: 29 },
          { panels: ['call-stack', 'structures'], height: 19 },
        ],
      },
    ],
  },
  {
    id: 'assembly',
    title: 'Assembly',
    columns: [
      {
        width: 68,
        groups: [
          { panels: ['editor'], height: 80 },
          { panels: ['problems', 'outline'], height: 20 },
        ],
      },
      {
        width: 32,
        groups: [
          { panels: ['console', 'serial'], height: 38 },
          { panels: ['registers', 'memory', 'stack'], height: 36 },
          { panels: ['instruction', 'breakpoints', 'watches'], height: 26 },
        ],
      },
    ],
  },
  {
    id: 'smm',
    title: 'SMM',
    columns: [
      {
        width: 70,
        groups: [
          { panels: ['smm-timeline'], height: 53 },
          { panels: ['smm-rendezvous', 'smm-latched'], height: 47 },
        ],
      },
      {
        width: 30,
        groups: [
          { panels: ['smm-latency'], height: 41 },
          { panels: ['smm-vcpus'], height: 22 },
          { panels: ['smm-save-state', 'smram'], height: 37 },
        ],
      },
    ],
  },
  {
    id: 'guard',
    title: 'Guard',
    columns: [
      { width: 30, groups: [{ panels: ['guard-pages'], height: 1 }] },
      {
        width: 70,
        groups: [
          { panels: ['guard-tree'], height: 44 },
          { panels: ['guard-alerts'], height: 56 },
        ],
      },
    ],
  },
  {
    id: 'displays',
    title: 'Displays',
    columns: [
      {
        width: 66,
        groups: [
          { panels: ['display-arrangement'], height: 45 },
          { panels: ['display-outputs'], height: 25 },
          { panels: ['display-history', 'display-requests'], height: 30 },
        ],
      },
      {
        width: 34,
        groups: [
          { panels: ['display-edid'], height: 56 },
          { panels: ['display-session'], height: 44 },
        ],
      },
    ],
  },
  {
    id: 'pair',
    title: 'Pair',
    columns: [
      {
        width: 70,
        groups: [
          { panels: ['pair-screens', 'pair-client'], height: 42 },
          { panels: ['pair-charts'], height: 24 },
          { panels: ['pair-events', 'pair-requests'], height: 34 },
        ],
      },
      {
        width: 30,
        groups: [
          { panels: ['pair-state'], height: 46 },
          { panels: ['pair-faults'], height: 28 },
          { panels: ['pair-divergence'], height: 26 },
        ],
      },
    ],
  },
  {
    id: 'report',
    title: 'Report',
    columns: [
      { width: 20, groups: [{ panels: ['report-contents'], height: 1 }] },
      { width: 55, groups: [{ panels: ['report'], height: 1 }] },
      { width: 25, groups: [{ panels: ['report-save'], height: 1 }] },
    ],
  },
];

/** The same view with only those panels that there are; undefined when there is none. */
export function withPanels(view: ViewDescription, panels: readonly PanelDescription[]): ViewDescription | undefined {
  const known = new Set(panels.map(({ id }) => id));
  const columns = view.columns
    .map(({ width, groups }) => ({
      width,
      groups: groups
        .map((group) => ({ ...group, panels: group.panels.filter((id) => known.has(id)) }))
        .filter((group) => group.panels.length > 0),
    }))
    .filter(({ groups }) => groups.length > 0);
  return columns.length > 0 ? { ...view, columns } : undefined;
}

/** The views that have something to show. */
export function availableViews(panels: readonly PanelDescription[] = PANELS): ViewDescription[] {
  return VIEWS.map((view) => withPanels(view, panels)).filter((view) => view !== undefined);
}

/** The view a panel is at home in: the first one that has it; undefined if none does. */
export function homeOf(panel: string, views: readonly ViewDescription[]): ViewDescription | undefined {
  return views.find(({ columns }) => columns.some(({ groups }) => groups.some(({ panels }) => panels.includes(panel))));
}
