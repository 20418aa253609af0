/** The assembler in its worker, as the editor calls it. */
import type { AssemblyAnswer, AssemblyCalls, AssemblyRequest } from './assembly.worker.ts';

export interface Assembler {
  ask<Call extends keyof AssemblyCalls>(
    call: Call,
    input: Parameters<AssemblyCalls[Call]>[0],
  ): Promise<ReturnType<AssemblyCalls[Call]>>;
  close(): void;
}

/** A worker that failed answers nothing any more: each question of it is refused with why. */
export function workerAssembler(worker: Worker): Assembler {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let next = 1;
  let failed: Error | undefined;
  const fail = (error: Error): void => {
    failed = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.addEventListener('message', ({ data }: MessageEvent<AssemblyAnswer>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ('failure' in data) asked?.reject(new Error(data.failure));
    else asked?.resolve(data.result);
  });
  worker.addEventListener('error', ({ message }) =>
    fail(new Error(`The assembler failed: ${message || 'its program could not be loaded'}.`)),
  );
  return {
    ask: (call, input) =>
      new Promise((resolve, reject) => {
        if (failed !== undefined) {
          reject(failed);
          return;
        }
        const id = next++;
        waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
        worker.postMessage({ id, call, input } satisfies AssemblyRequest);
      }),
    close: () => {
      worker.terminate();
      fail(new Error('The editor was closed.'));
    },
  };
}
