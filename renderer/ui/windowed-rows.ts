import { computed, ref, type ComputedRef, type Ref } from 'vue';
import { useResizeObserver } from './resize-observer.ts';

/** Rows beyond both edges, so that quick scrolling shows no gap. */
const SPARE = 10;

export interface WindowedRows<Row> {
  /** For the `scroll` event of the element that scrolls. */
  scrolled: () => void;
  /** The rows to draw, with their places in the whole. */
  shown: ComputedRef<{ row: Row; index: number }[]>;
  /** Heights of what is not drawn, in pixels. */
  above: ComputedRef<number>;
  below: ComputedRef<number>;
  /** Scrolls as little as shows that row; `head` is what covers the top. */
  reveal: (index: number, head?: number) => void;
}

/** Draws of many rows of one height only those that can be seen. Only within a component's set-up. */
export function useWindowedRows<Row>(
  scroller: Ref<HTMLElement | undefined>,
  rows: () => readonly Row[],
  height: number,
): WindowedRows<Row> {
  const top = ref(0);
  const size = useResizeObserver(scroller, { width: 0, height: 600 });
  const first = computed(() => Math.max(0, Math.min(Math.floor(top.value / height), rows().length) - SPARE));
  const end = computed(() => Math.min(rows().length, first.value + Math.ceil(size.value.height / height) + 2 * SPARE));
  return {
    scrolled: () => void (top.value = scroller.value?.scrollTop ?? 0),
    shown: computed(() =>
      rows()
        .slice(first.value, end.value)
        .map((row, at) => ({ row, index: first.value + at })),
    ),
    above: computed(() => first.value * height),
    below: computed(() => (rows().length - end.value) * height),
    reveal(index, head = 0) {
      const element = scroller.value;
      if (element === undefined) return;
      const from = index * height;
      if (from < element.scrollTop) element.scrollTop = from;
      else if (from + height + head > element.scrollTop + element.clientHeight)
        element.scrollTop = from + height + head - element.clientHeight;
    },
  };
}
