import type { DoctorResult } from '../../contract/application.ts';

/** What checkers look at. */
export interface DoctorEnvironment {
  library: string;
  workers: string;
  guests: string;
}

/** What one checker found. */
export type Finding = Pick<DoctorResult, 'outcome' | 'description' | 'fixes'>;

/** One thing that can be wrong, in a file of its own. */
export interface Checker {
  id: string;
  category: DoctorResult['category'];
  title: string;
  /** A sentence why this says nothing here; undefined when it applies. */
  notApplicable?(environment: DoctorEnvironment): string | undefined;
  check(environment: DoctorEnvironment): Promise<Finding> | Finding;
}

/** A finding with nothing to do. */
export function good(description: string): Finding {
  return { outcome: 'good', description, fixes: [] };
}
