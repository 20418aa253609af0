/** A measured process, seen from the script that drives it. */
import { fork } from 'node:child_process';

/** Starts `file` under Electron's Node with its guest at rest. */
export async function startSide(file, job, electron) {
  const child = fork(file, {
    execPath: electron,
    execArgv: [],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const ask = (message) =>
    new Promise((resolve, reject) => {
      const ended = (status, signal) => reject(new Error(`${file} ended unexpectedly (${signal ?? `status ${status}`}).`));
      child.once('exit', ended);
      child.once('message', ({ result, error }) => {
        child.off('exit', ended);
        if (error === undefined) resolve(result);
        else reject(new Error(error));
      });
      child.send(message);
    });
  await ask({ job });
  return {
    /** Does the work of one row: seconds, checksum and, where it is counted, instructions. */
    work: (index, amount) => ask({ work: { index, amount } }),
    /** Resolves when the process is gone. */
    end: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('exit', resolve);
        child.disconnect();
      }),
  };
}
