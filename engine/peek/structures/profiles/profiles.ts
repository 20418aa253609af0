/** All profiles that ship. */
import { StructureError } from '../types.ts';
import { acpiTables, biosData, mpTables } from './firmware.ts';
import { guardLab, lantern, linux } from './guests.ts';
import { descriptorTables, pageTables, taskState } from './processor.ts';
import type { Profile } from './profile.ts';

export const profiles: readonly Profile[] = [
  descriptorTables,
  taskState,
  pageTables,
  biosData,
  mpTables,
  acpiTables,
  lantern,
  guardLab,
  linux,
];

export function profileOf(id: string): Profile {
  const found = profiles.find((profile) => profile.id === id);
  if (found === undefined)
    throw new StructureError(`There is no profile ${id}; there are ${profiles.map((profile) => profile.id).join(', ')}.`);
  return found;
}
