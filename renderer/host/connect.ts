import { createORPCClient } from '@orpc/client';
import { RPCLink as PortLink } from '@orpc/client/message-port';
import { RPCLink as SocketLink } from '@orpc/client/websocket';
import { serializers, type HostClient } from '../../main/contract/contract.ts';
import { RPC_PATH } from '../../main/contract/web.ts';

/** A live connection to the host. */
export interface Connection {
  client: HostClient;
  /** Settles when the other side is gone, with a sentence that says so. */
  closed: Promise<string>;
}

/** How long the host may take to answer at all. */
const CONNECT_MILLISECONDS = 15_000;

/** Connects to the host: by a MessagePort from the preload in the app, by a WebSocket to where the page came from in a browser. */
export function connect(): Promise<Connection> {
  return location.protocol === 'app:' ? connectByPort() : connectBySocket();
}

/** Asks the preload for the port; `main/app/preload.ts` is the other half of this. */
function connectByPort(): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The host did not answer.')), CONNECT_MILLISECONDS);
    const receive = (event: MessageEvent): void => {
      const port = event.ports[0];
      if (event.source !== window || event.data !== 'vitrine:port' || port === undefined) return;
      clearTimeout(timer);
      window.removeEventListener('message', receive);
      const closed = new Promise<string>((settle) => {
        port.addEventListener('close', () => settle('The host has ended.'));
      });
      port.start();
      resolve({ client: createORPCClient(new PortLink({ port, customJsonSerializers: serializers })), closed });
    };
    window.addEventListener('message', receive);
    window.postMessage('vitrine:ask-port', location.origin);
  });
}

function connectBySocket(): Promise<Connection> {
  const url = new URL(RPC_PATH, document.baseURI);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  url.search = '';
  const websocket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error('The host does not accept this page. Open the address that `vitrine serve` printed.'));
    websocket.addEventListener('error', fail);
    websocket.addEventListener('open', () => {
      const closed = new Promise<string>((settle) => {
        websocket.addEventListener('close', () => settle('The connection to the host is lost.'));
      });
      resolve({ client: createORPCClient(new SocketLink({ websocket, customJsonSerializers: serializers })), closed });
    });
  });
}
