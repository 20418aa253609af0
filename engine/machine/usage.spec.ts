import { describe, expect, it } from 'vitest';
import { BareMachine } from './testing/bare-machine.ts';
import { VcpuUsage } from './usage.ts';

const milliseconds = (count: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, count);
};

describe('how long a vCPU slept', () => {
  it('is counted while it sleeps and after, and seen by every thread', () => {
    const machine = BareMachine.create({ cpus: 2 });
    const usage = new VcpuUsage(machine.memory, 1);
    const seen = new VcpuUsage(machine.onAnotherThread().memory, 1);
    let during = 0;
    usage.asleep(() => {
      milliseconds(20);
      during = seen.idleSeconds;
    });
    expect(during).toBeGreaterThan(0.015);
    const after = seen.idleSeconds;
    expect(after).toBeGreaterThanOrEqual(during);
    milliseconds(5);
    expect(seen.idleSeconds).toBe(after);
    expect(new VcpuUsage(machine.memory, 0).idleSeconds).toBe(0);
  });
});
