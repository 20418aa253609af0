import { array, defineBlock, scalar } from '../../layout/block.ts';

const size = 512;

export const queueBlock = defineBlock('ps2.queue', 1, {
  bytes: array('u8', size),
  first: scalar('u16'),
  count: scalar('u16'),
});

/** Bytes of a device on their way to the controller, oldest first. */
export class ByteQueue {
  constructor(private readonly state: ReturnType<typeof queueBlock.at>) {}

  get length(): number {
    return this.state.count;
  }

  get space(): number {
    return size - this.state.count;
  }

  clear(): void {
    this.state.first = 0;
    this.state.count = 0;
  }

  /** All of `bytes`, or none: false when they do not fit. */
  push(...bytes: readonly number[]): boolean {
    const { state } = this;
    if (bytes.length > this.space) return false;
    for (const byte of bytes) {
      state.bytes[(state.first + state.count) % size] = byte;
      state.count++;
    }
    return true;
  }

  shift(): number | undefined {
    const { state } = this;
    if (state.count === 0) return undefined;
    const byte = state.bytes[state.first];
    state.first = (state.first + 1) % size;
    state.count--;
    return byte;
  }
}
