import { describe, expect, it } from 'vitest';
import { FakeBus } from '../testing/fake-bus.ts';
import { DebugPort } from './debug-port.ts';

function machine() {
  const bus = new FakeBus();
  new DebugPort(bus).reset();
  return { bus, output: bus.output('debugConsole') };
}

describe('the debug ports', () => {
  it('print what is written to 0xE9 and 0x402, in order, and say that they are there', () => {
    const { bus, output } = machine();
    bus.out(0xe9, 0x48);
    bus.out(0x402, 0x69);
    expect(output.text).toBe('Hi');
    expect([bus.in(0xe9), bus.in(0x402)]).toEqual([0xe9, 0xe9]);
  });

  it('post the value written to the exit port', () => {
    const { bus } = machine();
    bus.out(0xf4, 0x10);
    expect(bus.posted).toEqual([{ kind: 'debugExit', value: 0x10 }]);
  });

  it('keep what the host has no space for, and say so if that was too much', () => {
    const { bus, output } = machine();
    output.space = 0;
    for (let index = 0; index < 5000; index++) bus.out(0xe9, 0x2e);
    output.space = 100_000;
    bus.advance(2_000_000);
    expect(output.text).toBe(`${'.'.repeat(4096)}\n[904 bytes lost: the console was not read]\n`);
    bus.out(0xe9, 0x21);
    expect(output.text.endsWith('\n!')).toBe(true);
  });
});
