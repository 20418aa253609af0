import { computed, nextTick, onBeforeUnmount, onMounted, ref, watch, type Ref, type WritableComputedRef } from 'vue';
import type { MachineInputMessage, MachineStateName, MachineSummary } from '../../../main/contract/machine.ts';
import { useHost } from '../../host/client.ts';
import { useApplication } from '../../stores/application.ts';
import { useLibrary, type ControlVerb } from '../../stores/library.ts';
import { useNotices } from '../../stores/notices.ts';
import type GuestScreen from './GuestScreen.vue';
import { InputQueue } from './input-queue.ts';
import type { ReleaseChord } from './keyboard.ts';
import { parseScaling, scalingKey, type Scaling } from './scaling.ts';
import { displayClient } from './display-client.ts';
import { chord } from '../../../main/contract/scancodes.ts';

/** A console's state, for its window and for its panel in the workbench. */
export interface Console {
  machine: Readonly<Ref<MachineSummary | undefined>>;
  /** A suspended machine shows and takes as much as one that is off. */
  state: Readonly<Ref<MachineStateName>>;
  name: Readonly<Ref<string>>;
  /** To be bound to the screen. */
  screen: Ref<InstanceType<typeof GuestScreen> | undefined>;
  grabbed: Ref<boolean>;
  /** Why the screen does not follow; empty while it does. */
  problem: Ref<string>;
  scaling: Readonly<Ref<Scaling>>;
  /** The scaling as a menu's value. Remembered per machine and host screen. */
  scalingText: WritableComputedRef<string>;
  send(message: MachineInputMessage): void;
  /** Presses keys together, lets them go, and gives the keyboard to the guest. */
  press(keys: readonly string[]): void;
  control(verb: ControlVerb): Promise<void>;
  takeScreenshot(): Promise<void>;
  onChord(what: ReleaseChord): void;
  toggleFullScreen(): Promise<void>;
}

/** `fullScreen` is the part of the page that fills the screen. */
export function useConsole(id: () => string, fullScreen: () => HTMLElement | undefined): Console {
  const host = useHost();
  const application = useApplication();
  const library = useLibrary();
  const notices = useNotices();
  const screen = ref<InstanceType<typeof GuestScreen>>();
  const machine = computed(() => library.machines.find((entry) => entry.id === id()));
  const state = computed(() =>
    machine.value === undefined || ['suspended', 'paired'].includes(machine.value.state) ? 'off' : machine.value.state,
  );

  // Without a choice of the machine's own the default of the settings holds.
  const currentKey = (): string => scalingKey(id(), window.screen, devicePixelRatio);
  const key = ref(currentKey());
  const chosen = ref<Scaling>();
  watch(key, (now) => (chosen.value = parseScaling(localStorage.getItem(now))), { immediate: true });
  const scaling = computed<Scaling>(() => chosen.value ?? application.settings.scaling);
  const scalingText = computed({
    get: () => String(scaling.value),
    set: (text) => {
      chosen.value = parseScaling(text);
      localStorage.setItem(key.value, text);
    },
  });
  const onResize = (): void => {
    key.value = currentKey();
  };
  onMounted(() => window.addEventListener('resize', onResize));
  onBeforeUnmount(() => window.removeEventListener('resize', onResize));

  const input = new InputQueue(
    (message) => host.machines.input({ id: id(), input: message, client: displayClient(application.about).id }),
    (error) => {
      screen.value?.letGo();
      notices.failure('The input did not reach the guest', error);
    },
  );

  async function takeScreenshot(): Promise<void> {
    try {
      const { png } = await host.machines.screenshot({ id: id() });
      const file = `${id()} ${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.png`;
      if (application.about?.desktop) {
        await host.desktop.saveFile({ title: 'Keep the screenshot', name: file, bytes: png });
        return;
      }
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([png.slice()], { type: 'image/png' }));
      link.download = file;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } catch (error) {
      notices.failure('No screenshot was taken', error);
    }
  }

  async function toggleFullScreen(): Promise<void> {
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else await fullScreen()?.requestFullscreen();
    } catch (error) {
      notices.failure('Full screen was refused', error);
    }
  }

  return {
    machine,
    state,
    name: computed(() => machine.value?.name ?? id()),
    screen,
    grabbed: ref(false),
    problem: ref(''),
    scaling,
    scalingText,
    send: (message) => input.push(message),
    press(keys) {
      input.push({ kind: 'scancodes', bytes: chord(...keys) });
      screen.value?.grab();
    },
    async control(verb) {
      const asleep = state.value === 'off';
      if ((await library.control(id(), verb)) && asleep) {
        await nextTick();
        screen.value?.grab();
      }
    },
    takeScreenshot,
    onChord(what) {
      if (what === 'ctrl-alt-del') input.push({ kind: 'scancodes', bytes: chord('ControlLeft', 'AltLeft', 'Delete') });
      else if (what === 'screenshot') void takeScreenshot();
      else void toggleFullScreen();
    },
    toggleFullScreen,
  };
}
