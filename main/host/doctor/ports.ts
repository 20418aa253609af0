import { connect, createServer, type Server } from 'node:net';
import { good, type Checker, type Finding } from './checker.ts';

/** Where others look first. Vitrine takes whatever port it is told, so one that is taken is only a surprise. */
const USUAL = [
  { port: 1234, what: 'gdb' },
  { port: 5900, what: 'VNC viewers' },
] as const;

function listen(port: number): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.end());
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** Why a connection to oneself fails; undefined when it does not. Displays of machines come over such ones. */
async function loopbackFailure(): Promise<string | undefined> {
  const server = await listen(0);
  if (typeof server === 'string') return server;
  const address = server.address();
  try {
    return await new Promise<string | undefined>((resolve) => {
      const socket = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1', () => {
        socket.destroy();
        resolve(undefined);
      });
      socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
      socket.setTimeout(3000, () => {
        socket.destroy();
        resolve('no answer');
      });
    });
  } finally {
    await close(server);
  }
}

export function judgePorts(loopback: string | undefined, taken: readonly { port: number; what: string }[]): Finding {
  if (loopback !== undefined) {
    return {
      outcome: 'bad',
      description: `This computer cannot be reached from itself (127.0.0.1: ${loopback}), and consoles show machines over such connections.`,
      fixes: ['Bring the loopback interface up: sudo ip link set lo up.', 'Let a firewall allow connections to 127.0.0.1.'],
    };
  }
  if (taken.length === 0)
    return good(`Connections to 127.0.0.1 work; ${USUAL.map(({ port, what }) => `${port} (${what})`).join(' and ')} are free.`);
  const list = taken.map(({ port, what }) => `${port} (${what})`).join(' and ');
  return {
    outcome: 'warning',
    description: `Connections to 127.0.0.1 work, but another program has the usual port ${list}.`,
    fixes: ['Name another port when you serve machines there; any free one will do.'],
  };
}

export const ports: Checker = {
  id: 'ports',
  category: 'host',
  title: 'Local ports',
  async check() {
    const taken: (typeof USUAL)[number][] = [];
    for (const usual of USUAL) {
      const server = await listen(usual.port);
      if (typeof server === 'string') taken.push(usual);
      else await close(server);
    }
    return judgePorts(await loopbackFailure(), taken);
  },
};
