import type { DoctorResult } from '../../contract/application.ts';
import { acceleration } from './acceleration.ts';
import { addressSpace } from './address-space.ts';
import { appLibraries } from './app-libraries.ts';
import type { Checker, DoctorEnvironment } from './checker.ts';
import { display } from './display.ts';
import { engineWorkers } from './engine-workers.ts';
import { libraryWritable } from './library-folder.ts';
import { libraryLock } from './library-lock.ts';
import { machineFiles } from './machine-files.ts';
import { memory } from './memory.ts';
import { nodeVersion } from './node-version.ts';
import { ports } from './ports.ts';
import { processor } from './processor.ts';
import { sampleGuests } from './sample-guests.ts';
import { sandbox } from './sandbox.ts';
import { sharedFiles } from './shared-files.ts';
import { sharedMemory } from './shared-memory.ts';

/** All of them, in the order in which they are shown. */
export const checkers: readonly Checker[] = [
  nodeVersion,
  processor,
  memory,
  display,
  sandbox,
  appLibraries,
  sharedFiles,
  ports,
  acceleration,
  addressSpace,
  sharedMemory,
  engineWorkers,
  libraryWritable,
  libraryLock,
  machineFiles,
  sampleGuests,
];

/** Runs every checker. One that fails is itself a finding, so that the others are still heard. */
export async function runDoctor(environment: DoctorEnvironment, among: readonly Checker[] = checkers): Promise<DoctorResult[]> {
  const results: DoctorResult[] = [];
  for (const checker of among) {
    const { id, category, title } = checker;
    const reason = checker.notApplicable?.(environment);
    if (reason !== undefined) {
      results.push({ id, category, title, outcome: 'not-applicable', description: reason, fixes: [] });
      continue;
    }
    try {
      results.push({ id, category, title, ...(await checker.check(environment)) });
    } catch (error) {
      const description = `This could not be checked: ${error instanceof Error ? error.message : String(error)}`;
      results.push({ id, category, title, outcome: 'bad', description, fixes: [] });
    }
  }
  return results;
}
