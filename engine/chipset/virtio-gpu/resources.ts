/** The GPU's resources: pictures in the display device's memory, and the pages of the guest that stand behind each. Under the device lock. */
import { array, defineBlock, scalar } from '../../layout/block.ts';
import type { PhysicalMap } from '../../machine/bus.ts';

const mostResources = 64;
/** Runs of guest memory behind all resources together: 32 MiB in single pages, twice. */
const mostRuns = 16_384;
const bytesAPixel = 4;
const page = 4096;
const largestSide = 8192;

export const resourcesBlock = defineBlock('virtio-gpu.resources', 1, {
  /** 0: the entry is free. */
  id: array('u32', mostResources),
  width: array('u32', mostResources),
  height: array('u32', mostResources),
  base: array('u32', mostResources),
  /** In the runs below: where a resource's begin, and how many there are. */
  firstRun: array('u32', mostResources),
  runs: array('u32', mostResources),
  runsUsed: scalar('u32'),
  runAddress: array('u32', mostRuns),
  runBytes: array('u32', mostRuns),
});

type State = ReturnType<typeof resourcesBlock.at>;

export interface Resource {
  width: number;
  height: number;
  /** In the display memory. */
  base: number;
  stride: number;
}

export interface GpuRectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export class GpuResources {
  constructor(
    private readonly state: State,
    private readonly display: Uint8Array,
    private readonly memory: PhysicalMap,
    /** Display memory was written. */
    private readonly written: (offset: number, bytes: number) => void,
  ) {}

  clear(): void {
    this.state.id.fill(0);
    this.state.runsUsed = 0;
  }

  private find(id: number): number {
    return id === 0 ? -1 : this.state.id.indexOf(id);
  }

  get(id: number): Resource | undefined {
    const at = this.find(id);
    if (at < 0) return undefined;
    const { width, height, base } = this.state;
    return { width: width[at] ?? 0, height: height[at] ?? 0, base: base[at] ?? 0, stride: (width[at] ?? 0) * bytesAPixel };
  }

  /** The first place that is large enough. */
  create(id: number, width: number, height: number): 'done' | 'full' | 'invalid' {
    if (id === 0 || this.find(id) >= 0 || width === 0 || height === 0 || width > largestSide || height > largestSide) return 'invalid';
    const { state } = this;
    const entry = state.id.indexOf(0);
    if (entry < 0) return 'full';
    const bytes = Math.ceil((width * height * bytesAPixel) / page) * page;
    const taken = [...state.id.keys()]
      .filter((at) => state.id[at] !== 0)
      .map((at) => ({ from: state.base[at] ?? 0, to: (state.base[at] ?? 0) + Math.ceil(((state.width[at] ?? 0) * (state.height[at] ?? 0) * bytesAPixel) / page) * page }))
      .sort((a, b) => a.from - b.from);
    let base = 0;
    for (const { from, to } of taken) {
      if (from - base >= bytes) break;
      base = Math.max(base, to);
    }
    if (base + bytes > this.display.length) return 'full';
    this.display.fill(0, base, base + bytes);
    this.written(base, bytes);
    state.id[entry] = id;
    state.width[entry] = width;
    state.height[entry] = height;
    state.base[entry] = base;
    state.firstRun[entry] = state.runs[entry] = 0;
    return 'done';
  }

  remove(id: number): boolean {
    const at = this.find(id);
    if (at < 0) return false;
    this.detach(id);
    this.state.id[at] = 0;
    return true;
  }

  /** `entries`: address (64 bits), bytes, and 32 bits that do not count, each. */
  attach(id: number, entries: DataView): 'done' | 'full' | 'invalid' {
    const at = this.find(id);
    const { state } = this;
    const count = entries.byteLength / 16;
    if (at < 0 || (state.runs[at] ?? 0) !== 0 || count === 0) return 'invalid';
    if (state.runsUsed + count > mostRuns) return 'full';
    for (let index = 0; index < count; index++) if (entries.getUint32(16 * index + 4, true) !== 0) return 'invalid';
    state.firstRun[at] = state.runsUsed;
    state.runs[at] = count;
    for (let index = 0; index < count; index++) {
      state.runAddress[state.runsUsed + index] = entries.getUint32(16 * index, true);
      state.runBytes[state.runsUsed + index] = entries.getUint32(16 * index + 8, true);
    }
    state.runsUsed += count;
    return 'done';
  }

  /** What comes behind its runs moves up. */
  detach(id: number): boolean {
    const at = this.find(id);
    const { state } = this;
    const count = state.runs[at] ?? 0;
    if (at < 0 || count === 0) return false;
    const first = state.firstRun[at] ?? 0;
    for (const field of [state.runAddress, state.runBytes]) field.copyWithin(first, first + count, state.runsUsed);
    state.runsUsed -= count;
    state.runs[at] = 0;
    for (let other = 0; other < mostResources; other++) {
      const start = state.firstRun[other] ?? 0;
      if (state.id[other] !== 0 && start > first) state.firstRun[other] = start - count;
    }
    return true;
  }

  /** Copies a rectangle out of the guest's pages; `offset` is where its first pixel lies in them. False: it does not lie in the resource or in its pages. */
  transfer(id: number, { x, y, width, height }: GpuRectangle, offset: number): boolean {
    const resource = this.get(id);
    if (resource === undefined || x + width > resource.width || y + height > resource.height) return false;
    const { base, stride } = resource;
    for (let row = 0; row < height; row++) {
      const to = base + (y + row) * stride + x * bytesAPixel;
      this.written(to, width * bytesAPixel);
      if (!this.copy(id, offset + row * stride, this.display.subarray(to, to + width * bytesAPixel))) return false;
    }
    return true;
  }

  private copy(id: number, offset: number, into: Uint8Array): boolean {
    const at = this.find(id);
    const { state } = this;
    const [first, count] = [state.firstRun[at] ?? 0, state.runs[at] ?? 0];
    let skip = offset;
    let done = 0;
    for (let run = first; run < first + count && done < into.length; run++) {
      const bytes = state.runBytes[run] ?? 0;
      if (skip >= bytes) {
        skip -= bytes;
        continue;
      }
      const part = Math.min(bytes - skip, into.length - done);
      this.memory.dmaRead((state.runAddress[run] ?? 0) + skip, into.subarray(done, done + part));
      done += part;
      skip = 0;
    }
    return done === into.length;
  }
}
