/** One Monaco editor on a panel: texts of a session, the listing in its margin, marks of the debugger. Loaded when an editor is first shown. */
import type { BreakpointMessage } from '../../../main/contract/debug.ts';
import { breakpointWords, markOf } from '../inspector/breakpoint-marks.ts';
import type { Build, ListedLine } from './assembly.worker.ts';
import { LANGUAGE, modelOf, sourceOf } from './code-models.ts';
import type { EditorSession, Spot } from './editor-session.ts';
import { applyColours } from './colours.ts';
import { monaco } from './monaco.ts';
import { setUpLanguage } from './nasm.ts';

/** Columns of the margin: line, address, bytes. */
const NUMBER = 4;
const ADDRESS = 8;
const BYTES = 24;
/** Stands for a space, which the margin would swallow. */
const BLANK = '\u00a0';

export interface MarkedBreakpoint {
  breakpoint: BreakpointMessage;
  /** In the text on screen. */
  line: number;
}

export interface RunningLine {
  line: number;
  /** "vCPU 0 is here". */
  words: string;
}

export interface CodeEditorEvents {
  cursor(line: number, column: number): void;
  toggleBreakpoint(line: number): void;
  save(): void;
  run(): void;
  runTo(line: number): void;
  nextProblem(step: 1 | -1): void;
}

export class CodeEditor {
  readonly #editor: monaco.editor.IStandaloneCodeEditor;
  readonly #marks: monaco.editor.IEditorDecorationsCollection;
  readonly #errors: monaco.editor.IEditorDecorationsCollection;
  readonly #views = new Map<string, monaco.editor.ICodeEditorViewState | null>();
  #listing: ReadonlyMap<number, ListedLine> = new Map();
  #isWide = true;

  static async open(element: HTMLElement, session: EditorSession, events: CodeEditorEvents): Promise<CodeEditor> {
    setUpLanguage(await session.assembler.ask('vocabulary', {}));
    applyColours();
    return new CodeEditor(element, session, events);
  }

  private constructor(
    element: HTMLElement,
    private readonly session: EditorSession,
    events: CodeEditorEvents,
  ) {
    const style = getComputedStyle(document.documentElement);
    this.#editor = monaco.editor.create(element, {
      model: null,
      language: LANGUAGE,
      theme: 'vitrine',
      automaticLayout: true,
      fontFamily: style.getPropertyValue('--font-mono').trim(),
      fontSize: 12,
      lineHeight: 20,
      fontLigatures: false,
      glyphMargin: true,
      selectOnLineNumbers: false,
      folding: false,
      minimap: { enabled: false },
      scrollBeyondLastLine: false,
      renderLineHighlight: 'line',
      renderWhitespace: 'none',
      tabSize: 8,
      insertSpaces: true,
      detectIndentation: false,
      wordBasedSuggestions: 'off',
      links: false,
      occurrencesHighlight: 'singleFile',
      unicodeHighlight: { ambiguousCharacters: false },
      overviewRulerBorder: false,
      scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10, useShadows: false },
      padding: { top: 4 },
      stickyScroll: { enabled: false },
      contextmenu: true,
      fixedOverflowWidgets: true,
      ariaLabel: 'Source',
      ariaRequired: false,
      lineDecorationsWidth: 16,
      guides: { indentation: false },
      bracketPairColorization: { enabled: false },
      // A word that is whole already is followed by its line's end.
      acceptSuggestionOnEnter: 'smart',
      quickSuggestions: { other: true, comments: false, strings: false },
    });
    this.#marks = this.#editor.createDecorationsCollection();
    this.#errors = this.#editor.createDecorationsCollection();
    this.#number();
    this.#editor.onDidChangeCursorPosition(({ position }) => events.cursor(position.lineNumber, position.column));
    this.#editor.onMouseDown(({ target }) => {
      const { GUTTER_GLYPH_MARGIN, GUTTER_LINE_NUMBERS } = monaco.editor.MouseTargetType;
      if ((target.type === GUTTER_GLYPH_MARGIN || target.type === GUTTER_LINE_NUMBERS) && target.position !== null)
        events.toggleBreakpoint(target.position.lineNumber);
    });
    const { KeyCode, KeyMod } = monaco;
    const line = (): number => this.#editor.getPosition()?.lineNumber ?? 1;
    const action = (id: string, label: string, keybinding: number, run: () => void): void =>
      void this.#editor.addAction({
        id: `vitrine.${id}`,
        label,
        keybindings: [keybinding],
        contextMenuGroupId: 'navigation',
        run,
      });
    action('breakpoint', 'Set or remove a breakpoint', KeyCode.F9, () => events.toggleBreakpoint(line()));
    action('run-to', 'Run to this line', KeyMod.CtrlCmd | KeyCode.F10, () => events.runTo(line()));
    action('save', 'Save', KeyMod.CtrlCmd | KeyCode.KeyS, () => events.save());
    action('run', 'Put in the machine and run', KeyMod.CtrlCmd | KeyCode.Enter, () => events.run());
    action('next-problem', 'Next problem', KeyCode.F8, () => events.nextProblem(1));
    action('previous-problem', 'Previous problem', KeyMod.Shift | KeyCode.F8, () => events.nextProblem(-1));
    monaco.editor.registerEditorOpener({
      openCodeEditor: (_source, resource, selection) => {
        const model = monaco.editor.getModel(resource);
        const found = model === null ? undefined : sourceOf(model);
        if (found?.session !== session || selection === undefined) return false;
        const spot =
          'lineNumber' in selection ? selection : { lineNumber: selection.startLineNumber, column: selection.startColumn };
        session.goTo(found.path, spot.lineNumber, spot.column);
        return true;
      },
    });
  }

  /** Shows a source; the place of the one before is kept. */
  show(path: string | undefined): void {
    const before = this.#editor.getModel();
    const source = before === null ? undefined : sourceOf(before);
    if (source?.path === path && source !== undefined) return;
    if (source !== undefined) this.#views.set(source.path, this.#editor.saveViewState());
    this.#editor.setModel(path === undefined ? null : modelOf(this.session, path));
    const view = path === undefined ? undefined : this.#views.get(path);
    if (view) this.#editor.restoreViewState(view);
    const position = this.#editor.getPosition();
    if (position !== null) this.session.cursor.value = { line: position.lineNumber, column: position.column };
  }

  goTo({ line, column }: Spot): void {
    this.#editor.setPosition({ lineNumber: line, column });
    this.#editor.revealPositionInCenterIfOutsideViewport({ lineNumber: line, column });
    this.#editor.focus();
  }

  /** The bytes of lines beside the addresses, where there is room for them. */
  setWide(isWide: boolean): void {
    if (isWide === this.#isWide) return;
    this.#isWide = isWide;
    this.#number();
  }

  /** Errors where they are, and what each line became. */
  setBuild(build: Build | undefined, path: string | undefined): void {
    this.#listing = new Map((build?.listing.find(({ file }) => file === path)?.lines ?? []).map((each) => [each.line, each]));
    this.#number();
    for (const file of this.session.files.keys()) {
      if (file !== path && !this.session.open.value.includes(file)) continue;
      const problems = (build?.problems ?? []).filter((problem) => problem.file === file);
      monaco.editor.setModelMarkers(
        modelOf(this.session, file),
        'assembler',
        problems.map(({ line, column, endColumn = column + 1, message, severity, code, macroStack }) => ({
          startLineNumber: line,
          startColumn: column,
          endLineNumber: line,
          endColumn,
          message: [message, ...macroStack.map((frame) => `in the macro ${frame.name}: ${frame.file}, line ${frame.line}`)].join(
            '\n',
          ),
          severity: severity === 'error' ? monaco.MarkerSeverity.Error : monaco.MarkerSeverity.Warning,
          code,
        })),
      );
    }
    const errors = (build?.problems ?? []).filter(({ file, severity }) => file === path && severity === 'error');
    const firstOfLine = new Map([...errors].reverse().map((error) => [error.line, error]));
    const model = this.#editor.getModel();
    this.#errors.set(
      model === null
        ? []
        : [...firstOfLine.values()]
            .filter(({ line }) => line <= model.getLineCount())
            .map(({ line, message }) => ({
              range: new monaco.Range(line, model.getLineMaxColumn(line), line, model.getLineMaxColumn(line)),
              options: {
                isWholeLine: true,
                className: 'asm-error-line',
                showIfCollapsed: true,
                after: {
                  content: `${BLANK.repeat(4)}${message.split('\n')[0] ?? ''}`,
                  inlineClassName: 'asm-error-words',
                  cursorStops: monaco.editor.InjectedTextCursorStops.None,
                },
              },
            })),
    );
  }

  #number(): void {
    const width = NUMBER + 2 + ADDRESS + (this.#isWide ? BYTES : 0);
    this.#editor.updateOptions({
      lineNumbersMinChars: width,
      lineNumbers: (line) => {
        const row = this.#listing.get(line);
        const number = String(line).padStart(NUMBER, BLANK);
        const address = row === undefined ? '' : row.address.toString(16).padStart(4, '0');
        const bytes = this.#isWide ? (row?.bytes ?? '').padEnd(BYTES, BLANK) : '';
        return `${number}${BLANK}${BLANK}${address.padEnd(ADDRESS, BLANK)}${bytes}`.replaceAll(' ', BLANK);
      },
    });
  }

  setMarks(breakpoints: readonly MarkedBreakpoint[], running: RunningLine | undefined): void {
    const lines = this.#editor.getModel()?.getLineCount() ?? 0;
    const whole = (line: number): monaco.Range => new monaco.Range(line, 1, line, 1);
    const dots = breakpoints
      .filter(({ line }) => line <= lines)
      .map(({ breakpoint, line }) => {
        const { off, log } = markOf(breakpoint);
        return {
          range: whole(line),
          options: {
            isWholeLine: true,
            className: off || line === running?.line ? '' : 'asm-breakpoint-line',
            // The margin shows one mark a line: that of the running line is part of this one.
            glyphMarginClassName: `asm-dot${off ? ' off' : ''}${log ? ' log' : ''}${line === running?.line ? ' asm-here' : ''}`,
            glyphMarginHoverMessage: { value: breakpointWords(breakpoint) },
            stickiness: monaco.editor.TrackedRangeStickiness.NeverGrowsWhenTypingAtEdges,
          },
        };
      });
    const here =
      running === undefined || running.line > lines
        ? []
        : [
            {
              range: whole(running.line),
              options: {
                isWholeLine: true,
                className: 'asm-running-line',
                ...(breakpoints.some(({ line }) => line === running.line) ? {} : { glyphMarginClassName: 'asm-here' }),
                glyphMarginHoverMessage: { value: running.words },
                zIndex: 10,
              },
            },
          ];
    this.#marks.set([...dots, ...here]);
    if (running !== undefined && running.line <= lines) this.#editor.revealLineInCenterIfOutsideViewport(running.line);
  }

  /** After a change of theme. */
  recolour(): void {
    applyColours();
  }

  /** Starts what Monaco calls by this name: "editor.action.rename". */
  trigger(action: string): void {
    this.#editor.focus();
    void this.#editor.getAction(action)?.run();
  }

  focus(): void {
    this.#editor.focus();
  }

  close(): void {
    this.#editor.dispose();
  }
}
