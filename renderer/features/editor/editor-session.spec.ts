import { flushPromises } from '@vue/test-utils';
import { createRouterClient, implement, ORPCError } from '@orpc/server';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Program } from '../../../engine/assembler/language/program.ts';
import { contract, type HostClient } from '../../../main/contract/contract.ts';
import type { SourceDraftMessage } from '../../../main/contract/sources.ts';
import type { Assembler } from './assembler.ts';
import { openSession, type EditorSession } from './editor-session.ts';

/** A machine's folder in memory; the version of a text is the text. */
class FakeFolder {
  readonly files = new Map<string, string>();
  readonly drafts = new Map<string, SourceDraftMessage>();
  readonly found: string[] = [];
  readonly #wake: (() => void)[] = [];
  readonly client: HostClient;

  constructor(files: Record<string, string>) {
    for (const [path, text] of Object.entries(files)) this.files.set(path, text);
    const os = implement(contract).$context<Record<never, never>>();
    const refuse = (code: 'CONFLICT' | 'NOT_FOUND'): never => {
      throw new ORPCError(code, { message: code });
    };
    const router = {
      sources: {
        list: os.sources.list.handler(() => this.list()),
        watch: os.sources.watch.handler(async function* (this: void) {
          for (;;) {
            await new Promise<void>((resolve) => wake.push(resolve));
            yield list();
          }
        }),
        read: os.sources.read.handler(({ input }) => {
          const text = this.files.get(input.path);
          return text === undefined ? refuse('NOT_FOUND') : { text, version: text };
        }),
        write: os.sources.write.handler(({ input: { path, text, base } }) => {
          if ((this.files.get(path) ?? null) !== base) refuse('CONFLICT');
          this.files.set(path, text);
          this.drafts.delete(path);
          return { version: text };
        }),
        find: os.sources.find.handler(({ input }) => {
          this.found.push(input.name);
          return input.name === 'shipped.inc' ? { path: '/shipped.inc', bytes: new TextEncoder().encode('VALUE equ 9\n') } : null;
        }),
        drafts: {
          list: os.sources.drafts.list.handler(() => [...this.drafts.values()]),
          keep: os.sources.drafts.keep.handler(({ input }) => void this.drafts.set(input.draft.path, input.draft)),
          drop: os.sources.drafts.drop.handler(({ input }) => void this.drafts.delete(input.path)),
        },
      },
    };
    const wake = this.#wake;
    const list = (): ReturnType<FakeFolder['list']> => this.list();
    this.client = createRouterClient(router) as unknown as HostClient;
  }

  list() {
    return {
      main: 'main.asm',
      files: [...this.files].map(([path, text]) => ({ path, bytes: text.length, version: text })),
    };
  }

  /** Somebody else writes a file, or removes it. */
  change(path: string, text: string | undefined): void {
    if (text === undefined) this.files.delete(path);
    else this.files.set(path, text);
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/** The assembler without a worker. */
function inlineAssembler(): Assembler {
  const program = new Program();
  const calls: Record<string, (input: never) => unknown> = {
    setTexts: (texts: Record<string, string | undefined>) =>
      Object.entries(texts).forEach(([path, text]) => program.setText(path, text)),
    setFound: ({ name, from, file }: { name: string; from: string; file: { path: string; bytes: Uint8Array } | undefined }) =>
      program.setFound(name, from, file),
    assemble: ({ main }: { main: string }) => {
      program.setMain(main);
      return program.assemble();
    },
  };
  return { ask: (call, input) => Promise.resolve(calls[call]?.(input as never) as never), close: () => undefined };
}

async function open(folder: FakeFolder): Promise<EditorSession> {
  const session = openSession(folder.client, 'hello', inlineAssembler());
  onTestFinished(() => session.close());
  await vi.waitFor(() => expect(session.build.value).toBeDefined());
  return session;
}

const settled = async (session: EditorSession): Promise<void> => {
  await session.settled();
  await flushPromises();
};

describe('a session of the editor', () => {
  it('opens the machine’s source, and assembles it with what it includes from the folder and from elsewhere', async () => {
    const folder = new FakeFolder({
      'main.asm': '%include "own.inc"\n%include "shipped.inc"\n db OWN, VALUE\n',
      'own.inc': 'OWN equ 1\n',
    });
    const session = await open(folder);
    expect(session.current.value).toBe('main.asm');
    await vi.waitFor(() =>
      expect(session.build.value).toMatchObject({ ok: true, size: 2, files: ['main.asm', 'own.inc', '/shipped.inc'] }),
    );
    expect(folder.found).toEqual(['shipped.inc']);
  });

  it('assembles by itself a file that the machine’s program does not read', async () => {
    const session = await open(
      new FakeFolder({ 'main.asm': '%include "part.inc"\n', 'part.inc': 'db 1\n', 'other.asm': 'db 1, 2, 3\n' }),
    );
    session.show('part.inc');
    await vi.waitFor(() => expect(session.program.value).toBe('main.asm'));
    session.show('other.asm');
    await vi.waitFor(() => expect(session.build.value).toMatchObject({ size: 3 }));
    expect(session.program.value).toBe('other.asm');
  });

  it('keeps what is typed with the host until it is saved', async () => {
    const folder = new FakeFolder({ 'main.asm': 'nop\n' });
    const session = await open(folder);
    session.edit('main.asm', 'hlt\n');
    expect(session.files.get('main.asm')).toMatchObject({ dirty: true });
    await settled(session);
    expect([...folder.drafts.values()]).toEqual([{ path: 'main.asm', base: 'nop\n', text: 'hlt\n' }]);
    expect(folder.files.get('main.asm')).toBe('nop\n');
    expect(await session.save('main.asm')).toBe(true);
    expect(folder.files.get('main.asm')).toBe('hlt\n');
    expect(session.files.get('main.asm')).toMatchObject({ dirty: false });
    expect(folder.drafts.size).toBe(0);
  });

  it('brings back what was not saved, and says so', async () => {
    const folder = new FakeFolder({ 'main.asm': 'nop\n' });
    folder.drafts.set('main.asm', { path: 'main.asm', base: 'nop\n', text: 'typed\n' });
    folder.drafts.set('new.asm', { path: 'new.asm', base: null, text: 'new\n' });
    const session = await open(folder);
    expect(session.files.get('main.asm')).toMatchObject({ text: 'typed\n', dirty: true, restored: true, conflict: undefined });
    expect(session.files.get('new.asm')).toMatchObject({ text: 'new\n', version: null, restored: true, conflict: undefined });
    expect(session.open.value).toEqual(['main.asm', 'new.asm']);
  });

  it('takes the disk’s text where nothing was typed, and asks where something was', async () => {
    const folder = new FakeFolder({ 'main.asm': 'nop\n', 'b.asm': 'nop\n' });
    const session = await open(folder);
    const replaced: string[] = [];
    session.onReplace((path) => replaced.push(path));
    session.edit('b.asm', 'mine\n');
    folder.change('main.asm', 'theirs\n');
    await vi.waitFor(() => expect(session.files.get('main.asm')).toMatchObject({ text: 'theirs\n', dirty: false }));
    await flushPromises();
    folder.change('b.asm', 'theirs\n');
    await vi.waitFor(() => expect(session.files.get('b.asm')).toMatchObject({ text: 'mine\n', conflict: 'changed' }));
    expect(replaced).toEqual(['main.asm']);
    // Nothing is written over the other's work unless it is said.
    expect(await session.save('b.asm')).toBe(false);
    expect(folder.files.get('b.asm')).toBe('theirs\n');
    await session.resolve('b.asm', 'mine');
    expect(folder.files.get('b.asm')).toBe('mine\n');
    expect(session.files.get('b.asm')).toMatchObject({ dirty: false, conflict: undefined });
  });

  it('finds at the moment of saving that the disk has changed', async () => {
    const folder = new FakeFolder({ 'main.asm': 'nop\n' });
    const session = await open(folder);
    session.edit('main.asm', 'mine\n');
    folder.files.set('main.asm', 'theirs\n');
    expect(await session.save('main.asm')).toBe(false);
    expect(session.files.get('main.asm')).toMatchObject({ conflict: 'changed', text: 'mine\n' });
    await session.resolve('main.asm', 'disk');
    expect(session.files.get('main.asm')).toMatchObject({ conflict: undefined, text: 'theirs\n', dirty: false });
  });

  it('keeps a changed text whose file was removed, and lets go of an unchanged one', async () => {
    const folder = new FakeFolder({ 'main.asm': 'nop\n', 'b.asm': 'b\n' });
    const session = await open(folder);
    session.show('b.asm');
    folder.change('b.asm', undefined);
    await vi.waitFor(() => expect(session.files.has('b.asm')).toBe(false));
    expect(session.current.value).toBe('main.asm');
    session.edit('main.asm', 'mine\n');
    await flushPromises();
    folder.change('main.asm', undefined);
    await vi.waitFor(() => expect(session.files.get('main.asm')).toMatchObject({ text: 'mine\n', conflict: 'removed' }));
  });

  it('says where lines go when it saves', async () => {
    const session = await open(new FakeFolder({ 'main.asm': 'a\nb\nc\n' }));
    const moved: (number | undefined)[] = [];
    session.onSave((_path, lines) => moved.push(lines.forward(2)));
    session.edit('main.asm', 'new\na\nb\nc\n');
    expect(session.linesSinceSave('main.asm').forward(2)).toBe(3);
    await session.save('main.asm');
    expect(moved).toEqual([3]);
    expect(session.linesSinceSave('main.asm').forward(2)).toBe(2);
  });
});
