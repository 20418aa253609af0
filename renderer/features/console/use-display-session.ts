/**
 * A console as a display of its machine: while it is there, the machine has an output of its size. Follows what becomes of it: another client may have
 * the machine, or take it over.
 */
import { computed, onScopeDispose, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import type { DisplayStateMessage, OutputRequestMessage, OutputStateMessage } from '../../../main/contract/display.ts';
import type { MachineStateName } from '../../../main/contract/machine.ts';
import { useHost } from '../../host/client.ts';
import { errorCode, sentence } from '../../host/failure.ts';
import { useApplication } from '../../stores/application.ts';
import { displayClient } from './display-client.ts';

export interface DisplaySession {
  /** Undefined: not attached. */
  role: Ref<'holder' | 'viewer' | undefined>;
  /** Why it has no output of its own; empty when it has. */
  why: Ref<string>;
  /** Another client has the machine, and could be asked to go. */
  canTakeOver: Ref<boolean>;
  /** The machine has been told of this console's display, and shows what it draws for it: before, the picture is another one's. Stays true while it is attached. */
  ready: Ref<boolean>;
  /** Milliseconds from the request to the first frame of its size. */
  firstFrame: Ref<number | undefined>;
  state: ShallowRef<DisplayStateMessage | undefined>;
  /** This output's own. */
  output: ComputedRef<OutputStateMessage | undefined>;
  takeOver(): void;
}

/** Milliseconds for which a size has to stay before the machine gets it. */
const SETTLE = 60;
/** A guest that does not follow its display is shown all the same, after so many milliseconds. */
const PATIENCE = 1000;

/** `wanted` is the display that the console is; undefined while it has no size. */
export function useDisplaySession(
  id: () => string,
  output: number,
  state: Readonly<Ref<MachineStateName>>,
  wanted: () => OutputRequestMessage | undefined,
): DisplaySession {
  const host = useHost();
  const application = useApplication();
  const role = ref<'holder' | 'viewer'>();
  const why = ref('');
  const canTakeOver = ref(false);
  const firstFrame = ref<number>();
  const ready = ref(false);
  const display = shallowRef<DisplayStateMessage>();
  let attachment: number | undefined;
  let stream: AbortController | undefined;
  let sent = '';
  let settle: ReturnType<typeof setTimeout> | undefined;
  let changing: Promise<void> = Promise.resolve();
  let gone = false;
  let patience: ReturnType<typeof setTimeout> | undefined;

  /** There is nothing to wait for (any more). */
  function show(): void {
    clearTimeout(patience);
    ready.value = true;
  }

  /** Whether the guest draws for the display that was asked for. */
  function follows(): boolean {
    const { session, phase, outputs = [] } = display.value ?? {};
    if (role.value !== 'holder' || sent === '' || session?.client !== client().id || phase === 'configure' || phase === 'resume') return false;
    const asked = JSON.parse(sent) as OutputRequestMessage;
    const now = outputs.find((one) => one.output === output);
    if (now?.properties?.width !== asked.width || now.properties.height !== asked.height) return false;
    return now.right || now.use !== 'frame';
  }

  const on = (): boolean => state.value === 'running' || state.value === 'paused';
  const client = () => displayClient(application.about);
  const input = () => ({ keyboard: true, mouse: true, pointer: true, touchPoints: Math.min(10, navigator.maxTouchPoints) });

  async function follow(asked: 'holder' | 'viewer', takeOver: boolean): Promise<void> {
    const display = wanted();
    if (gone || stream !== undefined || display === undefined || !on() || !application.about) return;
    const mine = new AbortController();
    stream = mine;
    try {
      sent = JSON.stringify(display);
      const events = await host.display.attach({ id: id(), client: client(), outputs: [display], input: input(), role: asked, takeOver, onlyIfOn: true }, { signal: mine.signal });
      for await (const event of events) {
        if (event.kind === 'attached') {
          ({ attachment } = event);
          role.value = event.role;
          if (event.role === 'holder') {
            why.value = '';
            canTakeOver.value = false;
            clearTimeout(patience);
            patience = setTimeout(show, PATIENCE);
            resize();
          } else show();
        } else if (event.kind === 'frame') {
          firstFrame.value = event.after;
          show();
        } else {
          why.value = event.reason;
          canTakeOver.value = on();
        }
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      show();
      why.value = sentence(error);
      const conflict = errorCode(error) === 'CONFLICT';
      // A window of our own that has this output is no stranger.
      const stranger = conflict && display !== undefined && session.state.value?.session?.client !== client().id;
      canTakeOver.value = stranger;
      // Another window of ours has this output: it is asked for again when that one gives it back.
      if (conflict && !stranger) why.value = '';
      if (stranger && asked === 'holder') {
        stream = undefined;
        return follow('viewer', false);
      }
    } finally {
      if (stream === mine) {
        stream = undefined;
        attachment = undefined;
        role.value = undefined;
      }
    }
  }

  function resize(): void {
    clearTimeout(settle);
    settle = setTimeout(() => {
      const display = wanted();
      if (display === undefined || !on()) return;
      if (stream === undefined) return void follow('holder', false);
      const text = JSON.stringify(display);
      if (attachment === undefined || role.value !== 'holder' || text === sent) return;
      sent = text;
      const number = attachment;
      // One after the other: the last size is the one that stays.
      changing = changing
        .then(() => host.display.set({ id: id(), attachment: number, outputs: [display] }))
        .then(
          () => {
            why.value = '';
          },
          (error: unknown) => {
            if (attachment === number) why.value = sentence(error);
          },
        );
    }, SETTLE);
  }

  function leave(): void {
    clearTimeout(settle);
    const number = attachment;
    attachment = undefined;
    if (number !== undefined) void host.display.detach({ id: id(), attachment: number }).catch(() => undefined);
    else stream?.abort();
  }

  async function watchState(signal: AbortSignal): Promise<void> {
    for await (const event of await host.display.watch({ id: id() }, { signal })) {
      if (event.kind !== 'state') continue;
      display.value = event.state ?? undefined;
      if (display.value === undefined) ready.value = false;
      else if (!ready.value && follows()) show();
      const holder = display.value?.session;
      if (role.value === 'holder' || !application.about || holder?.client !== client().id || holder.attached.includes(output)) continue;
      // Another window of ours gave the output back, or has got the machine again: this one joins it.
      if (role.value === 'viewer') session.rejoin();
      else if (stream === undefined) void follow('holder', false);
    }
  }
  const watching = new AbortController();
  watchState(watching.signal).catch(() => undefined); // the machine's own events say what happened to it

  watch([() => JSON.stringify(wanted()), state, () => application.about], resize, { immediate: true });
  // The page goes, by closing its window or by another address.
  const away = (): void => {
    // What it hears on its way out is no reason to ask again.
    gone = true;
    leave();
  };
  const back = (event: PageTransitionEvent): void => {
    if (!event.persisted) return;
    gone = false;
    resize();
  };
  window.addEventListener('pagehide', away);
  window.addEventListener('pageshow', back);
  onScopeDispose(() => {
    gone = true;
    clearTimeout(patience);
    window.removeEventListener('pagehide', away);
    window.removeEventListener('pageshow', back);
    leave();
    watching.abort();
  });

  /** Gives up what it has, and asks for the output as the machine's holder. */
  function begin(takeOver: boolean): void {
    stream?.abort();
    stream = undefined;
    attachment = undefined;
    role.value = undefined;
    void follow('holder', takeOver);
  }

  const session: DisplaySession & { rejoin(): void } = {
    role,
    why,
    canTakeOver,
    firstFrame,
    ready,
    state: display,
    output: computed(() => display.value?.outputs.find((one) => one.output === output)),
    takeOver: () => begin(true),
    rejoin: () => begin(false),
  };
  return session;
}
