import { implement } from '@orpc/server';
import { sources } from '../contract/sources.ts';
import type { FrontContext } from './router.ts';

const os = implement(sources).$context<FrontContext>();

/** The domain `sources` of the contract. */
export const sourcesRouter = {
  list: os.list.handler(({ context, input }) => context.host.sources.list(input.id)),
  watch: os.watch.handler(({ context, input, signal }) => context.host.sources.watch(input.id, signal)),
  read: os.read.handler(({ context, input }) => context.host.sources.read(input.id, input.path)),
  write: os.write.handler(({ context, input: { id, path, text, base } }) => context.host.sources.write(id, path, text, base)),
  remove: os.remove.handler(({ context, input: { id, path, base } }) => context.host.sources.remove(id, path, base)),
  find: os.find.handler(({ context, input: { id, name, from } }) => context.host.sources.find(id, name, from)),
  setMain: os.setMain.handler(({ context, input }) => context.host.setMainSource(input.id, input.path)),
  newMachine: os.newMachine.handler(({ context, input }) => context.host.newMachineOf(input.id, input.path, input.name)),
  drafts: {
    list: os.drafts.list.handler(({ context, input }) => context.host.sources.listDrafts(input.id)),
    keep: os.drafts.keep.handler(({ context, input }) => context.host.sources.keepDraft(input.id, input.draft)),
    drop: os.drafts.drop.handler(({ context, input }) => context.host.sources.dropDraft(input.id, input.path)),
  },
};
