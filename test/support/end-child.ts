import type { ChildProcess } from 'node:child_process';

/** Ends a process that a test has started, and waits until it has. One that a signal has ended already has no exit status, and tells nothing more. */
export async function endChild(child: ChildProcess | undefined, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}
