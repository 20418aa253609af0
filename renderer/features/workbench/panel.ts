import type { Component } from 'vue';
import type { MachineSummary } from '../../../main/contract/machine.ts';

/** What a panel is asked to show: "go there" of another panel, or of the command field. */
export interface PanelRequest {
  /** A linear address, unless it is said to be physical. */
  address?: bigint;
  physical?: boolean;
  /** A vCPU's number. */
  vcpu?: number;
}

/** The props of every panel. */
export interface PanelProps {
  /** The machine, live. */
  machine: MachineSummary;
  /** False while another tab covers it: nothing needs to be asked or drawn then. */
  visible: boolean;
  /** A new object with each request. */
  request?: PanelRequest | undefined;
}

/** A panel of the workbench. Its head may carry words and controls: `PanelHead`. */
export interface PanelDescription {
  /** Stands in saved layouts: never to be changed. */
  id: string;
  title: string;
  icon: Component;
  /** Takes {@link PanelProps}. */
  component: Component;
  /** More than one may be open, each with a place of its own. */
  several?: boolean;
}
