import type { WebSocket as ClientSocket } from 'ws';
import { WebSocket } from 'ws';
import { linkHeader } from '../host/engine-types.ts';

/** Bytes that may wait for one side before the other is held. */
const WAITING_LIMIT = 4 * 1024 * 1024;

/** How often a held side looks whether it may go on, in milliseconds. */
const RECHECK = 20;

/** Close codes that an endpoint may send itself (RFC 6455, 7.4). */
function sendable(code: number): number {
  return code === 1000 || (code >= 1001 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
    ? code
    : 1000;
}

function forward(from: ClientSocket, to: ClientSocket): void {
  from.on('message', (data, binary) => {
    if (to.readyState !== WebSocket.OPEN) return;
    to.send(data, { binary });
    if (to.bufferedAmount < WAITING_LIMIT) return;
    from.pause();
    const timer = setInterval(() => {
      if (to.bufferedAmount >= WAITING_LIMIT && to.readyState === WebSocket.OPEN) return;
      clearInterval(timer);
      from.resume();
    }, RECHECK);
  });
  from.on('close', (code) => {
    if (to.readyState === WebSocket.OPEN) to.close(sendable(code));
    else to.terminate();
  });
  from.on('error', () => {
    from.terminate();
    to.terminate();
  });
}

/** Joins a browser to a machine's own display endpoint. What the browser sends before the other side is open waits. */
export function proxyDisplay(browser: ClientSocket, url: string): void {
  const machine = new WebSocket(url, ['binary'], { perMessageDeflate: false, headers: { [linkHeader]: 'network' } });
  browser.pause();
  machine.once('open', () => {
    browser.resume();
  });
  forward(browser, machine);
  forward(machine, browser);
}
