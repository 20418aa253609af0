/** Times reads of guest memory on a vCPU's own thread beside plain copies of as many bytes. Bundled by run.mjs; prints one line of JSON. */
import { Control0 } from '../../../engine/cpu/control-bits.ts';
import { PeekedMachine } from '../../../engine/peek/testing/peeked-machine.ts';

const directory = 0x100000;
const table = 0x101000;
const linear = 0x400000;
const pages = 16;
const frame = 0x200000;

const machine = new PeekedMachine();
machine.setDword(directory + 4, table | 7);
for (let page = 0; page < pages; page++) machine.setDword(table + 4 * page, (frame + page * 4096) | 7);
machine.state.cr3 = directory;
machine.state.cr0 = Control0.protectionEnable | Control0.paging;
machine.cpu.flushTranslations();
for (let page = 0; page < pages; page++) machine.cpu.tlb.translate(linear + page * 4096, 0);

const into = new Uint8Array(4096);
const memory = new Uint8Array(machine.memory.buffer);
const base = machine.ram.byteOffset + frame;
let sink = 0;

/** Nanoseconds of one call, the best of several batches. */
function time(calls: number, body: (index: number) => void): number {
  for (let index = 0; index < calls; index++) body(index);
  let best = Infinity;
  for (let batch = 0; batch < 7; batch++) {
    const begin = performance.now();
    for (let index = 0; index < calls; index++) body(index);
    best = Math.min(best, ((performance.now() - begin) * 1e6) / calls);
  }
  sink += into[0] ?? 0;
  return best;
}

const copy = (length: number) => (index: number) => into.set(memory.subarray(base + (index % pages) * 4096, base + (index % pages) * 4096 + length));
const hit = (length: number) => (index: number) => {
  machine.own.readInto(linear + (index % pages) * 4096, length, into);
};
const walk = (length: number) => (index: number) => {
  machine.instead.readInto(linear + (index % pages) * 4096, length, into);
};
/** A page that is not there: the walk, and the fault as a result. */
const fault = () => {
  machine.own.readInto(linear + pages * 4096, 64, into);
};

const round = () => ({
  copy64: time(200_000, copy(64)),
  hit64: time(200_000, hit(64)),
  copy4096: time(50_000, copy(4096)),
  hit4096: time(50_000, hit(4096)),
  walk64: time(100_000, walk(64)),
  fault: time(100_000, fault),
});

round();
const rounds = Number(process.argv[2] ?? 5);
const results = Array.from({ length: rounds }, round);
process.stdout.write(`${JSON.stringify({ results, sink })}\n`);
