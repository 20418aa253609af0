/**
 * The pair's gateway: owns the TCP socket on which clients reach the guest's COM1, numbers what they say, and gives them each byte of output once. A
 * process of its own, so that a side that dies takes no client along.
 */
import { appendFileSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { MachineInput } from '../../../engine/machine/machine.ts';
import { Gateway, startingGateway, type GatewayAction } from '../../../engine/tolerance/gateway.ts';
import type { SideName, ToGateway } from '../../../engine/tolerance/messages.ts';
import type { PairFolder } from './folder.ts';
import { GatewayRecord } from './gateway-record.ts';
import { listenForLinks, type Link } from './link.ts';
import { beatInterval } from './side-links.ts';
import { reach } from './reach.ts';
import { pairChannels, type GatewayQuestion, type GatewayStatus, type ToGatewayProcess } from './protocol.ts';
import { Unheard } from './unheard.ts';

/** Bytes of input that may wait for the sides. */
const inputLimit = 1 << 20;

/** Bytes of output that a client may leave unread. */
const unreadLimit = 16 << 20;
/** Bytes of the debug console that are kept. */
const logLimit = 16 << 20;

/** Milliseconds between two tries to reach a side on another host. */
const dialInterval = 200;

/** What an input counts for the limit, in bytes. */
function weightOf(input: MachineInput): number {
  return 'bytes' in input ? input.bytes.length : 8;
}

export async function runGateway(folder: PairFolder): Promise<void> {
  const gateway = new Gateway(startingGateway(pairChannels.map(({ name }) => name)));
  const links: Partial<Record<SideName, Link>> = {};
  let client: Socket | undefined;
  const unheard = new Unheard();
  let served = 0;
  let bytesIn = 0;
  const record = new GatewayRecord();

  let logged = 0;
  /** The guest's debug console. */
  const keep = (bytes: Uint8Array) => {
    logged += bytes.length;
    if (logged > logLimit) return;
    try {
      appendFileSync(folder.log('gateway'), bytes);
    } catch {
      // A full disk is no reason to stop.
    }
  };
  const waitingInput = () => gateway.state.inputs.length;
  const perform = (actions: readonly GatewayAction[]) => {
    for (const action of actions) {
      if (action.kind === 'toSide') {
        const { message } = action;
        if (message.kind === 'delivered') links[action.side]?.sendLazily(`delivered ${message.channel}`, message);
        else links[action.side]?.send(message);
      }
      else if (action.channel === 'com1') {
        record.left(action.offset, action.bytes, performance.now());
        if (client !== undefined) unheard.give(client, action.bytes);
        else unheard.put(action.bytes);
        // No gap in what it reads: its connection ends, and what did not leave counts as lost.
        if (client !== undefined && client.writableLength > unreadLimit) client.destroy();
      } else keep(action.bytes);
    }
    if (client?.isPaused() === true && waitingBytes() < inputLimit / 2) client.resume();
  };
  const take = (input: MachineInput) => {
    record.came(input, performance.now());
    perform(gateway.input(input));
  };
  const waitingBytes = () =>
    // Made below.
    gateway.state.inputs.reduce<number>((sum, input) => sum + weightOf(input as MachineInput), 0);

  const status = (): GatewayStatus => {
    const address = server.address();
    return {
      pid: process.pid,
      port: typeof address === 'object' && address !== null ? address.port : 0,
      term: gateway.state.term,
      clients: client === undefined ? 0 : 1,
      served,
      bytesIn,
      bytesOut: gateway.state.delivered['com1'] ?? 0,
      waitingInputs: waitingInput(),
      lost: unheard.lost,
    };
  };

  const server = createServer((socket) => {
    if (client !== undefined) {
      // One line, one client; its bytes would be mixed with the other's.
      socket.destroy();
      return;
    }
    client = socket;
    served++;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      bytesIn += bytes.length;
      const input: MachineInput = { kind: 'serial', bytes: Uint8Array.from(bytes) };
      take(input);
      if (waitingBytes() > inputLimit) socket.pause();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (client === socket) client = undefined;
    });
    unheard.give(socket, unheard.take());
  });
  const attach = (side: SideName, link: Link) => {
    links[side]?.close();
    links[side] = link;
    link.onMessage = (next) => perform(gateway.fromSide(side, next as ToGateway));
    link.onClose = () => {
      if (links[side] === link) delete links[side];
    };
    perform(gateway.retry());
  };
  rmSync(folder.socket('gateway'), { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(folder.read().port, '127.0.0.1', () => resolve());
  });
  await listenForLinks(folder.socket('gateway'), (link) => {
    link.onMessage = (value) => {
      // Written by a process of this build.
      const message = value as ToGatewayProcess;
      if (message.kind === 'control') {
        const question = message.question as GatewayQuestion;
        if (question.kind === 'input') {
          if (waitingBytes() > inputLimit) link.send({ refused: 'The guest does not take what it was given before; no more input is taken.' });
          else {
            for (const input of question.inputs) take(input);
            link.send({ done: true });
          }
          return;
        }
        if (question.kind === 'outside') return link.send(record.look(question.from, performance.now()));
        link.send(status());
        if (question.kind === 'end') setTimeout(() => process.exit(0), 50);
        return;
      }
      attach(message.side, link);
    };
  });
  for (; ; await delay(dialInterval)) {
    // Gone with the pair.
    if (!folder.exists) continue;
    const { away, deadAfter } = folder.read();
    if (away === null || links.b !== undefined) continue;
    try {
      const link = await reach(folder, 'b', 0);
      link.keepAlive(beatInterval, deadAfter);
      link.send({ kind: 'gateway' });
      attach('b', link);
    } catch {
      // It does not run, or cannot be reached now.
    }
  }
}
