/**
 * Measures what a pair costs, and writes its section of docs/benchmarks.md: requests a second and their latency against the same machine unprotected, alone on
 * the host and beside a second one that does the same work, as the secondary of a pair does; resyncs, states that travel, and take-overs.
 *
 *   node build/build.mjs engine cli && node test/bench/pair/run.mjs [--rounds N] [--seconds S] [--times N] [--no-write]
 *
 * Exit status: 0, or 2 for wrong arguments.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ROOT } from '../../../build/prepare.mjs';
import { median, writeSection } from '../page.mjs';
import { Client } from './client.mjs';
import { Library, percentile } from './pairs.mjs';
import { twoHosts } from './two-hosts.mjs';

const server = path.join(ROOT, 'test/cli/guests/server.asm');
const rows = [
  { name: 'server: 2.6 million instructions a request, 4 on their way', machine: 'server', window: 4, request: (number) => `${number} 20\n` },
  { name: 'server: the same, 16 on their way', machine: 'server', window: 16, request: (number) => `${number} 20\n` },
  { name: 'server: no work, one at a time', machine: 'server', window: 1, request: (number) => `${number} 0\n` },
  { name: 'bank clerk: a sector written, one at a time', machine: 'bank-clerk', window: 1, request: (number) => `${number} ${number % 100} 7\n` },
  { name: 'bank clerk: a sector written, 16 on their way', machine: 'bank-clerk', window: 16, request: (number) => `${number} ${number % 100} 7\n` },
];

const requestOf = (name) => rows.find((row) => row.name.startsWith(name)).request;

/** `machine` twice unprotected and once as a pair, each in a library of its own, and clients of each. */
async function open(machine, libraries) {
  const [first, second, third] = libraries;
  const words = machine === 'server' ? ['--asm', server, '--memory', '64M'] : [machine];
  const ports = [await first.run(...words), await second.run(...words)];
  if (machine === 'server') await third.vitrine('create', 'server', '--asm', server, '--memory', '64M');
  const pair = await third.pair('create', machine);
  return { libraries, alone: await Client.open(ports[0]), beside: await Client.open(ports[1]), pair: await Client.open(pair.gateway.port) };
}

/** Rounds in which each takes its turn, in another order each time. Who is not measured stands still. */
async function throughput(machines, rounds, seconds) {
  const results = rows.map(() => ({ alone: [], two: [], slower: [], pair: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, { machine, window, request }] of rows.entries()) {
      const { libraries, alone, beside, pair } = machines[machine];
      const load = (client) => client.load(seconds, window, request);
      const kinds = [
        [libraries.slice(0, 1), async () => results[index].alone.push(await load(alone))],
        [
          libraries.slice(0, 2),
          async () => {
            const both = await Promise.all([load(alone), load(beside)]);
            results[index].two.push(both[0]);
            results[index].slower.push(both[0].perSecond < both[1].perSecond ? both[0] : both[1]);
          },
        ],
        [libraries.slice(2), async () => results[index].pair.push(await load(pair))],
      ];
      for (let turn = 0; turn < kinds.length; turn++) {
        const [awake, measure] = kinds[(round + turn) % kinds.length];
        for (const library of awake) library.stand(false);
        await delay(settle);
        await measure();
        for (const library of awake) library.stand(true);
      }
    }
  }
  return results;
}

async function resyncs(library, machine, client, request, count) {
  for (let turn = 0; turn < count; turn++) {
    const { sides, primary } = await library.pair('status', machine);
    await client.load(0.2, 4, request);
    await library.vitrine('pair', 'inject', machine, 'resync');
    await library.until(machine, 'the resync', (now) => now.primary === primary && now.sides[primary].resyncs > sides[primary].resyncs && now.sides[primary].recent.at(-1).took !== undefined);
  }
  const { sides, primary } = await library.pair('status', machine);
  return sides[primary].recent.filter(({ reason, took }) => reason === 'asked' && took !== undefined).slice(-count);
}

/** The first state of machines of some sizes, with as much of it written. */
async function joins() {
  const results = [];
  for (const mebibytes of [64, 512]) {
    const library = new Library();
    try {
      const source = path.join(tmpdir(), `vitrine-filled-${process.pid}.asm`);
      writeFileSync(source, `%define FILLED ${mebibytes / 2}\n${readFileSync(server, 'utf8')}`);
      await library.vitrine('create', 'filled', '--asm', source, '--memory', `${mebibytes}M`);
      const { sides } = await library.pair('create', 'filled');
      results.push({ mebibytes, ...sides.a.recent.find(({ reason }) => reason === 'join') });
    } finally {
      await library.close();
    }
  }
  return results;
}

async function failovers(library, machine, client, request, count) {
  const times = [];
  for (let turn = 0; turn < count; turn++) {
    let pair = await library.pair('status', machine);
    if (!pair.isProtected) pair = await library.pair('reprotect', machine);
    const began = performance.now();
    process.kill(pair.sides[pair.primary].pid, 'SIGKILL');
    client.socket.write(request(++client.last));
    const line = await client.line();
    if (!line.startsWith(`${client.last} `)) throw new Error(`Request ${client.last} was answered by ${line}.`);
    times.push(performance.now() - began);
    await library.until(machine, 'the take-over', ({ primary }) => primary !== null);
  }
  return times;
}

/** Milliseconds for which a machine runs on before it is measured. */
const settle = 200;

const number = (value, digits = 1) => value.toFixed(digits);
const times = (runs) => runs.flatMap((run) => run.times);
const rate = (runs) => median(runs.map(({ perSecond }) => perSecond));
/** Of neighbouring runs, since the host does not always run as fast: their median, and the middle half of them. */
function cost(before, after) {
  const costs = before.map(({ perSecond }, round) => (1 - after[round].perSecond / perSecond) * 100);
  return `${number(median(costs), 0)} % (${number(percentile(costs, 0.25), 0)} to ${number(percentile(costs, 0.75), 0)})`;
}

function page({ results, minutes, own, asked, joined, failed, apart, rounds, seconds }) {
  const lines = results.map(({ alone, two, slower, pair }, index) => {
    const latency = (runs) => `${number(percentile(times(runs), 0.5))} / ${number(percentile(times(runs), 0.99))}`;
    return `| ${rows[index].name} | ${number(rate(alone), 0)} | ${number(rate(two), 0)} | ${number(rate(pair), 0)} | ${cost(two, pair)} | ${cost(slower, pair)} | ${cost(alone, pair)} | ${latency(two)} | ${latency(pair)} |`;
  });
  const state = (list, part) => list.map((one) => one[part]);
  const askedLines = Object.entries(asked).map(
    ([machine, list]) =>
      `| resync of ${machine}, ${list.length} times | ${median(state(list, 'pages'))} | ${median(state(list, 'bytes'))} | ${number(percentile(state(list, 'pause'), 0.5))} / ${number(percentile(state(list, 'pause'), 0.99))} | ${number(median(state(list, 'took')))} |`,
  );
  const joinedLines = joined.map(({ mebibytes, pages, bytes, pause, took }) => `| first state of ${mebibytes} MiB, half of it written | ${pages} | ${bytes} | ${number(pause)} | ${number(took)} |`);
  return `## A pair

\`node test/bench/pair/run.mjs --rounds ${rounds}\`, on ${cpus()[0]?.model ?? 'an unknown processor'} with ${cpus().length} cores, which both sides, the gateway and the client share. Guests have one virtual CPU. Requests a
second through a TCP port: of the machine by itself (\`vitrine run --serial tcp:\`), of one of two such machines that do the same work beside each other, and of a pair.
A pair computes everything twice, so what protection itself costs shows against two; where each side has a host of its own, that is all of it. It is as fast as its slower side, so
where cores are not equally fast the slower of the two is its measure. Medians of
${rounds} rounds of ${seconds} s in which each has its turn and the others stand still; costs are medians of each round's own, with their quartiles; latency in milliseconds, median / 99th percentile.

| load | alone | one of two | pair | cost against one of two | against the slower of the two | against one alone | latency of two | latency of the pair |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
${lines.join('\n')}

In their ${number(minutes)} minutes of that the pairs had ${own.map(([machine, count]) => `${count} resyncs (${machine})`).join(' and ')} of their own, that is ${number(own.reduce((sum, [, count]) => sum + count, 0) / minutes, 2)} a minute, though both guests write down the time and
so differ inside at each request.

| state that travels | pages | bytes | pause, ms | until protected, ms |
|---|---:|---:|---:|---:|
${[...askedLines, ...joinedLines].join('\n')}

From the kill of the primary to the first answer: ${failed.map((value) => number(value, 0)).join(', ')} ms. ${
    apart.why === undefined
      ? `Of a pair on two hosts (network namespaces of this computer, with etcd in a third; a proof of the lease counts for 400 ms): ${apart.times.map((value) => number(value, 0)).join(', ')} ms.`
      : `A pair on two hosts was not tried: ${apart.why}.`
  }

Published by others, for machines with networks and disks on hosts of their own, so that only the order of size can be compared: VMware FT "typically reduces performance of real
applications by less than 10 %" with "less than 20 Mbit/s" between the sides ([Scales, Nelson, Venkitachalam, 2010](https://www.vmware.com/techpapers/2010/the-design-and-evaluation-of-a-practical-system-fo-10134.html)).
Remus commits checkpoints "as high as forty times a second", holds every packet until the next one, and takes over "with only seconds of downtime" ([Cully and others, NSDI 2008](https://www.usenix.org/legacy/event/nsdi08/tech/full_papers/cully/cully_html/index.html)).
COLO releases output that both sides agree on, as here, and takes a checkpoint where they differ ([Dong and others, SoCC 2013](https://dl.acm.org/doi/10.1145/2523616.2523630)).
Of QEMU's COLO the memory part of a checkpoint is published, between two hosts with 10 Gbit/s and a guest of 6 GiB on 4 cores that takes a file: 24.3 ms in the mean, 78.1 ms at the 99th
percentile; without load 4.5 and 10.3 ms ([Straub, qemu-devel, February 2026](https://mail-archive.com/qemu-devel@nongnu.org/msg1168116.html)).`;
}

let options;
try {
  options = parseArgs({ options: { rounds: { type: 'string', default: '15' }, seconds: { type: 'string', default: '2' }, times: { type: 'string', default: '10' }, 'no-write': { type: 'boolean', default: false } } }).values;
  if (!/^[1-9]\d?$/.test(options.rounds)) throw new Error('--rounds takes a number from 1 to 99.');
  if (!/^[1-9]\d?$/.test(options.times)) throw new Error('--times takes a number from 1 to 99.');
  if (!(Number(options.seconds) > 0)) throw new Error('--seconds takes a number above 0.');
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const say = (text) => process.stderr.write(`${text}\n`);
const libraries = [];
try {
  const machines = {};
  for (const machine of ['server', 'bank-clerk']) {
    const own = [new Library(), new Library(), new Library()];
    libraries.push(...own);
    for (const library of own) await library.vitrine('list');
    machines[machine] = await open(machine, own);
  }
  say('Machines are up.');
  // Code that runs often is translated by then.
  for (const { machine, window, request } of rows) {
    const { alone, beside, pair } = machines[machine];
    for (const client of [alone, beside, pair]) await client.load(Math.min(2, seconds), window, request);
  }
  const count = async () => Promise.all(Object.entries(machines).map(async ([machine, { libraries: [, , pairs] }]) => {
    const { sides, primary } = await pairs.pair('status', machine);
    return [machine, sides[primary].resyncs];
  }));
  const before = await count();
  for (const library of libraries) library.stand(true);
  const results = await throughput(machines, rounds, seconds);
  const minutes = (rounds * rows.length * (seconds + settle / 1000)) / 60;
  for (const { libraries: [, , pairs] } of Object.values(machines)) pairs.stand(false);
  const own = (await count()).map(([machine, now], index) => [machine, now - before[index][1]]);
  say('Loads are measured.');
  const asked = {};
  for (const [machine, request] of [['bank-clerk', requestOf('bank clerk')], ['server', requestOf('server: no work')]]) asked[machine] = await resyncs(machines[machine].libraries[2], machine, machines[machine].pair, request, Number(options.times));
  say('Resyncs are measured.');
  const failed = await failovers(machines['bank-clerk'].libraries[2], 'bank-clerk', machines['bank-clerk'].pair, requestOf('bank clerk'), Math.ceil(Number(options.times) / 2));
  for (const { pair } of Object.values(machines)) pair.close();
  for (const library of libraries) await library.close();
  say('Take-overs are measured.');
  const apart = await twoHosts(Math.ceil(Number(options.times) / 2));
  say('Take-overs of two hosts are measured.');
  const joined = await joins();
  const text = page({ results, minutes, own, asked, joined, failed, apart, rounds, seconds });
  process.stdout.write(`${text}\n`);
  if (!options['no-write']) writeSection('pair', text);
} finally {
  for (const library of libraries) await library.close();
}
