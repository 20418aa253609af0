import { implement } from '@orpc/server';
import type { MemorySpace } from '../../../engine/machine/debug/calls.ts';
import { debug } from '../../contract/debug.ts';
import { HostError } from '../errors.ts';
import type { FrontContext } from '../router.ts';
import { pageMessage, vcpuMessage } from './decode.ts';
import { disassembleAround } from './disassembly.ts';
import type { MachineDebug } from './machine-debug.ts';
import { callStackMessage, traceMessage } from './views.ts';

const os = implement(debug).$context<FrontContext>();

/** Something of a machine's debugger that it has whether it is on or off. */
function withDebug<Result>(context: FrontContext, id: string, work: (debug: MachineDebug) => Promise<Result>): Promise<Result> {
  return context.host.withSession(id, async ({ debug: of }) => {
    await of.open();
    return work(of);
  });
}

const pageBytes = 4096;

/** The domain `debug` of the contract. */
export const debugRouter = {
  events: os.events.handler(({ context, input, signal }) => withDebug(context, input.id, (of) => of.watch(signal))),

  breakpoints: {
    list: os.breakpoints.list.handler(({ context, input }) => withDebug(context, input.id, (of) => of.list())),
    add: os.breakpoints.add.handler(({ context, input }) => withDebug(context, input.id, (of) => of.add(input.breakpoint))),
    addText: os.breakpoints.addText.handler(({ context, input }) => withDebug(context, input.id, (of) => of.addText(input.text))),
    change: os.breakpoints.change.handler(({ context, input }) =>
      withDebug(context, input.id, (of) => of.change(input.breakpoint, input.change)),
    ),
    remove: os.breakpoints.remove.handler(({ context, input }) =>
      withDebug(context, input.id, (of) => of.remove(input.breakpoints)),
    ),
    stopAtTripleFault: os.breakpoints.stopAtTripleFault.handler(({ context, input }) =>
      withDebug(context, input.id, (of) => of.stopAtTripleFault(input.stop)),
    ),
    stopsAtTripleFault: os.breakpoints.stopsAtTripleFault.handler(({ context, input }) =>
      withDebug(context, input.id, (of) => Promise.resolve({ stop: of.stopsAtTripleFault })),
    ),
  },

  step: os.step.handler(({ context, input }) =>
    withDebug(context, input.id, (of) => of.step(input.cpu, input.kind, input.others ?? 'stopped')),
  ),
  runTo: os.runTo.handler(({ context, input }) =>
    withDebug(context, input.id, (of) => of.runTo(input.cpu ?? undefined, input.address)),
  ),

  registers: os.registers.handler(({ context, input }) =>
    withDebug(context, input.id, async (of) =>
      vcpuMessage(
        await of.machine.debug('registers', { cpu: input.cpu }),
        (address) => of.symbolAt(address),
        (address) => of.symbols.lineAt(address),
      ),
    ),
  ),
  setRegister: os.setRegister.handler(({ context, input: { id, ...edit } }) =>
    withDebug(context, id, async (of) => {
      await of.machine.debug('setRegister', edit);
      of.edited();
    }),
  ),

  readMemory: os.readMemory.handler(({ context, input: { id, space, address, length } }) =>
    withDebug(context, id, async ({ machine }) => {
      if (address + length > 2 ** 32) throw new HostError('BAD_INPUT', 'Memory ends at 4 GiB.');
      const read = await machine.debug('readMemory', { space: spaceOf(space), address, length });
      const pages = [];
      for (let at = address - (address % pageBytes); at < address + length; at += pageBytes) {
        pages.push(pageMessage(at, await machine.debug('page', { space: spaceOf(space), address: at })));
      }
      return { ...read, pages };
    }),
  ),
  writeMemory: os.writeMemory.handler(({ context, input: { id, space, address, bytes } }) =>
    withDebug(context, id, async (of) => {
      if (address + bytes.length > 2 ** 32) throw new HostError('BAD_INPUT', 'Memory ends at 4 GiB.');
      await of.machine.debug('writeMemory', { space: spaceOf(space), address, bytes });
      of.edited();
    }),
  ),
  page: os.page.handler(({ context, input: { id, space, address } }) =>
    withDebug(context, id, async ({ machine }) =>
      pageMessage(address, await machine.debug('page', { space: spaceOf(space), address })),
    ),
  ),
  disassemble: os.disassemble.handler(({ context, input: { id, ...what } }) =>
    withDebug(context, id, (of) => disassembleAround(of, context.host.engine.disassemble, what)),
  ),
  callStack: os.callStack.handler(({ context, input }) =>
    withDebug(context, input.id, (of) => callStackMessage(of, input.cpu)),
  ),
  tripleFault: os.tripleFault.handler(({ context, input }) => withDebug(context, input.id, async (of) => of.chainMessage())),

  trace: {
    start: os.trace.start.handler(({ context, input: { id, what, entries } }) =>
      withDebug(context, id, ({ machine }) => machine.debug('trace', { what, entries })),
    ),
    stop: os.trace.stop.handler(({ context, input }) =>
      withDebug(context, input.id, ({ machine }) => machine.debug('trace', undefined)),
    ),
    read: os.trace.read.handler(({ context, input: { id, cpu, most } }) =>
      withDebug(context, id, (of) => traceMessage(of, context.host.engine.disassemble, { cpu, most })),
    ),
  },

  symbols: {
    list: os.symbols.list.handler(({ context, input }) =>
      withDebug(context, input.id, ({ symbols }) => Promise.resolve(symbols.files)),
    ),
    add: os.symbols.add.handler(({ context, input: { id, name, bytes, bias } }) =>
      withDebug(context, id, (of) => Promise.resolve().then(() => of.addSymbols(name, bytes, bias))),
    ),
    remove: os.symbols.remove.handler(({ context, input }) =>
      withDebug(context, input.id, (of) => Promise.resolve(of.removeSymbols(input.name))),
    ),
    search: os.symbols.search.handler(({ context, input }) =>
      withDebug(context, input.id, ({ symbols }) => Promise.resolve(symbols.search(input.text, input.most))),
    ),
    resolve: os.symbols.resolve.handler(({ context, input }) =>
      withDebug(context, input.id, async (of) => ({ address: await of.resolve(input.cpu, input.text) })),
    ),
  },

  gdb: {
    get: os.gdb.get.handler(({ context, input }) => withDebug(context, input.id, ({ gdb }) => Promise.resolve(gdb ?? null))),
    start: os.gdb.start.handler(({ context, input }) => {
      // Whoever has the page's token may not open ports of the host to the world.
      if (context.front === 'browser' && input.host !== undefined) {
        throw new HostError('NOT_SUPPORTED', 'From a browser, gdb is served on loopback only.');
      }
      return withDebug(context, input.id, (of) => of.startGdb(input.port, input.host));
    }),
    stop: os.gdb.stop.handler(({ context, input }) => withDebug(context, input.id, (of) => of.stopGdb())),
  },
};

function spaceOf(space: { kind: 'physical' } | { kind: 'linear'; cpu: number; cr3?: number | undefined }): MemorySpace {
  if (space.kind === 'physical') return space;
  return space.cr3 === undefined ? { kind: 'linear', cpu: space.cpu } : { kind: 'linear', cpu: space.cpu, cr3: space.cr3 };
}
