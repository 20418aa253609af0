/** A bus for unit tests: blocks in a SharedArrayBuffer, a clock that stands still, timers that run when told. */
import type { BlockLayout, BlockView, Field } from '../../layout/block.ts';
import type {
  Bus,
  ChipRequest,
  DiskOptions,
  DiskPort,
  DiskRequest,
  DiskStatus,
  LegacyRouting,
  MmioHandler,
  MmioRegion,
  OutputStream,
  PhysicalMap,
  PortHandler,
  PortRegion,
  Timer,
  Width,
  WrittenPages,
} from '../../machine/bus.ts';

const vramBytes = 1 << 16;
const scanoutBytes = 1 << 22;

interface Placement {
  base: number | undefined;
  readonly size: number;
}

/** What lies in shared memory in a real machine; two buses may stand on one of these. */
class FakeShared {
  readonly buffer = new SharedArrayBuffer(1 << 20);
  readonly bases = new Map<string, number>();
  used = 0;
  now = 0;
  startTime = 0;
  readonly placements = new Map<string, Placement>();
  readonly deadlines = new Map<string, number>();
  readonly outputs = new Map<string, FakeOutput>();
  readonly posted: ChipRequest[] = [];
  readonly routed: { base: number; size: number; routing: LegacyRouting }[] = [];
  smramOpen = false;
  a20 = true;
  readonly ram: Uint8Array;

  constructor(ramBytes: number) {
    this.ram = new Uint8Array(ramBytes);
  }
}

/** An output stream whose capacity the test sets. */
export class FakeOutput implements OutputStream {
  readonly bytes: number[] = [];
  space = Infinity;

  push(byte: number): boolean {
    if (this.space === 0) return false;
    this.space--;
    this.bytes.push(byte);
    return true;
  }

  get text(): string {
    return String.fromCharCode(...this.bytes);
  }
}

function access(handler: { read(at: number, width: Width): number }, at: number, width: Width): number {
  const value = handler.read(at, width);
  const limit = 2 ** (8 * width);
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new RangeError(`read of ${width} bytes at 0x${at.toString(16)} gave ${value}`);
  }
  return value;
}

/** A drive whose image is a test's array; requests wait until `serveDisks`. */
class FakeDisk implements DiskPort {
  image = new Uint8Array(0);
  readOnly = false;
  request: DiskRequest | undefined;
  flushes = 0;

  constructor(readonly options: DiskOptions) {}

  get bytes(): number {
    return this.image.length;
  }

  get busy(): boolean {
    return this.request !== undefined;
  }

  submit(request: DiskRequest): void {
    if (this.request !== undefined) throw new Error('a drive was given two requests at once');
    if (request.kind !== 'flush') {
      const { offset, bytes } = request;
      const fits = Number.isInteger(offset) && offset >= 0 && bytes > 0 && bytes <= this.options.buffer.length && offset + bytes <= this.bytes;
      if (!fits) throw new RangeError(`a drive was asked for ${bytes} bytes at ${offset}`);
    }
    this.request = request;
  }

  cancel(): void {
    this.request = undefined;
  }

  serve(status: DiskStatus): boolean {
    const { request } = this;
    if (request === undefined) return false;
    this.request = undefined;
    if (status === 'done' && request.kind === 'flush') this.flushes++;
    else if (status === 'done' && request.kind === 'read') this.options.buffer.set(this.image.subarray(request.offset, request.offset + request.bytes));
    else if (status === 'done' && request.kind === 'write') this.image.set(this.options.buffer.subarray(0, request.bytes), request.offset);
    this.options.completed(status);
    return true;
  }
}

/** Exact: a page is written until it was seen. */
class FakeWatch implements WrittenPages {
  private pages = new Set<number>();
  private fresh = true;

  note(offset: number, bytes: number): void {
    for (let page = offset >>> 12; page <= (offset + bytes - 1) >>> 12; page++) this.pages.add(page);
  }

  any(offset: number, bytes: number): boolean {
    return this.fresh || [...this.pages].some((page) => page >= offset >>> 12 && page <= (offset + bytes - 1) >>> 12);
  }

  isWritten(offset: number): boolean {
    return this.fresh || this.pages.has(offset >>> 12);
  }

  look(): void {
    // Nothing is written while somebody draws.
  }

  seen(): void {
    this.fresh = false;
    this.pages.clear();
  }
}

export class FakeBus implements Bus {
  readonly clock: Bus['clock'];
  readonly memory: PhysicalMap;
  readonly vram: Uint8Array<SharedArrayBuffer>;
  readonly scanoutMemory = new Uint8Array(new SharedArrayBuffer(scanoutBytes));
  displayChanges = 0;
  private readonly watches = { vram: new Set<FakeWatch>(), scanouts: new Set<FakeWatch>() };
  private readonly portHandlers: { placement: Placement; handler: PortHandler }[] = [];
  private readonly mmioHandlers: { placement: Placement; handler: MmioHandler }[] = [];
  private readonly callbacks = new Map<string, () => void>();

  constructor(
    options: { startTime?: number; ramBytes?: number } = {},
    private readonly shared = new FakeShared(options.ramBytes ?? 16 << 20),
  ) {
    if (options.startTime !== undefined) shared.startTime = options.startTime;
    this.clock = {
      now: () => shared.now,
      get startTime() {
        return shared.startTime;
      },
    };
    this.vram = new Uint8Array(new SharedArrayBuffer(vramBytes));
    this.memory = {
      routeLegacy: (base, size, routing) => shared.routed.push({ base, size, routing }),
      routeSmram: (routing) => {
        shared.smramOpen = routing.open;
      },
      get a20() {
        return shared.a20;
      },
      set a20(open: boolean) {
        shared.a20 = open;
      },
      ramBytes: shared.ram.length,
      dmaRead: (address, into) => into.set(shared.ram.subarray(address, address + into.length)),
      dmaWrite: (address, from) => shared.ram.set(from, address),
      dmaReaches: (address, length) => address + length <= shared.ram.length,
    };
  }

  /** Another thread's bus over the same shared memory: chips are to be constructed on it in the same order. */
  onAnotherThread(): FakeBus {
    return new FakeBus({}, this.shared);
  }

  block<F extends Record<string, Field>>(layout: BlockLayout<F>, instance = ''): BlockView<F> {
    const name = `${layout.name}:${instance}`;
    let base = this.shared.bases.get(name);
    if (base === undefined) {
      // A gap of 64 bytes follows each block; `blocksIntact` looks whether anything was written there.
      base = this.shared.used;
      this.shared.used += layout.size + 64;
      new Uint8Array(this.shared.buffer, base + layout.size, 64).fill(0xa5);
      this.shared.bases.set(name, base);
    }
    return layout.at(this.shared.buffer, base);
  }

  /** All bytes of all blocks, to compare states. */
  image(): Uint8Array {
    return new Uint8Array(this.shared.buffer).slice(0, this.shared.used);
  }

  private region(kind: string, base: number | undefined, size: number): Placement {
    let placement = this.shared.placements.get(kind);
    if (placement === undefined) {
      placement = { base, size };
      this.shared.placements.set(kind, placement);
    }
    return placement;
  }

  ports(first: number, count: number, handler: PortHandler): PortRegion {
    const placement = this.region(`ports ${this.portHandlers.length}`, first, count);
    this.portHandlers.push({ placement, handler });
    return {
      get base() {
        return placement.base ?? 0;
      },
      count,
      place(base) {
        placement.base = base;
      },
    };
  }

  mmio(name: string, base: number | undefined, size: number, handler: MmioHandler): MmioRegion {
    const placement = this.region(`mmio ${name}`, base, size);
    this.mmioHandlers.push({ placement, handler });
    return {
      get base() {
        return placement.base ?? 0;
      },
      size,
      place(moved) {
        placement.base = moved;
      },
    };
  }

  frameBuffer(name: string, base: number | undefined, size: number, vramOffset: number): MmioRegion {
    const at = (offset: number) => (vramOffset + offset) % this.vram.length;
    return this.mmio(name, base, size, {
      read: (offset, width) => {
        let value = 0;
        for (let index = 0; index < width; index++) value += (this.vram[at(offset + index)] ?? 0xff) * 2 ** (8 * index);
        return value;
      },
      write: (offset, width, value) => {
        for (let index = 0; index < width; index++) this.vram[at(offset + index)] = value >>> (8 * index);
        this.vramWritten(at(offset), width);
      },
    });
  }

  scanoutBuffer(name: string): MmioRegion {
    const { scanoutMemory } = this;
    return this.mmio(name, undefined, scanoutMemory.length, {
      read: (offset, width) => {
        let value = 0;
        for (let index = 0; index < width; index++) value += (scanoutMemory[offset + index] ?? 0xff) * 2 ** (8 * index);
        return value;
      },
      write: (offset, width, value) => {
        for (let index = 0; index < width; index++) scanoutMemory[offset + index] = value >>> (8 * index);
        this.scanoutsWritten(offset, width);
      },
    });
  }

  timer(name: string, callback: () => void): Timer {
    if (this.callbacks.has(name)) throw new Error(`two timers are called ${name}`);
    this.callbacks.set(name, callback);
    const { deadlines } = this.shared;
    return {
      arm(deadline) {
        if (!Number.isSafeInteger(deadline) || deadline < 0) throw new RangeError(`${name} armed at ${deadline}`);
        deadlines.set(name, deadline);
      },
      cancel: () => void deadlines.delete(name),
      get deadline() {
        return deadlines.get(name) ?? Infinity;
      },
    };
  }

  output(name: string): FakeOutput {
    const known = this.shared.outputs.get(name) ?? new FakeOutput();
    this.shared.outputs.set(name, known);
    return known;
  }

  readonly disks = new Map<string, FakeDisk>();

  disk(name: string, options: DiskOptions): FakeDisk {
    if (this.disks.has(name)) throw new Error(`two drives are called ${name}`);
    const disk = new FakeDisk(options);
    this.disks.set(name, disk);
    return disk;
  }

  /** Puts an image in a drive. */
  insert(name: string, image: Uint8Array<ArrayBuffer>, readOnly = false): void {
    const disk = this.disks.get(name);
    if (disk === undefined) throw new Error(`there is no drive ${name}`);
    disk.image = image;
    disk.readOnly = readOnly;
  }

  /** Carries out what drives have asked for until they ask no more. Returns how many requests there were. */
  serveDisks(status: DiskStatus = 'done'): number {
    let served = 0;
    for (let more = true; more;) {
      more = false;
      for (const disk of this.disks.values()) {
        if (!disk.serve(status)) continue;
        served++;
        more = true;
      }
    }
    return served;
  }

  post(request: ChipRequest): void {
    this.shared.posted.push(request);
  }

  vramWritten(offset: number, bytes: number): void {
    for (const watch of this.watches.vram) watch.note(offset, bytes);
  }

  scanoutsWritten(offset: number, bytes: number): void {
    for (const watch of this.watches.scanouts) watch.note(offset, bytes);
  }

  /** What a renderer is to know of writes to one of the two memories. */
  watch(memory: 'vram' | 'scanouts'): WrittenPages {
    const watch = new FakeWatch();
    this.watches[memory].add(watch);
    return watch;
  }

  displayChanged(): void {
    this.displayChanges++;
  }

  get posted(): ChipRequest[] {
    return this.shared.posted;
  }

  get routed(): readonly { base: number; size: number; routing: LegacyRouting }[] {
    return this.shared.routed;
  }

  get smramOpen(): boolean {
    return this.shared.smramOpen;
  }

  /** Lets `nanoseconds` pass, running timers in the order of their deadlines, each at its own time. */
  advance(nanoseconds: number): void {
    const end = this.shared.now + nanoseconds;
    for (;;) {
      let next: string | undefined;
      let deadline = Infinity;
      for (const [name, at] of this.shared.deadlines) {
        if (at < deadline) [next, deadline] = [name, at];
      }
      if (next === undefined || deadline > end) break;
      this.shared.now = Math.max(this.shared.now, deadline);
      this.shared.deadlines.delete(next);
      this.callbacks.get(next)?.();
    }
    this.shared.now = end;
  }

  /** Lets time pass without running timers, as a busy service worker would. */
  stall(nanoseconds: number): void {
    this.shared.now += nanoseconds;
  }

  private findPort(port: number) {
    const owners = this.portHandlers.filter(
      ({ placement: { base, size } }) => base !== undefined && port >= base && port < base + size,
    );
    return owners.reduce<(typeof owners)[number] | undefined>(
      (best, each) => (best === undefined || each.placement.size <= best.placement.size ? each : best),
      undefined,
    );
  }

  /** IN. Ports nobody owns read as ones. */
  in(port: number, width: Width = 1): number {
    const found = this.findPort(port);
    return found === undefined ? 2 ** (8 * width) - 1 : access(found.handler, port, width);
  }

  /** OUT. */
  out(port: number, value: number, width: Width = 1): void {
    this.findPort(port)?.handler.write(port, width, value);
  }

  /** What a tool sees at the port: undefined when the chip cannot be peeked at. */
  peek(port: number, width: Width = 1): number | undefined {
    return this.findPort(port)?.handler.peek?.(port, width);
  }

  private findMmio(address: number) {
    return this.mmioHandlers.findLast(
      ({ placement: { base, size } }) => base !== undefined && address >= base && address < base + size,
    );
  }

  mmioRead(address: number, width: Width = 4): number {
    const found = this.findMmio(address);
    if (found === undefined) return 2 ** (8 * width) - 1;
    return access(found.handler, address - (found.placement.base ?? 0), width);
  }

  mmioWrite(address: number, value: number, width: Width = 4): void {
    const found = this.findMmio(address);
    found?.handler.write(address - (found.placement.base ?? 0), width, value);
  }

  /** True while no chip has written beyond its block. */
  blocksIntact(): boolean {
    const gaps: number[] = [];
    const bases = [...this.shared.bases.values(), this.shared.used].sort((a, b) => a - b);
    for (const end of bases.slice(1)) gaps.push(...new Uint8Array(this.shared.buffer, end - 64, 64));
    return gaps.every((byte) => byte === 0xa5);
  }
}

/** An interrupt input that remembers what happened to it. */
export class FakeLine {
  asserted = false;
  risingEdges = 0;

  set(asserted: boolean): void {
    if (asserted && !this.asserted) this.risingEdges++;
    this.asserted = asserted;
  }
}
