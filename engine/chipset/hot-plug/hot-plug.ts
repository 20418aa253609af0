/**
 * PCI functions that come and go. What a slot should have is the host's word; what it has follows, as politely as the guest can take it: a system that
 * takes the general-purpose event is asked to eject a function and does so in its own time; from one that does not it is pulled out at once.
 */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import { digits, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip } from '../../machine/bus.ts';
import { hotPlugPort, HotPlugRegister } from './registers.ts';

const slotCount = 32;

const hotPlugBlock = defineBlock('hot-plug', 1, {
  arrived: scalar('u32'),
  leaving: scalar('u32'),
  /** Those of them that the guest has read of. */
  told: scalar('u32'),
  /** By device: what should be there and what is, as its owner numbers it; 0: nothing. */
  wanted: array('u32', slotCount),
  present: array('u32', slotCount),
});

/** What sits in a slot. */
export interface Pluggable {
  /** It is there now, as number `form`: begins as at power-on. */
  plugged(form: number): void;
  /** It will have to go: the guest was asked to eject it. */
  leaves(): void;
  /** It is gone. */
  unplugged(): void;
}

/** How the operating system hears of it. */
export interface HotPlugWiring {
  listens(): boolean;
  announce(): void;
}

export class HotPlug implements Chip {
  private readonly state;
  private readonly owners = new Map<number, Pluggable>();
  private removable = 0;

  constructor(
    private readonly bus: Bus,
    private readonly wiring: HotPlugWiring,
  ) {
    this.state = bus.block(hotPlugBlock);
    const value = (offset: number): number => {
      if (offset === HotPlugRegister.arrived) return this.state.arrived;
      if (offset === HotPlugRegister.leaving) return this.state.leaving;
      return offset === HotPlugRegister.removable ? this.removable >>> 0 : 0;
    };
    const part = (port: number, width: number) => Math.floor(value((port - hotPlugPort) & ~3) / 2 ** (8 * (port & 3))) % 2 ** (8 * width);
    bus.ports(hotPlugPort, HotPlugRegister.end, {
      peek: part,
      read: (port, width) => {
        const read = part(port, width);
        if (port === hotPlugPort + HotPlugRegister.arrived && width === 4) this.state.arrived = 0;
        if (port === hotPlugPort + HotPlugRegister.leaving) this.state.told |= this.state.leaving;
        return read;
      },
      write: (port, width, bits) => {
        if (port === hotPlugPort + HotPlugRegister.eject && width === 4) this.eject(bits);
      },
    });
  }

  /** Once for each slot, by every thread in the same way. Answers what is there now. */
  addSlot(device: number, owner: Pluggable): () => number {
    this.owners.set(device, owner);
    this.removable |= 1 << device;
    return () => this.state.present[device] ?? 0;
  }

  /** What slots should have. With `settle`, or a reset, they get it. */
  want(device: number, form: number): void {
    this.state.wanted[device] = form;
  }

  wanted(device: number): number {
    return this.state.wanted[device] ?? 0;
  }

  leaving(device: number): boolean {
    return ((this.state.leaving >>> device) & 1) !== 0;
  }

  /** Every slot has what it should have, and nobody has seen it otherwise. */
  reset(): void {
    this.state.arrived = this.state.leaving = this.state.told = 0;
    for (const [device, owner] of this.owners) {
      const form = this.wanted(device);
      this.state.present[device] = form;
      if (form === 0) owner.unplugged();
      else owner.plugged(form);
    }
  }

  settle(): void {
    const before = this.state.arrived + this.state.leaving * 2 ** 32;
    for (const device of this.owners.keys()) this.settleSlot(device);
    const { arrived, leaving } = this.state;
    if (arrived + leaving * 2 ** 32 !== before && (arrived | leaving) !== 0) this.wiring.announce();
    this.bus.displayChanged();
  }

  private settleSlot(device: number): void {
    const { state } = this;
    const owner = this.owners.get(device);
    const [wanted, present, bit] = [this.wanted(device), state.present[device] ?? 0, 1 << device];
    if (owner === undefined || wanted === present) {
      // A guest that has read of it already ejects it all the same, and then it comes back.
      state.leaving &= ~bit;
      return;
    }
    if (present !== 0) {
      if (this.wiring.listens()) {
        if (!this.leaving(device)) owner.leaves();
        state.leaving |= bit;
        return;
      }
      this.empty(device, owner);
    }
    state.leaving &= ~bit;
    if (wanted === 0) return;
    state.present[device] = wanted;
    owner.plugged(wanted);
    state.arrived |= bit;
  }

  private empty(device: number, owner: Pluggable): void {
    this.state.present[device] = 0;
    this.state.arrived &= ~(1 << device);
    owner.unplugged();
  }

  private eject(bits: number): void {
    let again = false;
    for (const [device, owner] of this.owners) {
      if (((bits >>> device) & 1) === 0 || this.state.present[device] === 0) continue;
      const asked = (((this.state.leaving | this.state.told) >>> device) & 1) !== 0;
      again ||= asked;
      this.empty(device, owner);
      // A guest that ejects on its own is not given the thing back.
      if (!asked) this.state.wanted[device] = 0;
      this.state.leaving &= ~(1 << device);
      this.state.told &= ~(1 << device);
    }
    if (again) this.settle();
    this.bus.displayChanged();
  }

  inspect(): ChipFacts {
    const { state } = this;
    return {
      id: 'hot-plug',
      title: 'PCI hot-plug',
      place: `ports ${digits(hotPlugPort, 4)}-${digits(hotPlugPort + HotPlugRegister.end - 1, 4)}`,
      group: 'devices',
      facts: [
        { name: 'Arrived', value: digits(state.arrived, 8), note: 'devices of bus 0 that the guest has not read of' },
        { name: 'Leaving', value: digits(state.leaving, 8), note: 'devices that it was asked to eject' },
        { name: 'Taken by the guest', value: this.wiring.listens() ? 'yes' : 'no', note: 'its general-purpose event; without it functions are pulled out at once' },
      ],
      tables: [
        {
          title: 'Slots',
          columns: ['Device', 'There', 'Wanted'],
          rows: [...this.owners.keys()].map((device) => [digits(device, 2), String(state.present[device] ?? 0), String(state.wanted[device] ?? 0)]),
        },
      ],
    };
  }
}
