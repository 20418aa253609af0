/** Breakpoints and the running line of the source on screen, from the debugger's own store. Only within a component's set-up. */
import { computed, watch, type ComputedRef, type ShallowRef } from 'vue';
import type { BreakpointMessage } from '../../../main/contract/debug.ts';
import { useHost } from '../../host/client.ts';
import { useNotices } from '../../stores/notices.ts';
import { useDebugFeed } from '../inspector/debug-feed.ts';
import type { MarkedBreakpoint, RunningLine } from './code-editor.ts';
import type { EditorSession } from './editor-session.ts';
import { lineMap, linesOf } from './line-map.ts';

/** Sessions whose saves move breakpoints, with the breakpoints there are. */
const followed = new WeakMap<EditorSession, ShallowRef<BreakpointMessage[]>>();

export interface SourceMarks {
  breakpoints: ComputedRef<MarkedBreakpoint[]>;
  /** On screen in the current source. */
  running: ComputedRef<RunningLine | undefined>;
  /** Where the vCPU that is looked at stands, in the program that it runs. */
  place: ComputedRef<{ file: string; line: number } | undefined>;
  /** Sets a breakpoint at a line of the current source, or at the next one with code; or takes away what is there. */
  toggle(line: number): Promise<void>;
  /** The address of a line in the program that the machine runs; undefined if the line is not in it. */
  addressOf(line: number): number | undefined;
}

export function useSourceMarks(session: EditorSession): SourceMarks {
  const host = useHost();
  const notices = useNotices();
  const { id } = session;
  const feed = useDebugFeed(id);

  // What a machine runs is what was saved when it was started.
  watch(
    [feed.phase, session.phase],
    ([phase, ready], [before]) => {
      if (ready !== 'ready' || phase === 'off' || phase === 'unknown' || (session.running.size > 0 && before !== 'off')) return;
      session.running.clear();
      for (const { path, saved } of session.files.values()) session.running.set(path, saved);
    },
    { immediate: true },
  );

  const isFollowed = followed.has(session);
  followed.set(session, feed.breakpoints);
  if (!isFollowed) {
    session.onSave((path, lines) => {
      for (const { id: breakpoint, source } of followed.get(session)?.value ?? []) {
        if (source?.file !== path) continue;
        const line = lines.forward(source.line);
        const work =
          line === undefined
            ? host.debug.breakpoints.remove({ id, breakpoints: [breakpoint] })
            : line === source.line
              ? undefined
              : host.debug.breakpoints.change({ id, breakpoint, change: { source: { file: path, line } } });
        work?.catch((error: unknown) => notices.failure(`Breakpoint ${breakpoint} does not follow the text`, error));
      }
    });
  }

  const state = computed(() => (session.current.value === undefined ? undefined : session.files.get(session.current.value)));
  const sinceSave = computed(() => state.value && lineMap(linesOf(state.value.saved), linesOf(state.value.text)));
  const sinceStart = computed(() => {
    const text = state.value && session.running.get(state.value.path);
    return (
      state.value &&
      (text === undefined || text === state.value.saved ? sinceSave.value : lineMap(linesOf(text), linesOf(state.value.text)))
    );
  });

  const breakpoints = computed(() =>
    feed.breakpoints.value.flatMap((breakpoint): MarkedBreakpoint[] => {
      if (breakpoint.watched.kind !== 'execute') return [];
      const { source, at } = breakpoint;
      const line = source
        ? source.file === state.value?.path && sinceSave.value?.forward(source.line)
        : at?.file === state.value?.path && at && sinceStart.value?.forward(at.line);
      return line ? [{ breakpoint, line }] : [];
    }),
  );
  const place = computed(() => (feed.still.value ? (feed.registers.value?.source ?? undefined) : undefined));
  const running = computed(() => {
    const here = place.value;
    if (here?.file !== state.value?.path || here === undefined) return undefined;
    const line = sinceStart.value?.forward(here.line);
    return line === undefined ? undefined : { line, words: `vCPU ${feed.vcpu.value} is here` };
  });

  /** The line itself or the next one that holds code, in the text on screen. */
  function codeAt(line: number): { line: number; address: number } | undefined {
    const lines = session.build.value?.listing.find(({ file }) => file === state.value?.path)?.lines ?? [];
    return lines.filter((each) => each.code && each.line >= line).sort((a, b) => a.line - b.line)[0];
  }

  async function toggle(line: number): Promise<void> {
    const shown = state.value;
    if (shown === undefined) return;
    try {
      const there = breakpoints.value.filter((each) => each.line === line).map(({ breakpoint }) => breakpoint.id);
      if (there.length > 0) {
        await host.debug.breakpoints.remove({ id, breakpoints: there });
        return;
      }
      const code = codeAt(line);
      if (code === undefined) throw new Error('There is no instruction at this line or behind it.');
      // A breakpoint stands for a line of what is saved.
      if (!(await session.save(shown.path)))
        throw new Error(`${shown.path} was changed on the disk; say first which text counts.`);
      const at = feed.phase.value === 'off' ? code.line : sinceStart.value?.back(code.line);
      if (at === undefined)
        throw new Error('This line is not in the program that the machine runs. Put the program in the machine first.');
      await host.debug.breakpoints.add({
        id,
        breakpoint: {
          watched: { kind: 'execute', space: 'linear', address: code.address },
          source: { file: shown.path, line: code.line },
          at: { file: shown.path, line: at },
          cpu: null,
          condition: null,
          ignore: 0,
          log: null,
          temporary: false,
          enabled: true,
        },
      });
    } catch (error) {
      notices.failure('No breakpoint was set', error);
    }
  }

  return {
    breakpoints,
    running,
    place,
    toggle,
    addressOf(line) {
      const shown = state.value;
      if (shown === undefined || shown.text !== (session.running.get(shown.path) ?? shown.saved)) return undefined;
      return codeAt(line)?.address;
    },
  };
}
