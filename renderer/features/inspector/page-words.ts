/** What a page is, as the memory panel shows it. */
import type { PageAttributesMessage } from '../../../main/contract/debug.ts';
import { byteCount } from '../../ui/wording.ts';

const BACKING = { ram: 'RAM', rom: 'ROM', device: 'device', none: 'nothing there' } as const;

/** Why nothing of a page was read; a clause without its full stop. Undefined where something should have been. */
export function whyUnread({ reason, backing }: PageAttributesMessage): string | undefined {
  switch (reason) {
    case 'not-present':
      return 'not present, nothing was read';
    case 'reserved-bit':
      return 'a reserved bit is set on the way there, nothing was read';
    case 'unreadable':
      return 'its page table is in no memory, nothing was read';
    case 'mapped':
      if (backing === 'device') return 'a device that cannot be asked without effect';
      return backing === 'none' ? 'no memory is there' : undefined;
  }
}

/** The bar at the left of a row. */
export function kindOf(page: PageAttributesMessage): string {
  if (page.reason !== 'mapped' || page.backing === 'none') return 'absent';
  if (page.smram) return 'smram';
  if (page.traced) return 'traced';
  if (page.hasCode) return 'code';
  return { ram: 'ram', rom: 'rom', device: 'mmio' }[page.backing ?? 'ram'];
}

/** PWUXADT with a dot for what is clear. Rights belong to a mapping: of a physical page there is T alone. */
export function lettersOf(page: PageAttributesMessage, isPhysical: boolean): { letter: string; set: boolean }[] {
  const mapped = !isPhysical && page.reason === 'mapped';
  return (
    [
      ['P', mapped],
      ['W', mapped && page.writable],
      ['U', mapped && page.user],
      ['X', mapped && page.executable],
      ['A', mapped && page.accessed],
      ['D', mapped && page.dirty],
      ['T', page.traced],
    ] as const
  ).map(([letter, set]) => ({ letter, set }));
}

/** For instance "4 KiB page, writable, user, no execute, global". */
export function rightsWords(page: PageAttributesMessage): string {
  return [
    `${byteCount(page.pageSize)} page`,
    page.writable ? 'writable' : 'read-only',
    page.user ? 'user' : 'supervisor',
    page.executable ? '' : 'no execute',
    page.global ? 'global' : '',
  ]
    .filter((word) => word !== '')
    .join(', ');
}

/** What the machine keeps about the page, for instance "RAM, holds code, traced by the guard". */
export function stateWords(page: PageAttributesMessage): string {
  return [
    page.backing === null ? '' : BACKING[page.backing],
    page.smram ? 'SMRAM' : '',
    page.hasCode ? 'holds code' : '',
    page.watched ? 'watched' : '',
    page.traced ? 'traced by the guard' : '',
  ]
    .filter((word) => word !== '')
    .join(', ');
}
