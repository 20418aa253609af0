import { inject, provide, type ComputedRef, type InjectionKey } from 'vue';
import type { MachineSummary } from '../../../main/contract/machine.ts';
import type { PanelRequest } from './panel.ts';

/** What panels may ask of the workbench they are in. */
export interface Workbench {
  readonly machine: ComputedRef<MachineSummary | undefined>;
  /** The last request to each open panel. */
  readonly requests: ReadonlyMap<string, PanelRequest>;
  /** Brings a panel to the front, in this view or in the one it stands in; `request` says what it shall show. */
  show(panel: string, request?: PanelRequest): void;
  /** Takes an open panel away. */
  close(instance: string): void;
}

const key: InjectionKey<Workbench> = Symbol('workbench');

export function provideWorkbench(workbench: Workbench): void {
  provide(key, workbench);
}

/** The workbench around a panel; only within a component's set-up. */
export function useWorkbench(): Workbench {
  const workbench = inject(key);
  if (workbench === undefined) throw new Error('A panel stands in a workbench.');
  return workbench;
}

/** Has `work` called once a person closes the panel or leaves the workbench. Another view does not count: from there one comes back. */
export type WhenClosed = (instance: string, work: () => void) => void;
export const whenClosedKey: InjectionKey<WhenClosed> = Symbol('when a panel is closed');

/** The place in the head of a panel's group, for `PanelHead`. Undefined while the panel is covered. */
export const headKey: InjectionKey<ComputedRef<string | undefined>> = Symbol('head of the group');

export const headId = (group: string): string => `group-head-${group}`;
