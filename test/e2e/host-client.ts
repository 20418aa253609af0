import { createORPCClient } from '@orpc/client';
import { RPCLink } from '@orpc/client/websocket';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { serializers, type HostClient } from '../../main/contract/contract.ts';
import { nodeDisk } from '../../main/host/disk.ts';
import { lockHolder } from '../../main/host/library-lock.ts';

/** Asks the program that holds a library, as the command line does. */
export async function askHost<Result>(library: string, question: (client: HostClient) => Promise<Result>): Promise<Result> {
  const holder = await lockHolder(nodeDisk, library);
  if (!holder) throw new Error(`Nobody holds ${library}.`);
  const websocket = new WebSocket('ws://localhost/', { createConnection: () => connect(holder.control), perMessageDeflate: false });
  websocket.binaryType = 'arraybuffer';
  await new Promise<void>((resolve, reject) => {
    websocket.once('open', () => resolve());
    websocket.once('error', reject);
  });
  try {
    return await question(createORPCClient(new RPCLink({ websocket, customJsonSerializers: serializers })));
  } finally {
    websocket.close();
  }
}

/** The rows of a machine's text screen, one below the other. */
export async function screenText(library: string, id: string): Promise<string> {
  return (await askHost(library, (client) => client.machines.screenText({ id })))?.join('\n') ?? '';
}
