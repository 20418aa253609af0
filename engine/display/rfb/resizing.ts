import { ResizeStatus } from './protocol.ts';

/** A screen of a SetDesktopSize message (community's registry, "ExtendedDesktopSize"). */
export interface RequestedScreen {
  id: number;
  x: number;
  y: number;
  width: number;
  height: number;
  flags: number;
}

export interface ResizeRequest {
  width: number;
  height: number;
  screens: RequestedScreen[];
}

/** Reads the message, all of which is in `view`. */
export function readResizeRequest(view: DataView): ResizeRequest {
  const screens = Array.from({ length: view.getUint8(6) }, (_, index) => {
    const at = 8 + 16 * index;
    return {
      id: view.getUint32(at),
      x: view.getUint16(at + 4),
      y: view.getUint16(at + 6),
      width: view.getUint16(at + 8),
      height: view.getUint16(at + 10),
      flags: view.getUint32(at + 12),
    };
  });
  return { width: view.getUint16(2), height: view.getUint16(4), screens };
}

/** One screen that is all of the picture: what one output can be. */
export function isWhole({ width, height, screens }: ResizeRequest): boolean {
  const [screen, second] = screens;
  return second === undefined && screen !== undefined && screen.x === 0 && screen.y === 0 && screen.width === width && screen.height === height;
}

/** What a viewer is to be told of its last request for another size. One answer is enough for requests that came together. */
export class ViewerResizing {
  private refusal: ResizeStatus | undefined;
  private expected: { width: number; height: number } | undefined;

  /** The guest is on its way to that size: the viewer hears of it when the picture has it. */
  expect(width: number, height: number): void {
    this.expected = { width, height };
    this.refusal = undefined;
  }

  refuse(status: ResizeStatus): void {
    this.expected = undefined;
    this.refusal = status;
  }

  /** The picture has this size now: what to say, once; undefined while there is nothing to say. */
  answer(width: number, height: number): ResizeStatus | undefined {
    if (this.refusal !== undefined) {
      const { refusal } = this;
      this.refusal = undefined;
      return refusal;
    }
    if (this.expected?.width !== width || this.expected.height !== height) return undefined;
    this.expected = undefined;
    return ResizeStatus.done;
  }

  /** Whether the viewer still waits for this size. */
  waitsFor(width: number, height: number): boolean {
    return this.expected?.width === width && this.expected.height === height;
  }
}
