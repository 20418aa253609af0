/**
 * The measured process: figures of the guard as one line of JSON.
 *
 *   node test/bench/guard/measure.mjs BUNDLE ROUNDS PART
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [bundle, roundsText, partText] = process.argv.slice(2);
const rounds = Number(roundsText);
const part = Number(partText);
const { assemble, createMachine, Guard, BareMachine } = await import(pathToFileURL(path.join(bundle, 'engine.js')));

const MEBIBYTE = 1 << 20;
const PAGE = 4096;
const DENY = 4;

/** Stores in a loop when it is told how often (0x7b00), at 0x20000; says so at 0x7b04. EBX is stored, so that each alert is another one. */
const source = `
        org 0x7c00
        xor ax, ax
        mov ds, ax
        mov ax, 0x2000
        mov es, ax
wait:   pause
        mov ecx, [0x7b00]
        jecxz wait
        mov dword [0x7b00], 0
again:  inc ebx
        mov [es:0], ebx
        dec ecx
        jnz again
        mov dword [0x7b04], 1
        jmp wait
        times 510-($-$$) db 0
        dw 0xaa55
`;

async function guest() {
  const { bytes, errors } = assemble({ file: 'guest', read: () => ({ path: 'guest', bytes: Buffer.from(source) }) });
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join('\n'));
  const machine = await createMachine(
    { name: 'bench', cpus: 1, memoryBytes: 64 * MEBIBYTE, clock: 'wall', boot: { kind: 'boot-sector', image: bytes } },
    { workerDirectory: bundle },
  );
  let alerts = 0;
  machine.on((event) => {
    if (event.kind === 'guard') alerts += event.alerts.length;
  });
  await machine.start();
  const { memory } = machine;
  const words = memory.words;
  const at = (address) => (memory.ramBase + address) >>> 2;
  return {
    machine,
    alerts: () => alerts,
    /** Seconds of processor time, of all threads of this process, for so many stores. */
    async stores(count) {
      Atomics.store(words, at(0x7b04), 0);
      const begin = processorTime();
      Atomics.store(words, at(0x7b00), count);
      while (Atomics.load(words, at(0x7b04)) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      return processorTime() - begin;
    },
  };
}

/** Seconds: the same whatever else runs on the host. */
function processorTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Nanoseconds for a lookup of a listed page, over trees of different sizes. */
function lookups() {
  const results = [];
  for (const pages of [1_000, 10_000, 100_000, 786_432]) {
    const machine = BareMachine.create({ ramBytes: 3 * 1024 * MEBIBYTE });
    const guard = new Guard(machine.memory, machine.control, machine.bus, -1);
    machine.bus.lock.with(() => guard.reset(true));
    // Spread over all of memory, legacy hole left out.
    const step = Math.floor(786_432 / pages);
    const listed = [];
    for (let page = 0; listed.length < pages && page < 786_432; page += step) if (page < 0xa0 || page >= 0x100) listed.push(page);
    for (const page of listed) {
      const { refused } = guard.protect([{ first: page, count: 1 }], DENY, true);
      if (refused !== undefined) throw new Error(`Page ${page} was refused: ${refused}.`);
    }
    const count = Math.round(2_000_000 * part);
    const look = () => {
      let seed = 1;
      let found = 0;
      const begin = processorTime();
      for (let index = 0; index < count; index++) {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        if (guard.tree.look(listed[seed % listed.length]).kind === 'listed') found += 1;
      }
      if (found !== count) throw new Error('A listed page was not found.');
      return ((processorTime() - begin) * 1e9) / count;
    };
    look();
    const times = Array.from({ length: rounds }, look);
    results.push({ pages: listed.length, median: median(times), least: Math.min(...times), most: Math.max(...times) });
  }
  return results;
}

/** Microseconds for a write that raises an alert, beside the same writes when nobody looks; and what guards on other pages cost. */
async function writes() {
  const { machine, stores, alerts } = await guest();
  const range = { kind: 'physical', address: 0x20000, bytes: PAGE };
  const others = { kind: 'physical', address: 16 * MEBIBYTE, bytes: 4096 * PAGE };
  const many = Math.round(50_000 * part);
  const fast = Math.round(100_000_000 * part);
  await stores(fast);
  let expected = 0;
  /** Until all alerts are here; one too many is an error, as one too few is a wait without end. */
  const all = async () => {
    while (alerts() < expected) await new Promise((resolve) => setTimeout(resolve, 5));
    if (alerts() !== expected) throw new Error(`${expected} writes raised ${alerts()} alerts.`);
  };
  const cost = [];
  const denied = [];
  const plain = [];
  const guarded = [];
  for (let round = 0; round < rounds; round++) {
    for (const [action, into] of [
      ['log', cost],
      ['deny', denied],
    ]) {
      await machine.guard({ kind: 'add', range, action });
      expected += many / 10;
      await stores(many / 10);
      await all();
      expected += many;
      into.push(((await stores(many)) / many) * 1e6);
      await all();
      await machine.guard({ kind: 'remove', range });
    }
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) {
      if (which === 1) await machine.guard({ kind: 'add', range: others, action: 'deny' });
      await stores(fast / 10);
      (which === 1 ? guarded : plain).push(((await stores(fast)) / fast) * 1e9);
      if (which === 1) await machine.guard({ kind: 'remove', range: others });
    }
  }
  await machine.dispose();
  const figures = (values) => ({ median: median(values), least: Math.min(...values), most: Math.max(...values) });
  return { log: figures(cost), deny: figures(denied), plain: figures(plain), guarded: figures(guarded), otherPages: 4096 };
}

const result = { lookups: lookups(), ...(await writes()) };
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
