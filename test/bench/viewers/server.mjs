/** A machine with one guest and an RFB server; says its port. `node server.mjs BUNDLE KERNEL` */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [bundle, kernel] = process.argv.slice(2);
const engine = await import(pathToFileURL(path.join(bundle, 'engine.js')));
const machine = await engine.createMachine(
  { name: 'viewers', cpus: 1, memoryBytes: 64 << 20, clock: 'wall', boot: { kind: 'kernel', image: new Uint8Array(readFileSync(kernel)) } },
  { workerDirectory: bundle },
);
await machine.start();
const bound = await machine.listenRfb({ address: '127.0.0.1', port: 0 });
process.stdout.write(`${bound.port}\n`);
