/** The texts of sessions as models of Monaco, one for each source, kept with their undo history as long as the session. */
import { monaco } from './monaco.ts';
import type { EditorSession } from './editor-session.ts';

type Model = monaco.editor.ITextModel;

/** Monaco's name of the language. */
export const LANGUAGE = 'nasm';

const SCHEME = 'source';
const sessions = new Map<string, EditorSession>();

function uriOf(session: EditorSession, path: string): monaco.Uri {
  return monaco.Uri.from({ scheme: SCHEME, authority: session.id, path: `/${path}` });
}

/** Which source of which session a model is; undefined for a model of nobody's. */
export function sourceOf(model: Model): { session: EditorSession; path: string } | undefined {
  const session = sessions.get(model.uri.authority);
  return model.uri.scheme === SCHEME && session !== undefined ? { session, path: model.uri.path.slice(1) } : undefined;
}

/** The model of a source, made if need be. */
export function modelOf(session: EditorSession, path: string): Model {
  if (sessions.get(session.id) !== session) follow(session);
  const uri = uriOf(session, path);
  const known = monaco.editor.getModel(uri);
  if (known !== null) return known;
  const model = monaco.editor.createModel(session.files.get(path)?.text ?? '', LANGUAGE, uri);
  model.onDidChangeContent(() => {
    if (session.files.has(path)) session.edit(path, model.getValue());
  });
  return model;
}

/** A model that is only shown: a file that is not in the machine's folder. */
export function foreignModel(session: EditorSession, path: string, text: string): Model {
  const uri = monaco.Uri.from({ scheme: 'shipped', authority: session.id, path: path.startsWith('/') ? path : `/${path}` });
  return monaco.editor.getModel(uri) ?? monaco.editor.createModel(text, LANGUAGE, uri);
}

function follow(session: EditorSession): void {
  for (const model of monaco.editor.getModels())
    if (model.uri.scheme === SCHEME && model.uri.authority === session.id) model.dispose();
  sessions.set(session.id, session);
  session.onReplace((path, text) => {
    const model = monaco.editor.getModel(uriOf(session, path));
    if (model === null || model.getValue() === text) return;
    model.pushStackElement();
    model.pushEditOperations([], [{ range: model.getFullModelRange(), text }], () => null);
    model.pushStackElement();
  });
}
