/**
 * Who may speak without the other. A term is a number that is given once, to one side; whoever has the newest one speaks.
 */

export type Standing =
  /** The term is the newest and this side's, for certain: it may speak now. */
  | 'held'
  /** Nothing is known to have changed, and nothing proves it: what would be said waits. */
  | 'unproven'
  /** Another has a newer term, for good. */
  | 'lost';

export interface Lease {
  /**
   * True for the one side that gets this term; `term` is the next behind the one that it knows. Answered when it is certain, however long that takes. `after`:
   * milliseconds that it leaves to the other, with nothing in its way, before it asks itself.
   */
  acquire(term: number, after?: number): Promise<boolean>;
  /** Answered at once, so that a look at the lease and what it allows are not torn apart by other events. */
  standing(term: number): Standing;
  /** Whether a term could be asked for now, as far as is known. */
  readonly isReachable: boolean;
  /** Gives up what it has, so that the other need not wait. Nothing is asked of it afterwards. */
  end(): Promise<void>;
}
