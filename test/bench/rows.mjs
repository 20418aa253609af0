/**
 * The rows of the comparison, in the order of `rows` in guest.asm. `amount` is the fixed work of a measured run (its unit is the
 * row's own, see guest.asm), chosen so that the slower side needs one to three seconds.
 */
export const rows = [
  { name: 'integer loop', amount: 2_500_000 },
  { name: 'sieve', amount: 4 },
  { name: 'CRC-32', amount: 120 },
  { name: 'memcpy, REP MOVS', amount: 150_000 },
  { name: 'memcpy, loop', amount: 2_000 },
  { name: 'calls', amount: 30 },
  { name: 'bytecode VM', amount: 5_000 },
  // Not in the mean: layouts of memory that are hard on an engine which caches translations.
  { name: 'bytecode VM, stack 4 MiB from the code', amount: 1_000, aside: true },
  { name: 'bytecode VM, variables in the page of the code', amount: 500, aside: true },
];
