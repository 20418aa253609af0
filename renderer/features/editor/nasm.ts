/** NASM's syntax for Monaco: colours from the assembler's own words, and what it answers about places in a text. */
import type { Completion, Definition, Hover, TextSpan, Vocabulary } from './assembly.worker.ts';
import { LANGUAGE, modelOf, sourceOf } from './code-models.ts';
import type { EditorSession } from './editor-session.ts';
import { hoverText } from './hover-text.ts';
import { monaco } from './monaco.ts';

type Model = monaco.editor.ITextModel;
type Position = monaco.Position;

let isSetUp = false;

/** Once, with the words that the assembler knows. */
export function setUpLanguage(vocabulary: Vocabulary): void {
  if (isSetUp) return;
  isSetUp = true;
  monaco.languages.register({ id: LANGUAGE, extensions: ['.asm', '.inc', '.nasm', '.mac', '.s'] });
  monaco.languages.setLanguageConfiguration(LANGUAGE, {
    comments: { lineComment: ';' },
    brackets: [
      ['[', ']'],
      ['(', ')'],
      ['{', '}'],
    ],
    autoClosingPairs: [
      { open: '[', close: ']' },
      { open: '(', close: ')' },
      { open: '"', close: '"', notIn: ['string', 'comment'] },
    ],
    wordPattern: /%?[A-Za-z_.?@$][A-Za-z0-9_.?@$#~]*/,
  });
  monaco.languages.setMonarchTokensProvider(LANGUAGE, tokens(vocabulary));
  monaco.languages.registerHoverProvider(LANGUAGE, { provideHover: (model, position) => hover(model, position) });
  monaco.languages.registerDefinitionProvider(LANGUAGE, {
    provideDefinition: async (model, position) => {
      const asked = at(model, position);
      const found = await asked?.session.assembler.ask('definition', asked.place);
      return asked === undefined || found === undefined ? null : await locationOf(asked.session, found);
    },
  });
  monaco.languages.registerReferenceProvider(LANGUAGE, {
    provideReferences: async (model, position) => {
      const asked = at(model, position);
      if (asked === undefined) return [];
      const found = await asked.session.assembler.ask('references', asked.place);
      return (await Promise.all(found.map((span) => locationOf(asked.session, span)))).filter((location) => location !== null);
    },
  });
  monaco.languages.registerRenameProvider(LANGUAGE, {
    provideRenameEdits: async (model, position, wanted) => rename(model, position, wanted),
    resolveRenameLocation: async (model, position) => {
      const asked = at(model, position);
      const found = await asked?.session.assembler.ask('hover', asked.place);
      const range =
        found === undefined
          ? new monaco.Range(position.lineNumber, position.column, position.lineNumber, position.column)
          : rangeOf(found);
      const text = model.getValueInRange(range);
      if (found?.kind === 'name' && found.definition !== undefined) return { range, text };
      return { range, text, rejectReason: 'Only a name that the program defines can be changed.' };
    },
  });
  monaco.languages.registerCompletionItemProvider(LANGUAGE, {
    triggerCharacters: ['%', '.'],
    provideCompletionItems: async (model, position) => complete(model, position),
  });
  monaco.languages.registerDocumentSymbolProvider(LANGUAGE, {
    displayName: 'Names of the source',
    provideDocumentSymbols: async (model) => {
      const source = sourceOf(model);
      if (source === undefined) return [];
      const found = await source.session.assembler.ask('outline', { file: source.path });
      return found.map((entry) => ({
        name: entry.name,
        detail: entry.value === undefined ? '' : `0x${BigInt.asUintN(32, entry.value).toString(16)}`,
        kind: symbolKinds[entry.kind],
        tags: [],
        range: rangeOf(entry),
        selectionRange: rangeOf(entry),
      }));
    },
  });
}

const symbolKinds: Readonly<Record<Definition['kind'], monaco.languages.SymbolKind>> = {
  label: monaco.languages.SymbolKind.Function,
  local: monaco.languages.SymbolKind.Field,
  constant: monaco.languages.SymbolKind.Constant,
  macro: monaco.languages.SymbolKind.Method,
  define: monaco.languages.SymbolKind.String,
};

const { CompletionItemKind } = monaco.languages;
const completionKinds: Readonly<Record<Completion['kind'], monaco.languages.CompletionItemKind>> = {
  instruction: CompletionItemKind.Function,
  flow: CompletionItemKind.Function,
  prefix: CompletionItemKind.Keyword,
  register: CompletionItemKind.Variable,
  data: CompletionItemKind.Keyword,
  directive: CompletionItemKind.Keyword,
  keyword: CompletionItemKind.Keyword,
  preprocessor: CompletionItemKind.Keyword,
  label: CompletionItemKind.Reference,
  local: CompletionItemKind.Reference,
  constant: CompletionItemKind.Constant,
  macro: CompletionItemKind.Snippet,
  define: CompletionItemKind.Constant,
};

function rangeOf({ line, column, end }: TextSpan): monaco.Range {
  return new monaco.Range(line, column, line, end);
}

function at(model: Model, position: Position) {
  const source = sourceOf(model);
  if (source === undefined) return undefined;
  const { session, path } = source;
  return { session, place: { file: path, line: position.lineNumber, column: position.column } };
}

/** A place in a source of the folder; null for one elsewhere, which has no model to go to. */
async function locationOf(session: EditorSession, span: TextSpan): Promise<monaco.languages.Location | null> {
  return session.files.has(span.file) ? { uri: modelOf(session, span.file).uri, range: rangeOf(span) } : null;
}

async function hover(model: Model, position: Position): Promise<monaco.languages.Hover | null> {
  const asked = at(model, position);
  const found: Hover | undefined = await asked?.session.assembler.ask('hover', asked.place);
  return found === undefined ? null : { range: rangeOf(found), contents: hoverText(found).map((value) => ({ value })) };
}

async function complete(model: Model, position: Position): Promise<monaco.languages.CompletionList> {
  const asked = at(model, position);
  if (asked === undefined) return { suggestions: [] };
  const word = model.getWordUntilPosition(position);
  const range = new monaco.Range(position.lineNumber, word.startColumn, position.lineNumber, word.endColumn);
  const found = await asked.session.assembler.ask('complete', asked.place);
  return {
    suggestions: found.map(({ text, kind, detail }) => ({
      label: text,
      kind: completionKinds[kind],
      detail,
      insertText: text,
      range,
    })),
  };
}

async function rename(
  model: Model,
  position: Position,
  wanted: string,
): Promise<monaco.languages.WorkspaceEdit & monaco.languages.Rejection> {
  const asked = at(model, position);
  if (asked === undefined) return { edits: [], rejectReason: 'This text is only shown.' };
  const answer = await asked.session.assembler.ask('rename', { ...asked.place, wanted });
  if ('refused' in answer) return { edits: [], rejectReason: answer.refused };
  const edits = answer.edits.map((edit) => ({
    resource: modelOf(asked.session, edit.file).uri,
    textEdit: { range: rangeOf(edit), text: edit.text },
    versionId: undefined,
  }));
  return { edits };
}

/** Cuts lines as the assembler does (engine/assembler/token.ts), as far as colours need it. */
function tokens(vocabulary: Vocabulary): monaco.languages.IMonarchLanguage {
  return {
    ignoreCase: true,
    defaultToken: '',
    ...vocabulary,
    tokenizer: {
      root: [
        [/;.*$/, 'comment'],
        [/"[^"]*"|'[^']*'|`(?:[^`\\]|\\.)*`/, 'string'],
        [/["'`].*$/, 'string.invalid'],
        [/%(?:[a-z]\w*)/, { cases: { '%[a-z]+': 'preprocessor', '@default': 'preprocessor' } }],
        [/%(?:[-+]?\d+|\{[^}]*\}|%[\w.?@$#~]+|\$+[\w.?@$#~]+|\?\??)/, 'parameter'],
        [/^\s*[a-z_.?@$][\w.?@$#~]*(?=:)/, 'label'],
        [/0[xh][\da-f_]+|\$\d[\da-f_]*|\d[\da-f_]*h\b|0b[01_]+|[01_]+b\b|\d[\w.]*/, 'number'],
        [
          /[a-z_.?@$][\w.?@$#~]*/,
          {
            cases: {
              '@flow': 'flow',
              '@instruction': 'instruction',
              '@prefix': 'instruction',
              '@register': 'register',
              '@data': 'directive',
              '@directive': 'directive',
              '@keyword': 'directive',
              '@default': 'name',
            },
          },
        ],
      ],
    },
  };
}
