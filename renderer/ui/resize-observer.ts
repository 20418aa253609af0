import { onScopeDispose, ref, watch, type Ref } from 'vue';

export interface Size {
  width: number;
  height: number;
}

/** The size of an element's content box in CSS pixels, as it changes; `initial` until it is measured. Only within a component's set-up. */
export function useResizeObserver(element: Ref<Element | undefined>, initial: Size): Ref<Size> {
  const size = ref(initial);
  const observer = new ResizeObserver(([entry]) => {
    if (entry) size.value = { width: Math.round(entry.contentRect.width), height: Math.round(entry.contentRect.height) };
  });
  watch(element, (now, before) => {
    if (before) observer.unobserve(before);
    if (now) observer.observe(now);
  });
  onScopeDispose(() => observer.disconnect());
  return size;
}
