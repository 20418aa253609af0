import { existsSync } from 'node:fs';
import { good, type Checker } from './checker.ts';

export const acceleration: Checker = {
  id: 'acceleration',
  category: 'engine',
  title: 'Hardware virtualization',
  check: () =>
    good(
      existsSync('/dev/kvm')
        ? 'Not used: Vitrine’s processor is its own. /dev/kvm stays free for others.'
        : 'Not needed: Vitrine’s processor is its own, so neither KVM nor rights to it are missed.',
    ),
};
