/** The guard's blocks: what must not lie where the guest can address it. Saved. */
import { array, defineBlock, scalar } from '../layout/block.ts';

/** The machine has up to 1,540 of its own (guard-pages.ts); an agent may give as many again. */
export const maximumNodes = 3072;
export const agentNameBytes = 16;

export const guardBlock = defineBlock('guard', 1, {
  /** Page of the tree's root plus one; 0: nothing is listed. */
  root: scalar('u32'),
  /** Action at a write to a node. */
  treeAction: scalar('u32'),
  listed: scalar('u32'),
  /** An agent in the guest has registered itself; it can no longer take back or weaken what it has protected. */
  agent: scalar('u32'),
  sealed: scalar('u32'),
  agentName: array('u8', agentNameBytes),
  /** Alerts raised since power-on. */
  alerts: scalar('u32'),
  treeAlerts: scalar('u32'),
  /** Alerts that the stream to the host had no room for. They are in the ring. */
  unsent: scalar('u32'),
});

/** Pages that are nodes or kept for nodes. */
export const nodesBlock = defineBlock('guard-nodes', 1, {
  count: scalar('u32'),
  page: array('u32', maximumNodes),
  /** 0 spare, else the node's level plus one. */
  level: array('u8', maximumNodes),
  /** 1: RAM that an agent gave, 0: a page that the machine has for this. */
  given: array('u8', maximumNodes),
});
