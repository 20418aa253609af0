/**
 * Ports that exist for the people who write guests: a console at 0xE9 (Bochs) and 0x402 (SeaBIOS), the exit port 0xF4
 * (QEMU's isa-debug-exit).
 */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import type { ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, OutputStream, Timer } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';

const enum Port {
  console = 0xe9,
  exit = 0xf4,
  firmwareConsole = 0x402,
}

/** What a read of either console port gives: "a console is here". */
const consolePresent = 0xe9;
const backlogSize = 4096;
const retryDelay = 1_000_000;

const debugPortBlock = defineBlock('debugPort', 1, {
  /** Bytes that the output had no space for, oldest first, a ring. */
  backlog: array('u8', backlogSize),
  first: scalar('u32'),
  count: scalar('u32'),
  /** Bytes lost because the backlog was full too; said in the stream as soon as there is space. */
  lost: scalar('u32'),
});

/** The output stream is `debugConsole`. The guest cannot wait for it: there is no status to poll. */
export class DebugPort implements Chip {
  private readonly state;
  private readonly output: OutputStream;
  private readonly retry: Timer;

  constructor(private readonly bus: Bus) {
    this.state = bus.block(debugPortBlock);
    this.output = bus.output('debugConsole');
    this.retry = bus.timer('debugPort.retry', () => this.flush());
    for (const port of [Port.console, Port.firmwareConsole]) {
      const read = (at: number) => (at === port ? consolePresent : 0xff);
      bus.ports(
        port,
        1,
        bytePorts({
          read,
          peek: read,
          write: (at, value) => {
            if (at === port) this.send(value);
          },
        }),
      );
    }
    bus.ports(Port.exit, 1, {
      read: (_port, width) => 2 ** (8 * width) - 1,
      peek: (_port, width) => 2 ** (8 * width) - 1,
      write: (_port, _width, value) => bus.post({ kind: 'debugExit', value: value >>> 0 }),
    });
  }

  /** Bytes on their way stay: they were sent before the reset. */
  reset(): void {
    this.flush();
  }

  inspect(): ChipFacts {
    const { count, lost } = this.state;
    return {
      id: 'debug-port',
      title: 'Debug console and exit port',
      place: 'ports e9, 402, f4',
      group: 'devices',
      facts: [
        { name: 'Waiting', value: `${count} bytes`, note: 'that the host has not taken' },
        { name: 'Lost', value: `${lost} bytes` },
      ],
      tables: [],
    };
  }

  private send(byte: number): void {
    const { state } = this;
    if (state.count > 0) this.flush();
    if (state.count === 0 && state.lost === 0 && this.output.push(byte)) return;
    if (state.count < backlogSize && state.lost === 0) {
      state.backlog[(state.first + state.count) % backlogSize] = byte;
      state.count++;
    } else {
      state.lost++;
    }
    if (this.retry.deadline === Infinity) this.retry.arm(this.bus.clock.now() + retryDelay);
  }

  private flush(): void {
    const { state } = this;
    while (state.count > 0 && this.output.push(state.backlog[state.first] ?? 0)) {
      state.first = (state.first + 1) % backlogSize;
      state.count--;
    }
    if (state.count === 0 && state.lost > 0) {
      const notice = `\n[${state.lost} bytes lost: the console was not read]\n`;
      if (this.output.space >= notice.length) {
        for (const character of notice) this.output.push(character.charCodeAt(0));
        state.lost = 0;
      }
    }
    if (state.count > 0 || state.lost > 0) this.retry.arm(this.bus.clock.now() + retryDelay);
  }
}
