/**
 * The two 8237A DMA controllers and their page registers: what software writes reads back. Transfers are made by the devices
 * that use a channel, through `channel` and `transferred`. Port 0x80 keeps the POST code.
 */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import { digits, type ChipFacts } from '../../layout/facts.ts';
import type { Bus, Chip } from '../../machine/bus.ts';
import { bytePorts } from '../byte-ports.ts';

const pagePorts = 0x80;
/** Page register (offset from 0x80) of each channel. Channel 4 is the cascade; its page is refresh's. */
const pageOf = [7, 3, 1, 2, 15, 11, 9, 10] as const;

const enum Register {
  /** Command on writes, status on reads. */
  command = 8,
  request = 9,
  singleMask = 10,
  mode = 11,
  clearFlipFlop = 12,
  /** Master clear on writes, temporary register on reads. */
  masterClear = 13,
  clearMask = 14,
  allMasks = 15,
}

const controllerBlock = defineBlock('dma.controller', 1, {
  baseAddress: array('u16', 4),
  baseCount: array('u16', 4),
  address: array('u16', 4),
  count: array('u16', 4),
  mode: array('u8', 4),
  command: scalar('u8'),
  status: scalar('u8'),
  request: scalar('u8'),
  mask: scalar('u8'),
  /** 0: the next byte of a 16-bit register is the low one. */
  flipFlop: scalar('u8'),
});

const pageBlock = defineBlock('dma.pages', 1, { pages: array('u8', 16) });

/** Intel 8237A datasheet (231466). Registers are numbered as on the first controller. */
class Controller8237 {
  constructor(readonly state: ReturnType<typeof controllerBlock.at>) {}

  clear(): void {
    const { state } = this;
    state.command = 0;
    state.status = 0;
    state.request = 0;
    state.mask = 0x0f;
    state.flipFlop = 0;
  }

  reset(): void {
    const { state } = this;
    for (const registers of [state.baseAddress, state.baseCount, state.address, state.count, state.mode]) registers.fill(0);
    this.clear();
  }

  peek(register: number): number {
    const { state } = this;
    if (register < Register.command) {
      const value = (register & 1 ? state.count : state.address)[register >> 1] ?? 0;
      return state.flipFlop ? value >> 8 : value & 0xff;
    }
    if (register === Register.command) return state.status;
    if (register === Register.allMasks) return state.mask | 0xf0;
    return register === Register.masterClear ? 0 : 0xff;
  }

  read(register: number): number {
    const { state } = this;
    const value = this.peek(register);
    if (register < Register.command) state.flipFlop ^= 1;
    if (register === Register.command) state.status &= 0xf0;
    return value;
  }

  write(register: number, value: number): void {
    const { state } = this;
    const bit = 1 << (value & 3);
    switch (register) {
      case Register.command:
        state.command = value;
        break;
      case Register.request:
        state.request = value & 4 ? state.request | bit : state.request & ~bit;
        break;
      case Register.singleMask:
        state.mask = value & 4 ? state.mask | bit : state.mask & ~bit;
        break;
      case Register.mode:
        state.mode[value & 3] = value & 0xfc;
        break;
      case Register.clearFlipFlop:
        state.flipFlop = 0;
        break;
      case Register.masterClear:
        this.clear();
        break;
      case Register.clearMask:
        state.mask = 0;
        break;
      case Register.allMasks:
        state.mask = value & 0x0f;
        break;
      default:
        this.writeWord(register, value);
    }
  }

  private writeWord(register: number, value: number): void {
    const { state } = this;
    const [base, current] = register & 1 ? [state.baseCount, state.count] : [state.baseAddress, state.address];
    const before = base[register >> 1] ?? 0;
    const after = state.flipFlop ? (before & 0xff) | (value << 8) : (before & 0xff00) | value;
    base[register >> 1] = after;
    current[register >> 1] = after;
    state.flipFlop ^= 1;
  }
}

/** What a device has to know of its channel before a transfer. */
export interface DmaChannel {
  /** Guest-physical address of the next byte. */
  address: number;
  /** Bytes left. */
  bytes: number;
  /** Bits 7-2 of the mode register: 3-2 say 01 write to memory, 10 read from memory. */
  mode: number;
  masked: boolean;
}

export class Dma implements Chip {
  private readonly controllers: readonly [Controller8237, Controller8237];
  private readonly pages: Uint8Array;

  constructor(bus: Bus) {
    this.controllers = [
      new Controller8237(bus.block(controllerBlock, '8-bit')),
      new Controller8237(bus.block(controllerBlock, '16-bit')),
    ];
    this.pages = bus.block(pageBlock).pages;
    this.registers(bus, 0x00, 16, 0, this.controllers[0]);
    this.registers(bus, 0xc0, 32, 1, this.controllers[1]);
    const page = (port: number) => (port > pagePorts + 15 ? 0xff : (this.pages[port - pagePorts] ?? 0xff));
    bus.ports(
      pagePorts,
      16,
      bytePorts({
        read: page,
        peek: page,
        write: (port, value) => {
          this.pages[port - pagePorts] = value;
        },
      }),
    );
  }

  private registers(bus: Bus, first: number, count: number, shift: number, controller: Controller8237): void {
    const inside = (port: number) => port < first + count;
    const register = (port: number) => (port - first) >> shift;
    bus.ports(
      first,
      count,
      bytePorts({
        read: (port) => (inside(port) ? controller.read(register(port)) : 0xff),
        peek: (port) => (inside(port) ? controller.peek(register(port)) : 0xff),
        write: (port, value) => {
          if (inside(port)) controller.write(register(port), value);
        },
      }),
    );
  }

  reset(): void {
    for (const controller of this.controllers) controller.reset();
    this.pages.fill(0);
  }

  inspect(): ChipFacts {
    const rows = [0, 1, 2, 3, 5, 6, 7].map((number) => {
      const { address, bytes, mode, masked } = this.channel(number);
      const direction = ['verify', 'to memory', 'from memory', 'illegal'][(mode >> 2) & 3] ?? '';
      return [String(number), digits(address, 6), String(bytes), `${direction}${mode & 0x10 ? ', reloads' : ''}`, masked ? 'masked' : 'open'];
    });
    return {
      id: 'dma',
      title: '8237 DMA controllers',
      place: 'ports 00-0f, 80-8f, c0-df',
      group: 'devices',
      facts: [{ name: 'POST code', value: digits(this.postCode, 2), note: 'the last byte written to port 80' }],
      tables: [{ title: 'Channels', columns: ['Channel', 'Address', 'Bytes', 'Transfer', 'State'], rows }],
    };
  }

  /** The last byte written to port 0x80. */
  get postCode(): number {
    return this.pages[0] ?? 0;
  }

  /** Channel 0-3 (bytes) or 5-7 (words: address and count are given in bytes). */
  channel(number: number): DmaChannel {
    const { state } = this.controllers[number < 4 ? 0 : 1];
    const index = number & 3;
    const page = this.pages[pageOf[number] ?? 0] ?? 0;
    const address = state.address[index] ?? 0;
    const count = (state.count[index] ?? 0) + 1;
    const masked = (state.mask & (1 << index)) !== 0;
    const mode = state.mode[index] ?? 0;
    if (number < 4) return { address: page * 0x10000 + address, bytes: count, mode, masked };
    return { address: (page & 0xfe) * 0x10000 + address * 2, bytes: count * 2, mode, masked };
  }

  /** Tells that a device has moved `bytes` on its channel. At the end of the count: terminal count, mask or reload. */
  transferred(number: number, bytes: number): void {
    const { state } = this.controllers[number < 4 ? 0 : 1];
    const index = number & 3;
    const units = number < 4 ? bytes : bytes >> 1;
    const left = (state.count[index] ?? 0) + 1 - units;
    const down = ((state.mode[index] ?? 0) & 0x20) !== 0;
    state.address[index] = (state.address[index] ?? 0) + (down ? -units : units);
    state.count[index] = left - 1;
    if (left > 0) return;
    state.status |= 1 << index;
    if ((state.mode[index] ?? 0) & 0x10) {
      state.address[index] = state.baseAddress[index] ?? 0;
      state.count[index] = state.baseCount[index] ?? 0;
    } else {
      state.mask |= 1 << index;
    }
  }
}
