import { defineBlock, scalar } from '../../layout/block.ts';
import { bitNumbers, digits } from '../../layout/facts.ts';
import { Icw1, Icw4, Ocw2, Ocw3 } from './registers.ts';

/** Where the initialization sequence stands: which ICW the next write to the odd port is. */
const enum Expecting {
  mask = 0,
  icw2 = 2,
  icw3 = 3,
  icw4 = 4,
}

export const controllerBlock = defineBlock('pic.controller', 1, {
  /** Interrupt request, in-service and mask registers. */
  requests: scalar('u8'),
  inService: scalar('u8'),
  mask: scalar('u8'),
  /** Levels of the eight inputs. */
  inputs: scalar('u8'),
  /** Edge/level control register: a set bit is level-triggered. */
  levelTriggered: scalar('u8'),
  /** ICW2: bits 7-3 of the vectors. */
  vectorBase: scalar('u8'),
  icw1: scalar('u8'),
  icw3: scalar('u8'),
  icw4: scalar('u8'),
  expecting: scalar('u8'),
  /** The input that has the lowest priority; the next one up, cyclically, has the highest. */
  lowest: scalar('u8'),
  /** OCW3: reads of the even port give the in-service register. */
  readInService: scalar('u8'),
  specialMask: scalar('u8'),
  /** The next read is a poll. */
  poll: scalar('u8'),
  rotateOnAutoEoi: scalar('u8'),
});

/**
 * One 8259A of the pair. Source: Intel 8259A datasheet (231468); what the ICH9 does differently is from its
 * datasheet, section 5.8: the trigger mode comes from ELCR (LTIM is ignored), and only 8086 mode exists.
 */
export class Controller8259 {
  constructor(
    private readonly state: ReturnType<typeof controllerBlock.at>,
    /** Inputs whose level is followed whatever ELCR says: the cascade input of the master. */
    private readonly followed: number,
    /** Bits of ELCR that can be set. */
    private readonly levelCapable: number,
  ) {}

  reset(): void {
    const { state } = this;
    state.inputs = 0;
    state.levelTriggered = 0;
    state.vectorBase = 0;
    this.initialize(0);
    state.expecting = Expecting.mask;
    state.mask = 0xff;
  }

  private initialize(icw1: number): void {
    const { state } = this;
    state.icw1 = icw1;
    state.icw3 = 0;
    state.icw4 = 0;
    state.mask = 0;
    state.inService = 0;
    state.lowest = 7;
    state.readInService = 0;
    state.specialMask = 0;
    state.poll = 0;
    state.rotateOnAutoEoi = 0;
    // The edge detectors start afresh: an input that is high needs a new edge.
    state.requests = state.inputs & (state.levelTriggered | this.followed);
    state.expecting = Expecting.icw2;
  }

  setInput(input: number, asserted: boolean): void {
    const { state } = this;
    const bit = 1 << input;
    const before = state.inputs & bit;
    if (asserted) {
      state.inputs |= bit;
      if (before === 0) state.requests |= bit;
    } else {
      // An input has to stay high until it is acknowledged: else the request is withdrawn.
      state.inputs &= ~bit;
      state.requests &= ~bit;
    }
  }

  private first(set: number): number {
    for (let step = 1; step <= 8; step++) {
      const input = (this.state.lowest + step) & 7;
      if (set & (1 << input)) return input;
    }
    return -1;
  }

  private rank(input: number): number {
    return (input - this.state.lowest - 1) & 7;
  }

  /** The input that would be acknowledged now, or -1: INT is asserted when there is one. */
  requested(): number {
    const { state } = this;
    const candidate = this.first(state.requests & ~state.mask);
    if (candidate < 0) return -1;
    let blocking = state.inService;
    if (state.specialMask) blocking &= ~state.mask;
    // Special fully nested: the slave in service does not keep its own other inputs away.
    if (state.icw4 & Icw4.specialFullyNested) blocking &= ~this.followed;
    const serving = this.first(blocking);
    return serving < 0 || this.rank(candidate) < this.rank(serving) ? candidate : -1;
  }

  /** What an acknowledge cycle does to the registers. */
  serve(input: number): void {
    const { state } = this;
    const bit = 1 << input;
    if (((state.levelTriggered | this.followed) & bit) === 0) state.requests &= ~bit;
    if (state.icw4 & Icw4.autoEoi) {
      if (state.rotateOnAutoEoi) state.lowest = input;
    } else {
      state.inService |= bit;
    }
  }

  vector(input: number): number {
    return (this.state.vectorBase & 0xf8) | input;
  }

  /** Read of port `address` 0 or 1; a poll serves the input it reports. */
  read(address: number): number {
    if (this.state.poll) {
      const input = this.requested();
      this.state.poll = 0;
      if (input < 0) return 0;
      this.serve(input);
      return 0x80 | input;
    }
    return this.peek(address);
  }

  peek(address: number): number {
    const { state } = this;
    if (address === 1) return state.mask;
    return state.readInService ? state.inService : state.requests;
  }

  write(address: number, value: number): void {
    if (address === 1) this.writeOdd(value);
    else if (value & Icw1.selected) this.initialize(value);
    else if (value & Ocw3.selected) this.operation3(value);
    else this.operation2(value);
  }

  private writeOdd(value: number): void {
    const { state } = this;
    const after2 = state.icw1 & Icw1.single ? Expecting.icw4 : Expecting.icw3;
    switch (state.expecting) {
      case Expecting.icw2:
        state.vectorBase = value & 0xf8;
        state.expecting = after2;
        break;
      case Expecting.icw3:
        // The cascade is wired to input 2; the value is kept and has no effect.
        state.icw3 = value;
        state.expecting = Expecting.icw4;
        break;
      case Expecting.icw4:
        state.icw4 = value;
        state.expecting = Expecting.mask;
        break;
      default:
        state.mask = value;
    }
    if (state.expecting === Expecting.icw4 && (state.icw1 & Icw1.icw4Needed) === 0) state.expecting = Expecting.mask;
  }

  private operation2(value: number): void {
    const { state } = this;
    const level = value & Ocw2.level;
    switch (value & Ocw2.command) {
      case Ocw2.rotateInAutoEoiClear:
        state.rotateOnAutoEoi = 0;
        break;
      case Ocw2.rotateInAutoEoiSet:
        state.rotateOnAutoEoi = 1;
        break;
      case Ocw2.eoi:
      case Ocw2.rotateOnEoi: {
        // In special mask mode a masked level is not ended by a non-specific EOI.
        const served = this.first(state.specialMask ? state.inService & ~state.mask : state.inService);
        if (served < 0) break;
        state.inService &= ~(1 << served);
        if (value & Ocw2.rotate) state.lowest = served;
        break;
      }
      case Ocw2.specificEoi:
        state.inService &= ~(1 << level);
        break;
      case Ocw2.rotateOnSpecificEoi:
        state.inService &= ~(1 << level);
        state.lowest = level;
        break;
      case Ocw2.setPriority:
        state.lowest = level;
        break;
      default:
        break;
    }
  }

  private operation3(value: number): void {
    const { state } = this;
    if (value & Ocw3.poll) state.poll = 1;
    if (value & Ocw3.readRegister) state.readInService = value & Ocw3.inService;
    if (value & Ocw3.changeSpecialMask) state.specialMask = value & Ocw3.specialMask ? 1 : 0;
  }

  /** Registers by name, and what the input numbers of one controller say; `first` is its lowest IRQ. */
  inspect(first: number): readonly (readonly [register: string, value: string])[] {
    const { state } = this;
    const base = state.vectorBase & 0xf8;
    const modes = [
      ...(state.icw4 & Icw4.autoEoi ? ['automatic EOI'] : []),
      ...(state.icw4 & Icw4.specialFullyNested ? ['special fully nested'] : []),
      ...(state.specialMask ? ['special mask'] : []),
      ...(state.rotateOnAutoEoi ? ['rotating'] : []),
      ...(state.poll ? ['poll pending'] : []),
    ];
    return [
      ['Vectors', `${digits(base, 2)}-${digits(base + 7, 2)}`],
      ['Requested (IRR)', bitNumbers(state.requests, first)],
      ['In service (ISR)', bitNumbers(state.inService, first)],
      ['Masked (IMR)', bitNumbers(state.mask, first)],
      ['Asserted inputs', bitNumbers(state.inputs, first)],
      ['Level-triggered', bitNumbers(state.levelTriggered, first)],
      ['Highest priority', `IRQ ${first + ((state.lowest + 1) & 7)}`],
      ['Mode', modes.join(', ') || 'fully nested'],
      ['Initialization', state.expecting === Expecting.mask ? 'done' : `waits for ICW${state.expecting}`],
    ];
  }

  get edgeLevelControl(): number {
    return this.state.levelTriggered;
  }

  set edgeLevelControl(value: number) {
    const { state } = this;
    state.levelTriggered = value & this.levelCapable;
    state.requests |= state.inputs & state.levelTriggered;
  }
}
