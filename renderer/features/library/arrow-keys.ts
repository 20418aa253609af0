/** Where keys lead among the machines of the library, which lie in rows. */

/** The index that `key` leads to from `at`, of `count` in rows of `columns`; undefined for a key that leads nowhere. */
export function destination(key: string, at: number, count: number, columns: number): number | undefined {
  const steps: Record<string, number> = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: columns,
    ArrowUp: -columns,
    Home: -at,
    End: count - 1 - at,
  };
  const step = steps[key];
  return step === undefined ? undefined : Math.max(0, Math.min(count - 1, at + step));
}
