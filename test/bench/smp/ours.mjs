/** The kernel on a machine of this repository, from power-on until it switches off: when it wrote which letter. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

let job;

async function run() {
  const { createMachine } = await import(pathToFileURL(path.join(job.bundle, 'engine.js')));
  const image = new Uint8Array(readFileSync(job.kernel));
  const machine = await createMachine(
    { name: 'bench', cpus: job.cpus, memoryBytes: job.memoryBytes, clock: 'wall', boot: { kind: 'kernel', image } },
    { workerDirectory: job.bundle },
  );
  const marks = [];
  try {
    await new Promise((resolve, reject) => {
      machine.on((event) => {
        const time = performance.now();
        if (event.kind === 'debugConsole') for (const byte of event.bytes) marks.push([String.fromCharCode(byte), time]);
        else if (event.kind === 'tripleFault') reject(new Error(`Our machine stopped: ${JSON.stringify(event)}`));
        else if (event.kind === 'state' && event.state === 'crashed') reject(new Error(event.reason));
        else if (event.kind === 'state' && event.state === 'off') resolve();
      });
      machine.start().catch(reject);
    });
  } finally {
    await machine.dispose();
  }
  return marks;
}

process.on('message', async (message) => {
  try {
    if (message.job !== undefined) {
      job = message.job;
      process.send({ result: true });
    } else process.send({ result: await run() });
  } catch (error) {
    process.send({ error: error instanceof Error ? error.message : String(error) });
  }
});
