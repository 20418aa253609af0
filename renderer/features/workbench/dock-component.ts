import type { VueComponent } from 'dockview-vue';
import { defineComponent, h, type Component } from 'vue';

/** One of our components as the dock takes them: with `params` of whatever kind it hands to that one. */
export function dockComponent(component: Component): VueComponent {
  return defineComponent({
    inheritAttrs: false,
    props: { params: { type: Object, required: false, default: undefined } },
    setup: (props) => () => h(component, { params: props.params }),
  });
}
