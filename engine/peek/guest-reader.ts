/**
 * Carries out read operations for one vCPU: on its own thread through its TLB, or in its stead while it stands still by walking the tables,
 * which touches nobody's TLB. It changes nothing of the guest: no fault is noted in the vCPU's block, no accessed bit is set, and no TLB
 * entry is filled, since an entry that the guest had not made itself would let its next access skip the accessed bit.
 */
import { Vector, PageFault } from '../cpu/faults.ts';
import { pageFaultOf, pagingStateOf, walkSilently, withRoot, type PagingState } from '../cpu/inspection.ts';
import type { CpuState } from '../cpu/registers.ts';
import { segmentReach } from '../cpu/segment-reach.ts';
import type { Tlb } from '../cpu/tlb.ts';
import { Seg } from '../isa/state.ts';
import { segmentNames, type Ending, type Operation, type Outcome, type ReadAccess, type Space } from './operation.ts';
import type { SilentMemory } from './silent-memory.ts';

const pageBytes = 4096;
const stringPiece = 64;

export class GuestReader implements ReadAccess {
  #ending: Ending | undefined;
  /** How the running operation's addresses are translated. */
  #paging: PagingState | undefined;
  #tlb: Tlb | undefined;
  #user = false;
  #pointer = new Uint8Array(4);
  #pointerView = new DataView(this.#pointer.buffer);

  /** `tlb`: only on the vCPU's own thread. */
  constructor(
    private readonly state: CpuState,
    private readonly memory: SilentMemory,
    private readonly tlb: Tlb | undefined,
  ) {}

  /** The operation has been checked by operationProblem. */
  perform(operation: Operation): Outcome {
    this.#begin(operation.space, operation.user === true);
    switch (operation.kind) {
      case 'read':
        return this.#read(operation.space, operation.address, operation.length, []);
      case 'string':
        return this.#string(operation.space, operation.address, operation.limit);
      case 'scatter':
        return this.#scatter(operation);
      case 'chain':
        return this.#chain(operation);
      case 'state':
        return { bytes: Uint8Array.from(this.state.u8), pointers: [], ending: undefined, complete: true };
    }
  }

  /**
   * Reads at a linear address into `into`; returns how many bytes there were. What a tool on the vCPU's own thread uses where an Outcome
   * would be too much; `ending` says why it stopped.
   */
  readInto(linear: number, length: number, into: Uint8Array<ArrayBuffer>, at = 0, user = false): number {
    this.#ending = undefined;
    this.#paging = undefined;
    this.#tlb = this.tlb;
    this.#user = user;
    return this.#copyLinear(linear, length, into, at);
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  #begin(space: Space, user: boolean): void {
    this.#ending = undefined;
    this.#user = user;
    this.#tlb = space.kind === 'root' ? undefined : this.tlb;
    this.#paging = space.kind === 'root' ? withRoot(pagingStateOf(this.state), space.cr3, this.memory.readEntry) : undefined;
  }

  #read(space: Space, address: number, length: number, pointers: readonly number[]): Outcome {
    const bytes = new Uint8Array(length);
    const count = this.#copy(space, address, length, bytes, 0);
    return this.#outcome(bytes, count, pointers);
  }

  #outcome(bytes: Uint8Array<ArrayBuffer>, count: number, pointers: readonly number[]): Outcome {
    const complete = count === bytes.length;
    return { bytes: complete ? bytes : bytes.slice(0, count), pointers, ending: this.#ending, complete };
  }

  #string(space: Space, address: number, limit: number): Outcome {
    let bytes = new Uint8Array(Math.min(limit, stringPiece));
    let count = 0;
    while (count < limit) {
      const at = (address + count) % 2 ** 36;
      const piece = Math.min(limit - count, stringPiece, pageBytes - (at % pageBytes));
      if (bytes.length < count + piece) bytes = grown(bytes, count + piece);
      const got = this.#copy(space, space.kind === 'physical' ? at : at >>> 0, piece, bytes, count);
      const end = bytes.subarray(count, count + got).indexOf(0);
      if (end >= 0) {
        // A fault behind the NUL concerns nobody.
        this.#ending = undefined;
        return { bytes: bytes.slice(0, count + end), pointers: [], ending: undefined, complete: true };
      }
      count += got;
      if (got < piece) break;
    }
    return { bytes: bytes.slice(0, count), pointers: [], ending: this.#ending, complete: false };
  }

  #scatter({ space, parts }: Extract<Operation, { kind: 'scatter' }>): Outcome {
    const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let count = 0;
    for (const { address, length } of parts) {
      const got = this.#copy(space, address, length, bytes, count);
      count += got;
      if (got < length) break;
    }
    return this.#outcome(bytes, count, []);
  }

  #chain({ space, address, offsets, length }: Extract<Operation, { kind: 'chain' }>): Outcome {
    const pointers: number[] = [];
    let at = address;
    for (const offset of offsets) {
      // Pointer bytes of a pointer that was not read whole are no data.
      if (this.#copy(space, at, 4, this.#pointer, 0) < 4)
        return { bytes: new Uint8Array(0), pointers, ending: this.#ending, complete: false };
      const pointer = this.#pointerView.getUint32(0, true);
      pointers.push(pointer);
      at = (pointer + offset) >>> 0;
    }
    return this.#read(space, at, length, pointers);
  }

  #copy(space: Space, address: number, length: number, into: Uint8Array<ArrayBuffer>, at: number): number {
    if (space.kind === 'physical') {
      const got = this.memory.copy(address, length, into, at);
      if (got < length) this.#ending = this.memory.ending;
      return got;
    }
    if (space.kind === 'segment') return this.#copySegment(segmentNames.indexOf(space.segment), address, length, into, at);
    return this.#copyLinear(address, length, into, at);
  }

  #copySegment(seg: number, offset: number, length: number, into: Uint8Array<ArrayBuffer>, at: number): number {
    const linear = (this.state.segmentBase(seg) + offset) >>> 0;
    const reach = Math.min(length, segmentReach(this.state, seg, offset, false));
    const got = this.#copyLinear(linear, reach, into, at);
    if (got === reach && got < length) {
      const vector = seg === Seg.ss ? Vector.stackFault : Vector.generalProtection;
      this.#ending = { kind: 'fault', vector, code: 0, address: (linear + got) >>> 0 };
    }
    return got;
  }

  #copyLinear(linear: number, length: number, into: Uint8Array<ArrayBuffer>, at: number): number {
    const tlb = this.#tlb;
    for (let done = 0; done < length;) {
      const address = (linear + done) >>> 0;
      const piece = Math.min(length - done, pageBytes - (address & 0xfff));
      const fast = tlb === undefined ? 0 : tlb.peekAddress(address, this.#user);
      if (fast !== 0) this.memory.copyOut(fast, piece, into, at + done);
      else {
        const physical = this.#translate(address);
        if (physical < 0) return done;
        const got = this.memory.copy(physical, piece, into, at + done);
        if (got < piece) {
          this.#ending = this.memory.ending;
          return done + got;
        }
      }
      done += piece;
    }
    return length;
  }

  /** The guest-physical address, or -1 with `#ending`. */
  #translate(linear: number): number {
    const page = this.#tlb === undefined ? -1 : this.#tlb.peekPage(linear, this.#user);
    if (page >= 0) return page * pageBytes + (linear & 0xfff);
    this.#paging ??= pagingStateOf(this.state);
    const walked = walkSilently(this.#paging, this.memory.readEntry, linear);
    const code = pageFaultOf(this.#paging, walked, this.#user ? PageFault.user : 0);
    if (code !== undefined) {
      this.#ending = { kind: 'fault', vector: Vector.pageFault, code, address: linear };
      return -1;
    }
    if (walked.reason === 'mapped') return walked.physical;
    this.#ending = { kind: 'refused', reason: 'table', physical: walked.physical };
    return -1;
  }
}

function grown(bytes: Uint8Array<ArrayBuffer>, least: number): Uint8Array<ArrayBuffer> {
  const more = new Uint8Array(Math.max(least, 2 * bytes.length));
  more.set(bytes);
  return more;
}
