/** The guest on a machine of this repository, with its real workers and the wall clock. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { serveParent } from './session.mjs';

serveParent(async ({ bundle, kernel, memoryBytes }) => {
  const { createMachine } = await import(pathToFileURL(path.join(bundle, 'engine.js')));
  const machine = await createMachine(
    { name: 'bench', cpus: 1, memoryBytes, clock: 'wall', boot: { kind: 'kernel', image: new Uint8Array(readFileSync(kernel)) } },
    { workerDirectory: bundle },
  );
  let receive;
  const broken = new Promise((_, reject) => {
    machine.on((event) => {
      if (event.kind === 'debugConsole') {
        const time = performance.now();
        for (const byte of event.bytes) receive(byte, time);
      } else if (
        event.kind === 'tripleFault' ||
        (event.kind === 'state' && (event.state === 'off' || event.state === 'crashed'))
      ) {
        reject(new Error(`Our machine stopped: ${JSON.stringify(event)}`));
      }
    });
  });
  return {
    broken,
    start: (to) => {
      receive = to;
      return machine.start();
    },
    send: (bytes) => void machine.input({ kind: 'serial', bytes }),
    go: () => machine.resume(),
    rest: () => machine.pause(),
    instructions: async () => (await machine.statistics()).instructions,
  };
});
