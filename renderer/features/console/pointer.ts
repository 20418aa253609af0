/** Buttons of MouseEvent.buttons (0 left, 1 right, 2 middle) are the PS/2 mouse's own order. */
const BUTTONS = 0x7;
/** The most a PS/2 packet carries in one go; larger motion is sent in several. */
const MOST_COUNTS = 255;

export interface PointerMessage {
  dx: number;
  dy: number;
  wheel: number;
  buttons: number;
}

/**
 * Gathers what the pointer did until it is sent, once a frame: PS/2 knows relative motion only. `scale` is how many page pixels one
 * guest pixel takes. Fractions of a count are kept for the next time.
 */
export class PointerMotion {
  #dx = 0;
  #dy = 0;
  #wheel = 0;
  #buttons = 0;
  #sent = 0;

  move(movementX: number, movementY: number, buttons: number, scale: number): void {
    this.#dx += movementX / scale;
    // The page counts downwards, the mouse upwards.
    this.#dy -= movementY / scale;
    this.#buttons = buttons & BUTTONS;
  }

  press(buttons: number): void {
    this.#buttons = buttons & BUTTONS;
  }

  /** One step a notch; positive is away from the user. */
  turn(deltaY: number): void {
    this.#wheel -= Math.sign(deltaY);
  }

  /** What is to be sent, in order; nothing is left but fractions. */
  take(): PointerMessage[] {
    const messages: PointerMessage[] = [];
    let [dx, dy] = [Math.trunc(this.#dx), Math.trunc(this.#dy)];
    this.#dx -= dx;
    this.#dy -= dy;
    while (dx !== 0 || dy !== 0 || this.#wheel !== 0 || this.#buttons !== this.#sent) {
      const step = { dx: clamp(dx), dy: clamp(dy), wheel: this.#wheel, buttons: this.#buttons };
      dx -= step.dx;
      dy -= step.dy;
      this.#wheel = 0;
      this.#sent = this.#buttons;
      messages.push(step);
    }
    return messages;
  }
}

const clamp = (value: number): number => Math.max(-MOST_COUNTS, Math.min(MOST_COUNTS, value));
