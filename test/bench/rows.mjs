/**
 * The rows of the comparison, in the order of `rows` in guest.asm. `amount` is the fixed work of a measured run (its unit is the
 * row's own, see guest.asm), chosen so that the slower side needs one to three seconds.
 */
export const rows = [
  { name: 'integer loop', amount: 5_000_000 },
  { name: 'sieve', amount: 8 },
  { name: 'CRC-32', amount: 240 },
  { name: 'memcpy, REP MOVS', amount: 400_000 },
  { name: 'memcpy, loop', amount: 4_000 },
  { name: 'calls', amount: 60 },
  { name: 'bytecode VM', amount: 10_000 },
  // Not in the mean: layouts of memory that are hard on an engine which caches translations.
  { name: 'bytecode VM, stack 4 MiB from the code', amount: 1_000, aside: true },
  { name: 'bytecode VM, variables in the page of the code', amount: 500, aside: true },
];
