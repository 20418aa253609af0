import { defineBlock, scalar } from '../../layout/block.ts';

/** Read/write access modes (control word bits 5-4). */
export const enum Access {
  low = 1,
  high = 2,
  both = 3,
}

export const channelBlock = defineBlock('pit.channel', 1, {
  /** Modes 0-5, after 6 and 7 became 2 and 3. */
  mode: scalar('u8'),
  bcd: scalar('u8'),
  access: scalar('u8'),
  gate: scalar('u8'),
  /** Count register, as written. */
  count: scalar('u16'),
  /** First byte of a two-byte write, and whether the second is awaited. */
  lowByte: scalar('u8'),
  highNext: scalar('u8'),
  /** Reads: which byte is next, what the latches hold. */
  readHighNext: scalar('u8'),
  countLatched: scalar('u8'),
  latchedCount: scalar('u16'),
  statusLatched: scalar('u8'),
  latchedStatus: scalar('u8'),
  /** The count register was written and is not in the counting element yet. */
  nullCount: scalar('u8'),
  /** The counting element takes a step at every clock. */
  counting: scalar('u8'),
  /** A count is in the counting element and was not stopped by a control word or, in mode 0, by a new count. */
  loaded: scalar('u8'),
  /** A whole count was written since the control word: the gate may trigger. */
  written: scalar('u8'),
  /** Modes 0, 1, 4, 5: the end was reached before `start`, nothing happens at the next one. */
  expired: scalar('u8'),
  /** Mode 3: the output in the half cycle that began at `start`. */
  phase: scalar('u8'),
  /** Output that the half cycle after the pending load has. */
  loadPhase: scalar('u8'),
  /** Mode 2, 3: the period; else what the counting element held at `start`. 1 to 65,536 after a load. */
  value: scalar('u32'),
  /** Clock tick that `value` belongs to. */
  start: scalar('f64'),
  /** Clock tick at which the count register goes to the counting element, or Infinity. */
  loadAt: scalar('f64'),
});

/**
 * One counter of the 8254, computed from the number of clock ticks since power-on: nothing is done per tick. Every method that
 * takes `tick` brings the counter up to it first; ticks never go back. A write at tick T comes between clock T and clock T+1.
 * Source: Intel 8254 datasheet (231164), "Mode definitions".
 */
export class Channel8254 {
  constructor(private readonly state: ReturnType<typeof channelBlock.at>) {}

  /** The power-on state is undefined in the manual; ours: mode 3, stopped, gate as given. */
  reset(gate: boolean): void {
    const { state } = this;
    state.mode = 3;
    state.bcd = 0;
    state.access = Access.both;
    state.gate = gate ? 1 : 0;
    state.count = 0;
    this.clear();
    state.value = 0;
    state.start = 0;
  }

  private clear(): void {
    const { state } = this;
    state.lowByte = 0;
    state.highNext = 0;
    state.readHighNext = 0;
    state.countLatched = 0;
    state.statusLatched = 0;
    state.nullCount = 1;
    state.counting = 0;
    state.loaded = 0;
    state.written = 0;
    state.expired = 0;
    state.phase = 1;
    state.loadPhase = 1;
    state.loadAt = Infinity;
  }

  private get modulus(): number {
    return this.state.bcd ? 10_000 : 65_536;
  }

  /** The count register as a number of ticks. */
  private get initialCount(): number {
    const { count, bcd } = this.state;
    if (!bcd) return count || 65_536;
    const decimal = (count >> 12) * 1000 + ((count >> 8) & 15) * 100 + ((count >> 4) & 15) * 10 + (count & 15);
    return decimal || 10_000;
  }

  private get periodic(): boolean {
    return this.state.mode === 2 || this.state.mode === 3;
  }

  /** Ticks of the half cycle of mode 3 that has the output `phase`. */
  private half(phase: number): number {
    return phase ? Math.ceil(this.state.value / 2) : Math.floor(this.state.value / 2);
  }

  private settle(tick: number): void {
    const { state } = this;
    if (tick < state.loadAt) return;
    state.start = state.loadAt;
    state.loadAt = Infinity;
    state.value = this.initialCount;
    state.nullCount = 0;
    state.loaded = 1;
    state.expired = 0;
    state.phase = state.loadPhase;
    // Without the gate the count is loaded all the same; modes 1 and 5 do not look at its level.
    state.counting = state.gate || state.mode === 1 || state.mode === 5 ? 1 : 0;
  }

  /** Mode 3: the half cycle at `tick`: its output, its first tick. */
  private halfCycle(tick: number): { phase: number; start: number } {
    const { state } = this;
    let start = state.start + Math.floor((tick - state.start) / state.value) * state.value;
    const first = this.half(state.phase);
    if (tick - start < first) return { phase: state.phase, start };
    start += first;
    return { phase: state.phase ^ 1, start };
  }

  /** The counting element at `tick`, 0 to the modulus - 1, after `settle`. */
  private element(tick: number): number {
    const { state, modulus } = this;
    if (!state.counting) return state.value % modulus;
    const elapsed = tick - state.start;
    if (state.mode === 2) return (state.value - (elapsed % state.value)) % modulus;
    if (state.mode === 3) {
      const top = state.value - (state.value & 1);
      return (top - 2 * (tick - this.halfCycle(tick).start)) % modulus;
    }
    const value = (state.value - elapsed) % modulus;
    return value < 0 ? value + modulus : value;
  }

  /** The output pin at `tick`. */
  output(tick: number): boolean {
    this.settle(tick);
    const { state } = this;
    const elapsed = tick - state.start;
    switch (state.mode) {
      case 0:
        return state.expired !== 0 || (state.counting !== 0 && elapsed >= state.value);
      case 1:
        return !state.counting || state.expired !== 0 || elapsed >= state.value;
      case 2:
        return !state.counting || this.element(tick) !== 1;
      case 3:
        return !state.counting || this.halfCycle(tick).phase === 1;
      default:
        return !state.counting || state.expired !== 0 || elapsed !== state.value;
    }
  }

  /** The tick of the next rising edge of the output after `tick`, or Infinity. The gate is taken to stay as it is. */
  nextRisingEdge(tick: number): number {
    this.settle(tick);
    const { state } = this;
    if (state.counting) {
      const edge = this.risingEdge(tick, state.start, state.value, state.phase);
      // Mode 1: a trigger at the end of the pulse keeps the output low. Elsewhere the output is high while a count is loaded.
      if (edge < state.loadAt || (edge === state.loadAt && state.mode !== 1)) return edge;
    }
    if (state.loadAt === Infinity || (!state.gate && state.mode !== 1 && state.mode !== 5)) return Infinity;
    return this.preserving(() => {
      const loadedAt = state.loadAt;
      this.settle(loadedAt);
      return this.risingEdge(loadedAt, state.start, state.value, state.phase);
    });
  }

  private risingEdge(after: number, start: number, value: number, phase: number): number {
    const { state } = this;
    const elapsed = after - start;
    switch (state.mode) {
      case 0:
      case 1:
        return !state.expired && elapsed < value ? start + value : Infinity;
      case 2:
        // A period of one tick is not legal; the output stays low.
        return value < 2 ? Infinity : start + (Math.floor(elapsed / value) + 1) * value;
      case 3: {
        if (value < 2) return Infinity;
        const first = phase ? start : start + this.half(0);
        return after < first ? first : first + (Math.floor((after - first) / value) + 1) * value;
      }
      default:
        return !state.expired && elapsed < value + 1 ? start + value + 1 : Infinity;
    }
  }

  /** What the counter is at `tick`; changes nothing. */
  inspect(tick: number): { mode: number; bcd: boolean; count: number; now: number; gate: boolean; output: boolean; loaded: boolean } {
    return this.preserving(() => {
      const output = this.output(tick);
      const { mode, bcd, gate, counting } = this.state;
      return {
        mode,
        bcd: bcd !== 0,
        count: this.initialCount,
        now: this.element(tick),
        gate: gate !== 0,
        output,
        loaded: counting !== 0,
      };
    });
  }

  /** Control word (bits 5-0): stops the counter until a count is written; the output goes to its initial level at once. */
  control(word: number, tick: number): void {
    const { state } = this;
    this.settle(tick);
    state.value = this.element(tick);
    const mode = (word >> 1) & 7;
    state.mode = mode > 5 ? mode - 4 : mode;
    state.bcd = word & 1;
    state.access = (word >> 4) & 3;
    this.clear();
    state.start = tick;
  }

  writeCount(byte: number, tick: number): void {
    const { state } = this;
    this.settle(tick);
    if (state.access === Access.both && !state.highNext) {
      state.lowByte = byte;
      state.highNext = 1;
      // In mode 0 the first byte stops the counter and takes the output low.
      if (state.mode === 0) {
        this.stop(tick);
        state.loadAt = Infinity;
      }
      return;
    }
    state.count = state.access === Access.low ? byte : (byte << 8) | (state.highNext ? state.lowByte : 0);
    state.highNext = 0;
    state.nullCount = 1;
    state.written = 1;
    this.scheduleLoad(tick);
  }

  private stop(tick: number): void {
    const { state } = this;
    state.value = this.element(tick);
    state.counting = 0;
    state.loaded = 0;
    state.expired = 0;
  }

  private scheduleLoad(tick: number): void {
    const { state } = this;
    switch (state.mode) {
      case 0:
        this.stop(tick);
        state.loadAt = tick + 1;
        break;
      case 1:
      case 5:
        break; // waits for the gate
      case 2:
      case 3:
        if (!state.counting) {
          state.loadAt = tick + 1;
          state.loadPhase = 1;
        } else if (state.mode === 2) {
          state.loadAt = state.start + (Math.floor((tick - state.start) / state.value) + 1) * state.value;
          state.loadPhase = 1;
        } else {
          const { phase, start } = this.halfCycle(tick);
          state.loadAt = start + this.half(phase);
          state.loadPhase = phase ^ 1;
        }
        break;
      default:
        state.loadAt = tick + 1;
    }
  }

  setGate(gate: boolean, tick: number): void {
    const { state } = this;
    this.settle(tick);
    if ((state.gate !== 0) === gate) return;
    state.gate = gate ? 1 : 0;
    if (gate) this.gateRose(tick);
    else this.gateFell(tick);
  }

  private gateRose(tick: number): void {
    const { state } = this;
    if (state.mode === 0 || state.mode === 4) {
      if (!state.loaded) return;
      state.start = tick;
      state.counting = 1;
    } else if (state.written) {
      state.loadAt = tick + 1;
      state.loadPhase = 1;
    }
  }

  private gateFell(tick: number): void {
    const { state } = this;
    if (!state.counting || state.mode === 1 || state.mode === 5) return;
    if (!this.periodic && tick - state.start < state.value) {
      state.value -= tick - state.start;
    } else {
      state.expired = this.periodic ? 0 : 1;
      state.value = this.element(tick);
    }
    state.counting = 0;
    if (this.periodic) state.loadAt = Infinity;
    state.start = tick;
  }

  /** Counter latch command. A count that is latched already stays. */
  latchCount(tick: number): void {
    const { state } = this;
    if (state.countLatched) return;
    this.settle(tick);
    state.latchedCount = this.readable(tick);
    state.countLatched = state.access === Access.both ? 2 : 1;
  }

  /** Read-back of the status: OUT, null count and the control word. */
  latchStatus(tick: number): void {
    const { state } = this;
    if (state.statusLatched) return;
    const out = this.output(tick) ? 1 : 0;
    state.latchedStatus = (out << 7) | (state.nullCount << 6) | (state.access << 4) | (state.mode << 1) | state.bcd;
    state.statusLatched = 1;
  }

  private readable(tick: number): number {
    const value = this.element(tick);
    if (!this.state.bcd) return value;
    const digit = (unit: number) => Math.floor(value / unit) % 10;
    return (digit(1000) << 12) | (digit(100) << 8) | (digit(10) << 4) | digit(1);
  }

  read(tick: number): number {
    const { state } = this;
    this.settle(tick);
    if (state.statusLatched) {
      state.statusLatched = 0;
      return state.latchedStatus;
    }
    const byte = this.countByte(tick);
    if (state.countLatched) state.countLatched--;
    if (state.access === Access.both) state.readHighNext ^= 1;
    return byte;
  }

  private countByte(tick: number): number {
    const { state } = this;
    const value = state.countLatched ? state.latchedCount : this.readable(tick);
    const high = state.access === Access.high || (state.access === Access.both && state.readHighNext !== 0);
    return high ? value >> 8 : value & 0xff;
  }

  /** As `read`; changes nothing. */
  peek(tick: number): number {
    const { state } = this;
    if (state.statusLatched) return state.latchedStatus;
    return this.preserving(() => {
      this.settle(tick);
      return this.countByte(tick);
    });
  }

  /** As `output`; changes nothing. */
  peekOutput(tick: number): boolean {
    return this.preserving(() => this.output(tick));
  }

  /** Undoes what `settle` does inside `body`. */
  private preserving<T>(body: () => T): T {
    const { state } = this;
    const { start, loadAt, value, nullCount, loaded, expired, phase, counting } = state;
    const result = body();
    Object.assign(state, { start, loadAt, value, nullCount, loaded, expired, phase, counting });
    return result;
  }
}
