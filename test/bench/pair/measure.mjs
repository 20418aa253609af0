/**
 * What a pair costs: the bank clerk alone (`vitrine run --serial tcp:`) and as a pair, one request at a time (latency) and many on their way
 * (throughput); then the time from the kill of the primary to the first answer, with a re-protect in between.
 *
 *   node build/build.mjs engine cli && node test/bench/pair/measure.mjs [requests] [failovers]
 *
 * Prints one JSON line. Both sides, the gateway and the client share the host.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const program = path.resolve(import.meta.dirname, '../../../out/cli/vitrine.js');
const requests = Number(process.argv[2] ?? 500);
const failovers = Number(process.argv[3] ?? 3);
const onTheWay = 16;
const machine = 'bank-clerk';
const library = mkdtempSync(path.join(tmpdir(), 'vitrine-pair-bench-'));
const environment = { ...process.env, VITRINE_LIBRARY: path.join(library, 'library') };

const vitrine = async (...words) => (await promisify(execFile)(process.execPath, [program, ...words], { env: environment })).stdout;
const status = async (...words) => JSON.parse(await vitrine('pair', ...words, '--json'));

async function client(port) {
  const socket = await new Promise((resolve, reject) => {
    const one = connect(port, '127.0.0.1', () => resolve(one));
    one.once('error', reject);
  });
  socket.setNoDelay(true);
  let said = '';
  let heard = () => undefined;
  let last = 0;
  socket.on('data', (bytes) => {
    said += bytes.toString('latin1');
    heard();
  });
  const line = async () => {
    while (!said.includes('\n')) await new Promise((resolve) => (heard = resolve));
    const at = said.indexOf('\n');
    const text = said.slice(0, at);
    said = said.slice(at + 1);
    return text;
  };
  const expect = async (number) => {
    const text = await line();
    if (!text.startsWith(`${number} `)) throw new Error(`Request ${number} was answered by ${text}.`);
  };
  return {
    socket,
    line,
    /** Milliseconds of each of `count` requests, one at a time. */
    async latencies(count) {
      const times = [];
      for (let index = 0; index < count; index++) {
        const began = performance.now();
        socket.write(`${++last} 1 1\n`);
        await expect(last);
        times.push(performance.now() - began);
      }
      return times.sort((a, b) => a - b);
    },
    /** Requests a second with many on their way. */
    async throughput(count) {
      const began = performance.now();
      const first = last + 1;
      let answered = first;
      for (let index = 0; index < count; index++) {
        socket.write(`${++last} 1 1\n`);
        if (last - answered >= onTheWay) await expect(answered++);
      }
      while (answered <= last) await expect(answered++);
      return (count / (performance.now() - began)) * 1000;
    },
  };
}

const round = (value) => Math.round(value * 100) / 100;
const at = (sorted, part) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]);

async function measure(one) {
  await one.latencies(50);
  const latencies = await one.latencies(requests);
  const throughput = await one.throughput(requests * 2);
  return { p50: at(latencies, 0.5), p99: at(latencies, 0.99), perSecond: round(throughput) };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const result = { requests, onTheWay };
try {
  await vitrine('list');
  const port = await freePort();
  const alone = spawn(process.execPath, [program, 'run', machine, '--serial', `tcp:${port}`], { env: environment, stdio: 'ignore' });
  try {
    let one;
    for (let tries = 0; one === undefined && tries < 200; tries++) {
      one = await client(port).catch(() => undefined);
      if (one === undefined) await delay(50);
    }
    await one.line();
    result.alone = await measure(one);
    one.socket.destroy();
  } finally {
    const ended = new Promise((resolve) => alone.once('close', resolve));
    alone.kill('SIGTERM');
    await ended;
  }
  // Another ledger.
  environment.VITRINE_LIBRARY = path.join(library, 'pairs');
  await vitrine('list');
  let pair = await status('create', machine);
  const one = await client(pair.gateway.port);
  await one.line();
  result.pair = await measure(one);
  const after = await status('status', machine);
  const { resyncs, recent } = after.sides[after.primary];
  result.resyncs = resyncs;
  result.recent = recent.map(({ reason, pages, bytes, pause, took }) => ({ reason, pages, bytes, pause: round(pause ?? 0), took: round(took ?? 0) }));
  result.failovers = [];
  for (let turn = 0; turn < failovers; turn++) {
    pair = await status('status', machine);
    if (!pair.isProtected) pair = await status('reprotect', machine);
    const { pid } = pair.sides[pair.primary];
    const began = performance.now();
    process.kill(pid, 'SIGKILL');
    await one.latencies(1);
    result.failovers.push(round(performance.now() - began));
    while ((await status('status', machine)).primary === null) await delay(50);
  }
  one.socket.destroy();
  await vitrine('pair', 'break', machine);
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  rmSync(library, { recursive: true, force: true });
}
