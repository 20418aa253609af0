import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { endChild } from './end-child.ts';

describe('ending a process', () => {
  const start = () => spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });

  it('waits until it has ended, and not at all for one that has, however that was', async () => {
    const running = start();
    await endChild(running);
    expect(running.signalCode).toBe('SIGTERM');
    await endChild(running);
    const killed = start();
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    await endChild(killed);
    expect(killed.signalCode).toBe('SIGKILL');
    await endChild(undefined);
  });
});
