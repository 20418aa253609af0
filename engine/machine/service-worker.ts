/** Entry of a machine's service worker: messages in and out around MachineService. */
import { randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { startDisplayServer, type DisplayServer } from '../display/display-server.ts';
import { startRfbServer, type RfbServer } from '../display/rfb-server.ts';
import { largestPosition, type RfbListening } from './display-face.ts';
import { requireOutput } from './display-service.ts';
import { MachineError, type MachineEvent, type MachineInput } from './machine.ts';
import { MachineMemory } from './memory.ts';
import { peekTool, type PeekQuestion } from '../peek/questions.ts';
import { silentMachine } from '../peek/silent-memory.ts';
import { PeekTool } from '../peek/tool.ts';
import type { FromService, FromVcpu, ServiceCall, ServiceCalls, ServiceStart, ToService } from './protocol.ts';
import { MachineService } from './service.ts';
import { openDriveImage } from './drive-image.ts';
import { PairTool } from '../tolerance/pair-tool.ts';
import { pairTool, type PairQuestion } from '../tolerance/questions.ts';
import { injectSmis, readSmram, smmSaveState, smmState } from '../smm/inspection.ts';

const main = parentPort;
if (main === null) throw new Error('This file is the entry of a worker.');

// Written by virtual-machine.ts of the same build, in this process.
const start = workerData as ServiceStart;
const pair = new PairTool(start.configuration);
const service = new MachineService(
  MachineMemory.attach(start.memory),
  start.configuration,
  pair.openImage((drive) => openDriveImage(drive, `machine ${start.configuration.name}`)),
);
pair.attach(service);

function send(message: FromService, transfer: ArrayBuffer[] = []): void {
  main?.postMessage(message, transfer);
}

service.debug.post = (cpu, orders) => start.vcpus[cpu]?.postMessage(orders);
service.onEvent = (event: MachineEvent) => send({ kind: 'event', event, state: service.life.state });

/** Viewers type whether or not the machine can take it; there is nobody to tell. */
function acceptInput(input: MachineInput): void {
  // What one side alone is given makes the two differ: theirs comes through the pair's gateway.
  if (start.configuration.pair !== undefined) return;
  try {
    service.input.accept(input);
  } catch (error) {
    if (!(error instanceof MachineError)) throw error;
  }
}

const peek = new PeekTool({
  name: start.configuration.name,
  memory: service.memory,
  control: service.control,
  machine: silentMachine(service.memory, service.bus, service.chips.apics),
  state: () => service.life.state,
  inspectChips: () => service.bus.lock.with(() => service.chips.inspect()),
  whileStopped: (body) => service.standstill.whileStopped(body),
});

/** By output. */
const displays = new Map<number, Promise<DisplayServer>>();

let rfb: RfbServer | undefined;

async function listenRfb(listening: RfbListening | undefined): Promise<{ address: string; port: number } | undefined> {
  const before = rfb;
  rfb = undefined;
  await before?.close();
  if (listening === undefined) return undefined;
  try {
    rfb = await startRfbServer({
      ...listening,
      source: service.chips.screen(0),
      name: start.configuration.name,
      onInput: acceptInput,
      onPosition({ x, y, buttons, wheel, width, height }) {
        if (!service.displays.state().takesPositions) return false;
        const share = (at: number, extent: number) => Math.round((Math.min(at, extent - 1) * largestPosition) / Math.max(1, extent - 1));
        acceptInput({ kind: 'pointer', output: 0, x: share(x, width), y: share(y, height), buttons, wheel: -wheel });
        return true;
      },
      onViewer: (event) => send({ kind: 'event', event: { kind: 'rfb', event }, state: service.life.state }),
    });
  } catch (error) {
    if (error instanceof TypeError) throw new MachineError('bad-configuration', error.message);
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const { address, port } = listening;
    if (code === 'EADDRINUSE') throw new MachineError('wrong-state', `Port ${port} of ${address} is in use; choose another.`);
    if (code === 'EADDRNOTAVAIL') throw new MachineError('bad-configuration', `${address} is not an address of this computer.`);
    if (code === 'EACCES') throw new MachineError('file-failed', `Port ${port} needs more rights; choose one above 1023.`);
    throw error;
  }
  return { address: rfb.address, port: rfb.port };
}

type Handlers = {
  [Call in ServiceCall]: (
    argument: ServiceCalls[Call]['argument'],
  ) => ServiceCalls[Call]['result'] | Promise<ServiceCalls[Call]['result']>;
};

const handlers: Handlers = {
  start: async (options) => {
    // A machine that is on refuses by itself.
    if (service.life.state === 'off') await service.disks.open();
    if (options.restore === undefined) service.life.start(options);
    else await service.suspension.restore(options.restore, options);
  },
  suspend: (path) => service.suspension.suspend(path),
  cancelSuspend: () => service.suspension.cancel(),
  hold: () => service.copying.hold(),
  letGo: () => service.copying.letGo(),
  writeCore: ({ path, cpu }) => service.copying.writeCore(path, cpu),
  cancelCore: () => service.copying.cancelCore(),
  pause: (reason) => service.life.pause(reason),
  resume: () => service.life.resume(),
  reset: () => service.life.reset(),
  powerOff: () => service.life.powerOff(),
  pressPowerButton: () => service.pressPowerButton(),
  input: (input) => service.input.accept(input),
  screenshot: (output) => service.displays.screenshot(output),
  screenText: () => service.displays.screenText(),
  statistics: () => service.statistics(),
  digest: async () => {
    await service.disks.settle();
    return service.digest();
  },
  runUntil: (count) => service.runUntil.start(count),
  debug: (request) => service.debug.answer(request),
  smm: () => smmState(service.smmMachine),
  smmEvents: (since) => service.smm.events(since),
  injectSmi: ({ target, count }) => injectSmis(service.smmMachine, target, count),
  breakOnSmm: (when) => {
    service.smm.breakOn = when;
  },
  readSmram: ({ address, length }) => readSmram(service.smmMachine, address, length),
  smmSaveState: (cpu) => smmSaveState(service.smmMachine, cpu),
  guard: (request) => service.changeGuard(request),
  ask: ({ tool, question }) => askTool(tool, question),
  closeDisks: () => service.disks.close(),
  display: async (output) => {
    requireOutput(output);
    let server = displays.get(output);
    if (server === undefined) {
      server = startDisplayServer({
        source: service.chips.screen(output),
        token: randomBytes(24).toString('base64url'),
        // Whoever may look may not type: consoles type over the contract, which knows who has the machine.
        onInput: () => undefined,
        name: output === 0 ? start.configuration.name : `${start.configuration.name}, output ${output}`,
      });
      displays.set(output, server);
      // One that could not listen is tried again.
      server.catch(() => displays.delete(output));
    }
    return { url: (await server).url };
  },
  displayState: () => service.displays.state(),
  configureDisplay: ({ properties, session }) => service.displays.configure(properties, session),
  listenRfb,
  answerRfb: ({ viewer, answer }) => rfb?.answer(viewer, answer),
  awaitFrames: ({ generation, milliseconds }) => service.displays.awaitFrames(generation, milliseconds),
};

function askTool(tool: string, question: unknown): unknown {
  // A question for this tool was made by its client, of the same build.
  if (tool === peekTool) return peek.answer(question as PeekQuestion);
  if (tool === pairTool) return pair.answer(question as PairQuestion);
  throw new MachineError('not-supported', `This machine has no tool named ${tool}.`);
}

async function answer(id: number, call: ServiceCall, argument: unknown): Promise<void> {
  try {
    // The argument was made for this very call by virtual-machine.ts.
    const handler = handlers[call] as (argument: unknown) => unknown;
    send({ kind: 'result', id, value: await handler(argument) });
  } catch (error) {
    const code = error instanceof MachineError ? error.code : undefined;
    const message = error instanceof Error ? error.message : String(error);
    send({ kind: 'refused', id, error: { code, message, stack: error instanceof Error ? error.stack : undefined } });
  }
}

main.on('message', (message: ToService) => {
  if (message.kind === 'call') void answer(message.id, message.call, message.argument);
  else if (message.kind === 'taken') service.output.taken(message.bytes);
  else service.vcpuDied(message.cpu, message.reason);
});

for (const port of start.vcpus) port.on('message', (message: FromVcpu) => service.fromVcpu(message));

send({ kind: 'ready' });
