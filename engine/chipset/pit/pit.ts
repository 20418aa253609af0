/** The 8254 interval timer at 0x40-0x43 and the system control port 0x61 that holds channel 2's gate and output. */
import { defineBlock, scalar } from '../../layout/block.ts';
import { register, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, InterruptLine, Timer } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';
import { oscillator } from '../oscillator.ts';
import { Channel8254, channelBlock } from './channel.ts';

/** Input clock of all three channels: 14.31818 MHz / 12. */
export const pitHertz = 1_193_182;

const enum PitPort {
  channel0 = 0x40,
  control = 0x43,
  /** NMI status and control (ICH9 datasheet, 13.7.1). */
  systemControl = 0x61,
}

const enum SystemControl {
  gate2 = 1 << 0, // TIM_CNT2_EN
  speaker = 1 << 1, // SPKR_DAT_EN
  writable = 0x0f,
  refresh = 1 << 4, // REF_TOGGLE
  output2 = 1 << 5, // TMR2_OUT_STS
}

/** Bit 4 of port 0x61 changes at each refresh request: every 18 ticks, about 15 microseconds. */
const refreshTicks = 18;

/** Control word with both SC bits set. */
const readBack = 3;
const enum ReadBack {
  keepStatus = 1 << 4,
  keepCount = 1 << 5,
}

const pitBlock = defineBlock('pit', 1, {
  /** Bits 3-0 of port 0x61 as written. */
  systemControl: scalar('u8'),
});

/** Intel 8254 datasheet, "Mode definitions". */
const modeNames = ['terminal count', 'one-shot', 'rate', 'square wave', 'software strobe', 'hardware strobe'];
const crystal = oscillator(pitHertz);

/**
 * IRQ 0 follows channel 0's output, with one liberty: the falling edge that time alone brings (the low half of mode 3, the low
 * tick of mode 2) is given together with the next rising edge. So a tick is not withdrawn from the interrupt controller
 * because the host let the vCPU wait for half a period.
 */
export class Pit implements Chip {
  private readonly state;
  private readonly channels: readonly [Channel8254, Channel8254, Channel8254];
  private readonly timer: Timer;

  constructor(
    private readonly bus: Bus,
    private readonly irq0: InterruptLine,
  ) {
    this.state = bus.block(pitBlock);
    this.channels = [
      new Channel8254(bus.block(channelBlock, 'channel0')),
      new Channel8254(bus.block(channelBlock, 'channel1')),
      new Channel8254(bus.block(channelBlock, 'channel2')),
    ];
    this.timer = bus.timer('pit.channel0', () => this.outputRose());
    bus.ports(
      PitPort.channel0,
      4,
      bytePorts({
        read: (port) => this.channelAt(port)?.read(this.tick()) ?? 0xff,
        peek: (port) => this.channelAt(port)?.peek(this.tick()) ?? 0xff,
        write: (port, value) => this.write(port, value),
      }),
    );
    bus.ports(
      PitPort.systemControl,
      1,
      bytePorts({
        read: (port) => this.readSystemControl(port),
        peek: (port) => this.readSystemControl(port),
        write: (port, value) => {
          if (port !== PitPort.systemControl) return;
          this.state.systemControl = value & SystemControl.writable;
          this.channels[2].setGate((value & SystemControl.gate2) !== 0, this.tick());
        },
      }),
    );
  }

  reset(): void {
    this.state.systemControl = 0;
    this.channels[0].reset(true);
    this.channels[1].reset(true);
    this.channels[2].reset(false);
    this.timer.cancel();
    this.irq0.set(false);
  }

  inspect(): ChipFacts {
    const tick = this.tick();
    const rows = this.channels.map((channel, index) => {
      const { mode, bcd, count, now, gate, output, loaded } = channel.inspect(tick);
      const isPeriodic = mode === 2 || mode === 3;
      return [
        String(index),
        `${mode}: ${modeNames[mode] ?? ''}${bcd ? ', BCD' : ''}`,
        String(count),
        loaded ? String(now) : 'stopped',
        isPeriodic && loaded ? `${(pitHertz / count).toFixed(2)} Hz` : '-',
        gate ? 'high' : 'low',
        output ? 'high' : 'low',
      ];
    });
    return {
      id: 'pit',
      title: '8254 interval timer',
      place: 'ports 40-43, 61',
      group: 'devices',
      facts: [
        register('Port 61', this.readSystemControl(PitPort.systemControl), 8, {
          GATE2: SystemControl.gate2,
          SPKR: SystemControl.speaker,
          REF: SystemControl.refresh,
          OUT2: SystemControl.output2,
        }),
      ],
      tables: [{ title: 'Channels', columns: ['Channel', 'Mode', 'Reload', 'Count', 'Rate', 'Gate', 'Output'], rows }],
    };
  }

  /** Whether the speaker is driven, and how: for a sound output, and for tools. */
  get speaker(): { on: boolean; output: boolean } {
    const on = (this.state.systemControl & SystemControl.speaker) !== 0;
    return { on, output: this.channels[2].peekOutput(this.tick()) };
  }

  private tick(): number {
    return crystal.ticksAt(this.bus.clock.now());
  }

  private channelAt(port: number): Channel8254 | undefined {
    return port < PitPort.channel0 ? undefined : this.channels[port - PitPort.channel0];
  }

  private readSystemControl(port: number): number {
    if (port !== PitPort.systemControl) return 0xff;
    const tick = this.tick();
    const refresh = Math.floor(tick / refreshTicks) % 2 === 1 ? SystemControl.refresh : 0;
    const output2 = this.channels[2].peekOutput(tick) ? SystemControl.output2 : 0;
    return this.state.systemControl | refresh | output2;
  }

  private write(port: number, value: number): void {
    if (port > PitPort.control) return;
    const tick = this.tick();
    if (port !== PitPort.control) {
      const channel = this.channelAt(port);
      if (port === PitPort.channel0) this.drive(tick, (first) => first.writeCount(value, tick));
      else channel?.writeCount(value, tick);
      return;
    }
    const select = value >> 6;
    if (select === readBack) {
      this.channels.forEach((channel, index) => {
        if ((value & (2 << index)) === 0) return;
        if ((value & ReadBack.keepCount) === 0) channel.latchCount(tick);
        if ((value & ReadBack.keepStatus) === 0) channel.latchStatus(tick);
      });
    } else if ((value & 0x30) === 0) {
      this.channels[select]?.latchCount(tick);
    } else if (select === 0) {
      this.drive(tick, (channel) => channel.control(value, tick));
    } else {
      this.channels[select]?.control(value, tick);
    }
  }

  /** Does something to channel 0 and gives what it does to the output to IRQ 0. */
  private drive(tick: number, change: (channel: Channel8254) => void): void {
    const channel = this.channels[0];
    // The edge before this write may be due and its timer not have run yet.
    if (this.timer.deadline <= this.bus.clock.now()) this.outputRose();
    const before = channel.output(tick);
    change(channel);
    const after = channel.output(tick);
    if (before !== after) {
      this.irq0.set(false);
      this.irq0.set(after);
    }
    // From the write on, not from now: a short count may be over by this time, and its edge is the only one of mode 0.
    this.schedule(tick);
  }

  private outputRose(): void {
    this.irq0.set(false);
    this.irq0.set(true);
    // Edges that were missed while the host was late are one.
    this.schedule(this.tick());
  }

  private schedule(after: number): void {
    const edge = this.channels[0].nextRisingEdge(after);
    if (edge === Infinity) this.timer.cancel();
    else this.timer.arm(crystal.timeOf(edge));
  }
}
