/**
 * Who may speak without the other. A term is a number that is given once, to one side; whoever has the newest one speaks.
 *
 * The implementations answer at once, so that a look at the lease and what it allows are not torn apart by other events.
 */
import type { SideName } from './messages.ts';

export interface Lease {
  /** True for the one side that gets this term; `term` is the next behind the one that it knows. */
  acquire(term: number, side: SideName): boolean;
  /** Whether `term` is the newest that anyone has, and this side's. */
  holds(term: number): boolean;
}
