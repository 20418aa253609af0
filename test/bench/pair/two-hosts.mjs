/** Take-overs of a pair on two hosts: network namespaces of this computer, with an etcd in a third. Needs root, etcd and Linux. */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'vite';
import { nodeConfiguration } from '../../../build/node-configuration.mjs';
import { ROOT } from '../../../build/prepare.mjs';
import { Client } from './client.mjs';

const program = path.join(ROOT, 'out/cli/vitrine.js');
const machine = 'bank-clerk';
/** Milliseconds for which anything is waited for. */
const patience = 60_000;
const through = `const s = require('net').connect(+process.argv[1], '127.0.0.1'); process.stdin.pipe(s); s.pipe(process.stdout); s.on('close', () => process.exit(9));`;

async function bundledNetwork() {
  const outDir = path.join(ROOT, 'out/bench-pair');
  const input = { network: path.join(import.meta.dirname, 'network.ts') };
  await build(nodeConfiguration({ build: { outDir, emptyOutDir: true }, rolldownOptions: { input, external: (id) => id.startsWith('node:'), output: { format: 'es', entryFileNames: '[name].js' } } }));
  return import(pathToFileURL(path.join(outDir, 'network.js')));
}

/** A connection from within a network, as a socket's client has it. */
function connectWithin(words, port) {
  const [command, ...rest] = [...words, process.execPath, '-e', through, String(port)];
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    setNoDelay: () => undefined,
    on: (name, hear) => (name === 'data' ? child.stdout : child).on(name, hear),
    write: (text) => child.stdin.write(text),
    destroy: () => child.kill('SIGKILL'),
  };
}

/** The milliseconds from the kill of the primary to the first answer, `count` times, in turn on either host; or why there are none. */
export async function twoHosts(count) {
  const { Etcd, hasEtcd, noNetwork, Triangle } = await bundledNetwork();
  const why = hasEtcd ? noNetwork() : 'there is no etcd';
  if (why !== undefined) return { why };
  const folder = mkdtempSync(path.join(tmpdir(), 'vitrine-two-hosts-bench-'));
  const network = new Triangle();
  const pids = new Set();
  const words = (host, ...rest) => [...network.on(host), process.execPath, program, ...rest];
  const environment = (host) => ({ ...process.env, VITRINE_LIBRARY: path.join(folder, host) });
  const run = async (host, ...rest) => {
    const [command, ...all] = words(host, ...rest);
    return (await promisify(execFile)(command, all, { env: environment(host), maxBuffer: 1 << 26 })).stdout;
  };
  const pair = async (...rest) => {
    const status = JSON.parse(await run('a', 'pair', ...rest, '--json'));
    for (const one of [status.gateway, status.sides.a, status.sides.b]) if (one) pids.add(one.pid);
    return status;
  };
  let etcd;
  let serve;
  try {
    etcd = await Etcd.start(`http://${network.address.e}:2379`, network.on('e'));
    const [command, ...all] = words('b', 'serve', '--json', '--peer', `${network.address.ba}:0`);
    serve = spawn(command, all, { env: environment('b'), stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    serve.stdout.on('data', (bytes) => (said += bytes));
    for (const end = performance.now() + patience; !said.includes('\n'); await delay(50)) if (performance.now() > end) throw new Error('The other host does not listen.');
    const { peer } = JSON.parse(said);
    await run('a', 'peer', 'add', peer.address, peer.code, '--name', 'north');
    const created = await pair('create', machine, '--peer', 'north', '--etcd', etcd.url);
    const client = new Client(connectWithin(network.on('a'), created.gateway.port));
    await client.line();
    const request = (number) => `${number} ${number % 100} 7\n`;
    const times = [];
    for (let turn = 0; turn < count; turn++) {
      let status = await pair('status', machine);
      if (!status.isProtected) status = await pair('reprotect', machine);
      await client.load(0.5, 4, request);
      const began = performance.now();
      process.kill(status.sides[status.primary].pid, 'SIGKILL');
      client.socket.write(request(++client.last));
      const line = await client.line();
      times.push(performance.now() - began);
      if (!line.startsWith(`${client.last} `)) throw new Error(`Request ${client.last} was answered by ${line}.`);
    }
    client.close();
    return { times };
  } finally {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    serve?.kill('SIGKILL');
    await etcd?.end();
    network.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
