import { RPCHandler } from '@orpc/server/message-port';
import { ipcMain, MessageChannelMain } from 'electron';
import { serializers } from '../contract/contract.ts';
import { router, type FrontContext } from '../host/router.ts';
import { ORIGIN } from './scheme.ts';

/** Gives each page of ours a port to the host when it asks for one; a reload asks again, and the old port ends with its page. */
export function servePorts(context: () => Promise<FrontContext>, log: (text: string) => void): void {
  const handler = new RPCHandler(router, { customJsonSerializers: serializers });
  ipcMain.on('vitrine:ask-port', (event) => {
    const frame = event.senderFrame;
    if (frame === null || frame.parent !== null || !frame.url.startsWith(`${ORIGIN}/`)) {
      log('A frame that is not ours asked for the host and was given nothing.');
      return;
    }
    void context().then((given) => {
      if (frame.isDestroyed()) return;
      const { port1, port2 } = new MessageChannelMain();
      handler.upgrade(port1, { context: given });
      port1.start();
      frame.postMessage('vitrine:port', null, [port2]);
    });
  });
}
