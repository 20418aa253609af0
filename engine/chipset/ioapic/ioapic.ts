/**
 * The I/O APIC of the ICH9: 24 inputs, each redirected to local APICs by an entry of its own. Everything runs under the device lock.
 *
 * Lines are logical levels, so the polarity bit of an entry changes nothing. An edge on a masked input is lost (82093AA datasheet, section 3.2.4).
 */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import { digits, setNames, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip, InterruptLine, Width } from '../../machine/bus.ts';
import { WiredInputs } from '../wired-inputs.ts';
import { ioApicBase, ioApicInputs, IoApicPort, IoApicRegister, ioApicVersion, Redirection } from './registers.ts';

const pageBytes = 4096;
const identifier = 0x0f00_0000;
const fixed = 0;
const lowestPriority = 1;
const external = 7; // ExtINT
/** The input that the 8259s' INTR is wired to. */
const externalInput = 0;
/** Of delivery modes (82093AA datasheet, section 3.2.4). */
const deliveryNames = ['fixed', 'lowest priority', 'SMI', 'reserved', 'NMI', 'INIT', 'reserved', 'ExtINT'];

const ioApicBlock = defineBlock('ioapic', 1, {
  index: scalar('u32'),
  id: scalar('u32'),
  low: array('u32', ioApicInputs),
  high: array('u32', ioApicInputs),
  /** Per input, one bit for each driver that asserts it. */
  drivers: array('u32', ioApicInputs),
});

/** What an entry sends. */
export interface IoApicMessage {
  readonly vector: number;
  readonly mode: number;
  readonly logical: boolean;
  readonly destination: number;
  readonly level: boolean;
}

export interface IoApicOptions {
  /** Gives an interrupt to the local APICs; true if any took it. Else `retry` follows when one of them would. */
  deliver: (message: IoApicMessage) => boolean;
}

export class IoApic implements Chip {
  private readonly state;
  private readonly inputs: WiredInputs;

  constructor(
    bus: Bus,
    private readonly options: IoApicOptions,
  ) {
    this.state = bus.block(ioApicBlock);
    this.inputs = new WiredInputs(this.state.drivers, (input, asserted) => this.changed(input, asserted));
    bus.mmio('ioapic', ioApicBase, pageBytes, {
      read: (offset, width) => this.read(offset, width),
      peek: (offset, width) => this.read(offset, width),
      write: (offset, width, value) => this.write(offset, width, value),
    });
  }

  reset(): void {
    const { state } = this;
    state.index = 0;
    state.id = 0;
    state.low.fill(Redirection.masked);
    state.high.fill(0);
    state.drivers.fill(0);
  }

  inspect(): ChipFacts {
    const { state } = this;
    const rows = [...state.low].map((entry, input) => {
      const { vector, mode, logical, destination } = this.message(input);
      const flags = {
        masked: Redirection.masked,
        pending: Redirection.pending,
        'in service': Redirection.remoteRequest,
        'active low': Redirection.polarity,
      };
      const said = setNames(entry, flags);
      return [
        String(input),
        digits(vector, 2),
        deliveryNames[mode] ?? 'reserved',
        `${logical ? 'logical ' : 'APIC '}${digits(destination, 2)}`,
        entry & Redirection.level ? 'level' : 'edge',
        this.inputs.asserted(input) ? `${said === '-' ? '' : `${said} `}asserted` : said,
      ];
    });
    return {
      id: 'ioapic',
      title: 'I/O APIC',
      place: `memory ${digits(ioApicBase, 8)}`,
      group: 'interrupts',
      facts: [
        { name: 'ID', value: digits(state.id >>> 24, 2) },
        { name: 'Index', value: digits(state.index, 2), note: 'of the register that the window shows' },
      ],
      tables: [
        { title: 'Redirection', columns: ['Input', 'Vector', 'Delivery', 'Destination', 'Trigger', 'State'], rows },
      ],
    };
  }

  /** A driver of an input (0-23). */
  line(input: number): InterruptLine {
    return this.inputs.line(input);
  }

  /** A local APIC has ended a level-triggered interrupt with this vector. */
  endOfInterrupt(vector: number): void {
    const { low } = this.state;
    for (let input = 0; input < ioApicInputs; input++) {
      const entry = low[input] ?? 0;
      if ((entry & Redirection.vector) !== vector || (entry & Redirection.remoteRequest) === 0) continue;
      low[input] = entry & ~Redirection.remoteRequest;
      this.serve(input);
    }
  }

  /** A local APIC takes interrupts that did not before: what nobody took is sent again. */
  retry(): void {
    const { low } = this.state;
    for (let input = 0; input < ioApicInputs; input++) {
      const entry = low[input] ?? 0;
      if ((entry & Redirection.pending) === 0 || (entry & Redirection.masked) !== 0) continue;
      if ((entry & Redirection.level) !== 0) this.serve(input);
      else this.send(input);
    }
  }

  /** The 8259s' INTR was asserted. */
  externalRequest(): void {
    const message = this.external;
    if (message !== undefined) this.options.deliver(message);
  }

  /** To whom input 0 passes the 8259s' interrupts on, as long as INTR is asserted; undefined: to nobody. No lock needed. */
  get external(): IoApicMessage | undefined {
    const entry = this.state.low[externalInput] ?? 0;
    if ((entry & (Redirection.masked | Redirection.mode)) !== external << Redirection.modeShift) return undefined;
    return this.message(externalInput);
  }

  private changed(input: number, asserted: boolean): void {
    const entry = this.state.low[input] ?? 0;
    if ((entry & Redirection.level) !== 0) {
      if (asserted) this.serve(input);
      else this.state.low[input] = entry & ~Redirection.pending;
    } else if (asserted && (entry & Redirection.masked) === 0) this.send(input);
  }

  /** A level that is asserted is sent once, until its end comes back. */
  private serve(input: number): void {
    const entry = this.state.low[input] ?? 0;
    if ((entry & (Redirection.level | Redirection.masked | Redirection.remoteRequest)) !== Redirection.level) return;
    if (!this.inputs.asserted(input)) return;
    const mode = (entry & Redirection.mode) >>> Redirection.modeShift;
    // The bit first: the end may come back before `send` does.
    if (mode === fixed || mode === lowestPriority) this.state.low[input] = entry | Redirection.remoteRequest;
    if (!this.send(input)) this.state.low[input] = (this.state.low[input] ?? 0) & ~Redirection.remoteRequest;
  }

  /** While nobody takes it the entry says so: its delivery is pending. */
  private send(input: number): boolean {
    const isTaken = this.options.deliver(this.message(input));
    const entry = this.state.low[input] ?? 0;
    this.state.low[input] = isTaken ? entry & ~Redirection.pending : entry | Redirection.pending;
    return isTaken;
  }

  private message(input: number): IoApicMessage {
    const entry = this.state.low[input] ?? 0;
    return {
      vector: entry & Redirection.vector,
      mode: (entry & Redirection.mode) >>> Redirection.modeShift,
      logical: (entry & Redirection.logical) !== 0,
      destination: (this.state.high[input] ?? 0) >>> 24,
      level: (entry & Redirection.level) !== 0,
    };
  }

  private read(offset: number, width: Width): number {
    const register = offset & ~3;
    let value = 0;
    if (register === IoApicPort.index) value = this.state.index;
    else if (register === IoApicPort.window) value = this.readRegister(this.state.index);
    return ((value >>> (8 * (offset & 3))) & (width === 4 ? -1 : 2 ** (8 * width) - 1)) >>> 0;
  }

  private readRegister(index: number): number {
    const { state } = this;
    switch (index) {
      case IoApicRegister.id:
      case IoApicRegister.arbitration:
        return state.id;
      case IoApicRegister.version:
        return ioApicVersion;
    }
    const entry = index - IoApicRegister.redirection;
    return (entry & 1 ? state.high : state.low)[entry >> 1] ?? 0;
  }

  /** The window and EOIR are words (ICH9 datasheet, section 13.5): narrower writes do nothing. */
  private write(offset: number, width: Width, value: number): void {
    if (width !== 4 && offset !== IoApicPort.index) return;
    switch (offset) {
      case IoApicPort.index:
        this.state.index = value & 0xff;
        return;
      case IoApicPort.window:
        this.writeRegister(this.state.index, value);
        return;
      case IoApicPort.endOfInterrupt:
        this.endOfInterrupt(value & 0xff);
        return;
    }
  }

  private writeRegister(index: number, value: number): void {
    const { state } = this;
    if (index === IoApicRegister.id) state.id = value & identifier;
    const at = index - IoApicRegister.redirection;
    const input = at >> 1;
    if (at < 0 || input >= ioApicInputs) return;
    if (at & 1) {
      state.high[input] = value & 0xff00_0000;
      return;
    }
    const old = state.low[input] ?? 0;
    // What was sent as a level is over when the entry is made edge-triggered.
    const kept = value & Redirection.level ? old & Redirection.remoteRequest : 0;
    state.low[input] = (value & Redirection.writable) | kept;
    this.serve(input);
  }
}
