/** A vCPU over a small memory with a recording platform, for unit tests. The executor is the real interpreter, or none. */
import { Interpreter } from '../../execute/interpreter.ts';

import { Page, physicalPages, type CodeCoherence, type Hypercalls, type Platform, type SystemManagementPlatform } from '../platform.ts';
import type { Executor } from '../executor.ts';
import type { WriteGuard } from '../traced-writes.ts';
import { Vcpu } from '../vcpu.ts';
import { tlbBytes } from '../tlb.ts';

const wasmPage = 65536;
const stateBase = 0x10000;
const tlbBase = 0x20000;
const cacheBase = tlbBase + tlbBytes;
const cacheBytes = 2 << 20;
const arraysBase = Math.ceil((cacheBase + cacheBytes) / wasmPage) * wasmPage;
const arrayBytes = physicalPages * 4;
/** Where guest-physical address 0 lies. */
export const ramBase = arraysBase + 4 * arrayBytes;
export const ramBytes = 4 << 20;
/** A page that answers as a chip does. */
export const devicePage = 0xfe000;
/** Readable, not writable. */
export const romPage = 0xf0;

export interface Recorded {
  mmio: { address: number; size: number; value: number | undefined }[];
  ports: { port: number; size: number; value: number | undefined }[];
  tripleFaults: { vector: number; code: number; eip: number; address: number }[][];
  invalidated: number[];
  jumpCacheFlushes: number;
}

export class TestMachine {
  readonly memory: WebAssembly.Memory;
  readonly vcpu: Vcpu;
  readonly ram: DataView;
  readonly recorded: Recorded = { mmio: [], ports: [], tripleFaults: [], invalidated: [], jumpCacheFlushes: 0 };
  readonly platform: Platform;
  /** Vectors the interrupt controller offers. */
  readonly pending: number[] = [];
  epoch = 1;
  time = 0n;
  /** What chips answer. */
  deviceValue = 0x44332211;

  constructor(
    options: {
      interpreter?: boolean;
      coherence?: CodeCoherence;
      guard?: WriteGuard;
      hypercalls?: Hypercalls;
      systemManagement?: SystemManagementPlatform;
    } = {},
  ) {
    this.memory = new WebAssembly.Memory({
      initial: (ramBase + ramBytes) / wasmPage,
      maximum: (ramBase + ramBytes) / wasmPage,
      shared: true,
    });
    const buffer = this.memory.buffer as unknown as SharedArrayBuffer;
    this.ram = new DataView(buffer, ramBase, ramBytes);
    const { recorded, pending } = this;
    const array = (number: number) => new Uint32Array(buffer, arraysBase + number * arrayBytes, physicalPages);
    this.platform = {
      memory: this.memory,
      pageRead: array(0),
      pageWrite: array(1),
      pageFlags: new Int32Array(buffer, arraysBase + 2 * arrayBytes, physicalPages),
      pageEpoch: array(3),
      currentEpoch: () => this.epoch,
      mmioRead: (address, size) => {
        recorded.mmio.push({ address, size, value: undefined });
        return size === 4 ? this.deviceValue : this.deviceValue & ((1 << (8 * size)) - 1);
      },
      mmioWrite: (address, size, value) => void recorded.mmio.push({ address, size, value }),
      portRead: (port, size) => {
        recorded.ports.push({ port, size, value: undefined });
        return 0x5a;
      },
      portWrite: (port, size, value) => void recorded.ports.push({ port, size, value }),
      interruptPending: () => pending.length > 0,
      acknowledgeInterrupt: () => pending.shift() ?? -1,
      now: () => 0,
      timestamp: () => this.time,
      coherence: options.coherence,
      systemManagement: options.systemManagement,
      guard: options.guard,
      hypercalls: options.hypercalls,
      tripleFault: (chain) => void recorded.tripleFaults.push([...chain]),
      exclusive: (body) => body(),
    };
    for (let page = 0; page < ramBytes >>> 12; page++) {
      this.platform.pageRead[page] = ramBase + page * 4096;
      this.platform.pageWrite[page] = ramBase + page * 4096;
      this.platform.pageFlags[page] = Page.ram;
    }
    this.platform.pageWrite[romPage] = 0;
    this.platform.pageFlags[romPage] = Page.rom;
    this.platform.pageFlags[devicePage] = Page.mmio;
    this.vcpu = new Vcpu({
      state: stateBase,
      tlb: tlbBase,
      platform: this.platform,
      executor: ({ services, fetch }): Executor => {
        if (options.interpreter !== true) {
          return {
            run: () => {
              throw new Error('this test executes nothing');
            },
            invalidatePage: (page) => void recorded.invalidated.push(page),
            dropChanged: () => undefined,
            dropAll: () => undefined,
            flushJumpCache: () => void recorded.jumpCacheFlushes++,
          };
        }
        return new Interpreter({ memory: this.memory, vcpu: stateBase, cacheBase, cacheBytes, services, fetch });
      },
    });
    this.vcpu.reset();
  }

  get cpu() {
    return this.vcpu.cpu;
  }
  get state() {
    return this.vcpu.cpu.state;
  }
  get services() {
    return this.vcpu.services;
  }

  /** Bytes at a guest-physical address. */
  bytes(address: number, ...values: number[]): void {
    values.forEach((value, index) => this.ram.setUint8(address + index, value));
  }
  word(address: number): number {
    return this.ram.getUint16(address, true);
  }
  dword(address: number): number {
    return this.ram.getUint32(address, true);
  }
  setDword(address: number, value: number): void {
    this.ram.setUint32(address, value, true);
  }

  /** The pending exception, taken: as a word like "13(0x18)", or "none". */
  takeFault(): string {
    const { state } = this;
    const text = state.faultVector < 0 ? 'none' : `${state.faultVector}(0x${state.faultCode.toString(16)})`;
    state.faultVector = -1;
    return text;
  }
}

