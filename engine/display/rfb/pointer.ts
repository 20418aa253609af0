/** A viewer's absolute pointer as the motions of a relative mouse. One per viewer. */

/** y grows upwards, as PS/2 has it; buttons bit 0 left, 1 right, 2 middle; wheel steps away from the user are negative, as IntelliMouse has it. */
export interface MouseMotion {
  dx: number;
  dy: number;
  wheel: number;
  buttons: number;
}

const rfbLeft = 1 << 0;
const rfbMiddle = 1 << 1;
const rfbRight = 1 << 2;
const rfbWheelUp = 1 << 3;
const rfbWheelDown = 1 << 4;

export class ViewerPointer {
  private at: { x: number; y: number } | undefined;
  private mask = 0;

  /** A pointer event (RFC 6143, 7.5.5); undefined when nothing is different. */
  event(mask: number, x: number, y: number): MouseMotion | undefined {
    const dx = this.at === undefined ? 0 : x - this.at.x;
    const dy = this.at === undefined ? 0 : this.at.y - y;
    const pressed = mask & ~this.mask;
    const wheel = (pressed & rfbWheelDown ? 1 : 0) - (pressed & rfbWheelUp ? 1 : 0);
    const before = buttonsOf(this.mask);
    const buttons = buttonsOf(mask);
    this.at = { x, y };
    this.mask = mask;
    return dx === 0 && dy === 0 && wheel === 0 && buttons === before ? undefined : { dx, dy, wheel, buttons };
  }

  /** Lets go of the buttons: the viewer has left. */
  release(): MouseMotion | undefined {
    if (buttonsOf(this.mask) === 0) return undefined;
    this.mask = 0;
    return { dx: 0, dy: 0, wheel: 0, buttons: 0 };
  }
}

function buttonsOf(mask: number): number {
  return (mask & rfbLeft ? 1 : 0) | (mask & rfbRight ? 2 : 0) | (mask & rfbMiddle ? 4 : 0);
}
