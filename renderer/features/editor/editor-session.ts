/**
 * The sources of one machine as the editor holds them: texts, what of them is saved, what the assembler says. It outlives the panels that show
 * it, so that another view or another machine costs no text; what was not saved is with the host within a moment of each change.
 */
import { computed, effectScope, reactive, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue';
import type { HostClient } from '../../../main/contract/contract.ts';
import { useHost } from '../../host/client.ts';
import { errorCode, sentence } from '../../host/failure.ts';
import { workerAssembler, type Assembler } from './assembler.ts';
import type { Build } from './assembly.worker.ts';
import { lineMap, linesOf, type LineMap } from './line-map.ts';

/** Milliseconds from the last change until the text is kept, and until it is assembled. */
const KEEP_DELAY = 250;
const ASSEMBLE_DELAY = 120;
/** Rounds in which files may name further ones. */
const FIND_ROUNDS = 20;

export interface SourceState {
  readonly path: string;
  /** What the disk has, as far as is known; null: nothing yet. */
  version: string | null;
  saved: string;
  text: string;
  dirty: boolean;
  /** The disk has another text than the one that was changed here. */
  conflict: 'changed' | 'removed' | undefined;
  /** The text was not saved when the program ended, and was brought back. */
  restored: boolean;
}

export interface Spot {
  path: string;
  line: number;
  column: number;
  /** Another one for each wish to go there. */
  stamp: number;
}

export interface EditorSession {
  readonly id: string;
  /** `failed` with a sentence. */
  readonly phase: Ref<'opening' | 'ready' | 'failed'>;
  readonly failure: Ref<string>;
  /** The source that the machine starts from; null if it starts from something else. */
  readonly main: Ref<string | null>;
  readonly files: ReadonlyMap<string, SourceState>;
  /** Paths with a tab, in the order of the tabs. */
  readonly open: Ref<string[]>;
  readonly current: Ref<string | undefined>;
  /** The source that the build begins with: the machine's, or the current file where the machine's does not read it. */
  readonly program: Ref<string | undefined>;
  readonly build: ShallowRef<Build | undefined>;
  readonly errors: ComputedRef<number>;
  /** Why there is no build. */
  readonly assemblyFailure: Ref<string>;
  /** Where the cursor is. */
  readonly cursor: Ref<{ line: number; column: number }>;
  /** Where somebody wants to be taken. */
  readonly wanted: ShallowRef<Spot | undefined>;
  readonly assembler: Assembler;

  show(path: string): void;
  closeTab(path: string): void;
  goTo(path: string, line: number, column?: number): void;
  /** The person typed. */
  edit(path: string, text: string): void;
  /** Called when a text becomes another one by anything but typing. */
  onReplace(listener: (path: string, text: string) => void): () => void;
  /** Puts a text in place of another, as an edit that is not saved. */
  replace(path: string, text: string): void;
  create(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** False where the disk has another text now: `conflict` says it. */
  save(path: string): Promise<boolean>;
  saveAll(): Promise<boolean>;
  /** Called before a text is saved, with where its lines were and will be. */
  onSave(listener: (path: string, lines: LineMap) => void): void;
  resolve(path: string, whose: 'mine' | 'disk'): Promise<void>;
  /** From the saved text to the one on screen. */
  linesSinceSave(path: string): LineMap;
  /** The text that the machine runs, where it is not the saved one. */
  readonly running: Map<string, string>;
  assembleNow(): Promise<Build | undefined>;
  /** When everything that was typed is with the host. */
  settled(): Promise<void>;
  close(): void;
}

/** `gone` is called when the machine was deleted. */
export function openSession(
  host: HostClient,
  id: string,
  assembler: Assembler,
  gone: () => void = () => undefined,
): EditorSession {
  const phase = ref<'opening' | 'ready' | 'failed'>('opening');
  const failure = ref('');
  const main = ref<string | null>(null);
  const files = reactive(new Map<string, SourceState>());
  const open = ref<string[]>([]);
  const current = ref<string>();
  const program = ref<string>();
  const build = shallowRef<Build>();
  const assemblyFailure = ref('');
  const cursor = ref({ line: 1, column: 1 });
  const wanted = shallowRef<Spot>();
  const running = new Map<string, string>();
  const replaced = new Set<(path: string, text: string) => void>();
  const saving: ((path: string, lines: LineMap) => void)[] = [];
  const stop = new AbortController();
  const timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** Files that the machine's own program read when it was assembled last. */
  let ownFiles: ReadonlySet<string> = new Set();
  let sent = new Map<string, string>();
  let round = 0;
  let keeping: Promise<unknown> = Promise.resolve();
  const unkept = new Set<string>();
  let stamps = 0;

  function stateOf(path: string): SourceState {
    const state = files.get(path);
    if (state === undefined) throw new Error(`There is no source ${path}.`);
    return state;
  }

  function setText(state: SourceState, text: string, tell: boolean): void {
    state.text = text;
    state.dirty = text !== state.saved || state.version === null;
    if (tell) for (const listener of replaced) listener(state.path, text);
    later('assemble', ASSEMBLE_DELAY, () => void assembleNow());
  }

  function later(name: string, delay: number, work: () => void): void {
    clearTimeout(timers.get(name));
    timers.set(
      name,
      setTimeout(() => {
        timers.delete(name);
        work();
      }, delay),
    );
  }

  /** Sends what was typed to the host, one file behind the other. */
  function keep(): void {
    clearTimeout(timers.get('keep'));
    timers.delete('keep');
    const paths = [...unkept];
    unkept.clear();
    for (const path of paths) {
      keeping = keeping.then(async () => {
        const state = files.get(path);
        if (state === undefined) return;
        const { text, version: base } = state;
        try {
          if (state.dirty) await host.sources.drafts.keep({ id, draft: { path, base, text } });
          else await host.sources.drafts.drop({ id, path });
          if (failure.value !== '' && phase.value === 'ready') failure.value = '';
        } catch (error) {
          failure.value = `What was typed is not kept: ${sentence(error)}`;
        }
      });
    }
  }

  function edit(path: string, text: string): void {
    const state = stateOf(path);
    if (state.text === text) return;
    setText(state, text, false);
    unkept.add(path);
    later('keep', KEEP_DELAY, keep);
  }

  function replace(path: string, text: string): void {
    const state = stateOf(path);
    if (state.text === text) return;
    setText(state, text, true);
    unkept.add(path);
    later('keep', KEEP_DELAY, keep);
  }

  async function fetch(path: string): Promise<void> {
    const { text, version } = await host.sources.read({ id, path });
    const state = files.get(path);
    if (state === undefined) {
      files.set(path, { path, version, saved: text, text, dirty: false, conflict: undefined, restored: false });
      later('assemble', ASSEMBLE_DELAY, () => void assembleNow());
    } else if (state.version !== version) {
      if (state.dirty && state.text !== text) state.conflict = 'changed';
      else take(state, text, version);
    }
  }

  /** The disk's text, as the one on screen. */
  function take(state: SourceState, text: string, version: string): void {
    state.version = version;
    state.saved = text;
    state.conflict = undefined;
    state.restored = false;
    if (state.text === text) state.dirty = false;
    else setText(state, text, true);
  }

  async function heard(list: { main: string | null; files: { path: string; version: string }[] }): Promise<void> {
    main.value = list.main;
    const paths = new Set(list.files.map(({ path }) => path));
    for (const { path, version } of list.files) {
      if (files.get(path)?.version === version) continue;
      try {
        await fetch(path);
      } catch (error) {
        // Gone again meanwhile, or no text: the next list says more.
        if (errorCode(error) !== 'NOT_FOUND' && errorCode(error) !== 'BAD_IMAGE') throw error;
      }
    }
    for (const state of [...files.values()]) {
      if (paths.has(state.path) || state.version === null) continue;
      if (state.dirty) state.conflict = 'removed';
      else forget(state.path);
    }
  }

  function forget(path: string): void {
    files.delete(path);
    closeTab(path);
    later('assemble', ASSEMBLE_DELAY, () => void assembleNow());
  }

  async function begin(): Promise<void> {
    await heard(await host.sources.list({ id }));
    for (const { path, base, text } of await host.sources.drafts.list({ id })) {
      const state = files.get(path) ?? {
        path,
        version: null,
        saved: '',
        text: '',
        dirty: true,
        conflict: undefined,
        restored: false,
      };
      if (!files.has(path)) files.set(path, state);
      const live = stateOf(path);
      if (text === live.saved && live.version !== null) continue;
      live.text = text;
      live.dirty = true;
      live.restored = true;
      if (base !== live.version) live.conflict = live.version === null ? 'removed' : 'changed';
    }
    const restored = [...files.values()].filter((state) => state.restored).map(({ path }) => path);
    const first = main.value ?? [...files.keys()][0];
    open.value = [...new Set([...(first === undefined || !files.has(first) ? [] : [first]), ...restored])];
    current.value = open.value[0];
    phase.value = 'ready';
    await assembleNow();
    for await (const list of await host.sources.watch({ id }, { signal: stop.signal })) await heard(list);
    if (!stop.signal.aborted) gone();
  }
  begin().catch((error: unknown) => {
    if (stop.signal.aborted) return;
    failure.value = sentence(error);
    if (phase.value === 'opening') phase.value = 'failed';
  });

  /** What to begin with: see `program`. */
  function beginning(): string | undefined {
    const path = current.value;
    if (main.value !== null && files.has(main.value) && (path === undefined || path === main.value || ownFiles.has(path)))
      return main.value;
    return path ?? undefined;
  }

  async function assembleNow(): Promise<Build | undefined> {
    clearTimeout(timers.get('assemble'));
    timers.delete('assemble');
    const mine = ++round;
    try {
      const texts: Record<string, string | undefined> = {};
      for (const { path, text } of files.values()) if (sent.get(path) !== text) texts[path] = text;
      for (const path of sent.keys()) if (!files.has(path)) texts[path] = undefined;
      sent = new Map([...files.values()].map(({ path, text }) => [path, text]));
      void assembler.ask('setTexts', texts).catch(() => undefined);
      // Whether the current file belongs to the machine's program is known once that was assembled.
      if (main.value !== null && files.has(main.value) && current.value !== main.value) {
        const own = await complete(main.value, mine);
        if (own === undefined) return undefined;
        ownFiles = new Set(own.files);
      }
      const begins = beginning();
      const made = begins === undefined ? undefined : await complete(begins, mine);
      if (mine !== round) return undefined;
      if (made !== undefined && begins === main.value) ownFiles = new Set(made.files);
      program.value = begins;
      build.value = made;
      assemblyFailure.value = '';
      return made;
    } catch (error) {
      if (mine !== round) return undefined;
      assemblyFailure.value = sentence(error);
      build.value = undefined;
      return undefined;
    }
  }

  /** Assembles, and finds what it lacks outside of the folder's texts, until nothing is lacking. */
  async function complete(begins: string, mine: number): Promise<Build | undefined> {
    for (let count = 0; ; count++) {
      const made = await assembler.ask('assemble', { main: begins });
      if (mine !== round) return undefined;
      if (made.missing.length === 0 || count === FIND_ROUNDS) return made;
      for (const { name, from } of made.missing) {
        const file = (await host.sources.find({ id, name, from })) ?? undefined;
        if (mine !== round) return undefined;
        await assembler.ask('setFound', { name, from, file });
      }
    }
  }

  function show(path: string): void {
    if (!files.has(path)) return;
    if (!open.value.includes(path)) open.value = [...open.value, path];
    if (current.value === path) return;
    current.value = path;
    void assembleNow();
  }

  function closeTab(path: string): void {
    const at = open.value.indexOf(path);
    if (at < 0) return;
    open.value = open.value.filter((each) => each !== path);
    if (current.value !== path) return;
    current.value = open.value[Math.min(at, open.value.length - 1)];
    void assembleNow();
  }

  async function save(path: string): Promise<boolean> {
    const state = stateOf(path);
    if (!state.dirty) return true;
    if (state.conflict !== undefined) return false;
    await keeping;
    const { text, version: base, saved } = state;
    try {
      const { version } = await host.sources.write({ id, path, text, base });
      const lines = lineMap(linesOf(saved), linesOf(text));
      state.version = version;
      state.saved = text;
      state.restored = false;
      state.dirty = state.text !== text;
      for (const listener of saving) listener(path, lines);
      if (state.dirty) {
        unkept.add(path);
        keep();
      }
      return true;
    } catch (error) {
      if (errorCode(error) !== 'CONFLICT') throw error;
      state.conflict = 'changed';
      return false;
    }
  }

  async function saveAll(): Promise<boolean> {
    let all = true;
    for (const { path, dirty } of [...files.values()]) if (dirty && !(await save(path))) all = false;
    return all;
  }

  const self: EditorSession = {
    id,
    phase,
    failure,
    main,
    files,
    open,
    current,
    program,
    build,
    errors: computed(() => build.value?.problems.filter(({ severity }) => severity === 'error').length ?? 0),
    assemblyFailure,
    cursor,
    wanted,
    assembler,
    running,
    show,
    closeTab,
    goTo(path, line, column = 1) {
      show(path);
      wanted.value = { path, line, column, stamp: ++stamps };
    },
    edit,
    onReplace(listener) {
      replaced.add(listener);
      return () => void replaced.delete(listener);
    },
    replace,
    async create(path, text) {
      const { version } = await host.sources.write({ id, path, text, base: null });
      files.set(path, { path, version, saved: text, text, dirty: false, conflict: undefined, restored: false });
      show(path);
    },
    async remove(path) {
      const { version } = stateOf(path);
      if (version === null) await host.sources.drafts.drop({ id, path });
      else await host.sources.remove({ id, path, base: version });
      forget(path);
    },
    save,
    saveAll,
    onSave: (listener) => void saving.push(listener),
    async resolve(path, whose) {
      const state = stateOf(path);
      let disk: { text: string; version: string } | undefined;
      try {
        disk = await host.sources.read({ id, path });
      } catch (error) {
        if (errorCode(error) !== 'NOT_FOUND') throw error;
      }
      if (whose === 'disk') {
        await host.sources.drafts.drop({ id, path });
        if (disk === undefined) forget(path);
        else take(state, disk.text, disk.version);
        return;
      }
      // Mine stands on what the disk has now, and is written over it.
      state.version = disk?.version ?? null;
      state.saved = disk?.text ?? '';
      state.conflict = undefined;
      state.dirty = true;
      await save(path);
    },
    linesSinceSave: (path) => lineMap(linesOf(stateOf(path).saved), linesOf(stateOf(path).text)),
    assembleNow,
    async settled() {
      keep();
      await keeping;
    },
    close() {
      keep();
      stop.abort();
      for (const timer of timers.values()) clearTimeout(timer);
      assembler.close();
    },
  };
  return self;
}

const sessions = new Map<string, EditorSession>();

/** The session of a machine, which stays until the machine is gone; only within a component's set-up. */
export function useEditor(id: string): EditorSession {
  const host = useHost();
  let session = sessions.get(id);
  if (session?.phase.value === 'failed') {
    session.close();
    session = undefined;
  }
  if (session === undefined) {
    const scope = effectScope(true);
    const worker = (): Worker =>
      new Worker(new URL('./assembly.worker.ts', import.meta.url), { type: 'module', name: 'assembler' });
    session = scope.run(() =>
      openSession(host, id, workerAssembler(worker()), () => {
        sessions.get(id)?.close();
        sessions.delete(id);
        scope.stop();
      }),
    );
    if (session === undefined) throw new Error('The scope of a new session is not active.');
    sessions.set(id, session);
  }
  return session;
}

/** For tests: the session that components will find. */
export function provideSession(session: EditorSession): void {
  sessions.set(session.id, session);
}

// What was typed a moment ago goes to the host before the window does.
globalThis.addEventListener?.('pagehide', () => {
  for (const session of sessions.values()) void session.settled();
});
