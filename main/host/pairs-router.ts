import { implement } from '@orpc/server';
import { pairs, pairSettings } from '../contract/pairs.ts';
import type { FrontContext } from './router.ts';

const os = implement(pairs).$context<FrontContext>();

/** The domain `pairs` of the contract. */
export const pairsRouter = {
  preflight: os.preflight.handler(({ context, input }) => context.host.pairs.preflight(input.id, input)),
  peers: os.peers.handler(({ context }) => context.host.pairs.peers()),
  create: os.create.handler(({ context, input }) =>
    context.host.pairs.create(input.id, input.settings ?? pairSettings.parse({})),
  ),
  status: os.status.handler(({ context, input }) => context.host.pairs.status(input.id)),
  watch: os.watch.handler(({ context, input, signal }) => context.host.pairs.watch(input.id, signal)),
  failover: os.failover.handler(({ context, input }) => context.host.pairs.failover(input.id)),
  reprotect: os.reprotect.handler(({ context, input }) => context.host.pairs.reprotect(input.id)),
  resync: os.resync.handler(({ context, input }) => context.host.pairs.resync(input.id)),
  inject: os.inject.handler(({ context, input }) => context.host.pairs.inject(input.id, input.role, input.fault)),
  input: os.input.handler(({ context, input }) => context.host.pairs.input(input.id, input.inputs)),
  outside: os.outside.handler(({ context, input }) => context.host.pairs.outside(input.id, input.from)),
  picture: os.picture.handler(({ context, input }) => context.host.pairs.picture(input.id, input.side)),
  break: os.break.handler(({ context, input }) => context.host.pairs.break(input.id)),
  display: os.display.handler(async ({ context, input: { id, side } }) => {
    const { url } = await context.host.pairs.display(id, side);
    return { url: context.displayUrl(id, url, side) };
  }),
};
