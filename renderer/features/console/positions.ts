import { POSITIONS } from '../../../main/contract/display.ts';
import type { MachineInputMessage } from '../../../main/contract/machine.ts';

/** Fingers that a machine can tell apart. */
const MOST_CONTACTS = 10;

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A place on the page as one on the picture: 0 to 65,535 from its left and upper edge. What lies beside it counts as its edge. */
export function positionIn(box: Box, clientX: number, clientY: number): { x: number; y: number } {
  const across = (at: number, start: number, extent: number): number =>
    extent > 0 ? Math.round(Math.max(0, Math.min(1, (at - start) / extent)) * POSITIONS) : 0;
  return { x: across(clientX, box.left, box.width), y: across(clientY, box.top, box.height) };
}

/** Gathers where the pointer went until that is sent, once a frame; what its buttons did is kept in order. */
export class PointerPositions {
  #waiting: Extract<MachineInputMessage, { kind: 'pointer' }>[] = [];
  #buttons = 0;
  #last = { x: 0, y: 0 };

  constructor(private readonly output: () => number) {}

  point(place: { x: number; y: number }, buttons: number): void {
    const last = this.#waiting.at(-1);
    this.#last = place;
    this.#buttons = buttons & 7;
    if (last?.buttons === this.#buttons && last.wheel === 0) Object.assign(last, place);
    else this.#waiting.push({ kind: 'pointer', output: this.output(), ...place, buttons: this.#buttons, wheel: 0 });
  }

  /** One step a notch; positive is away from the user. */
  turn(deltaY: number): void {
    this.#waiting.push({ kind: 'pointer', output: this.output(), ...this.#last, buttons: this.#buttons, wheel: -Math.sign(deltaY) });
  }

  take(): MachineInputMessage[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }
}

/** Numbers fingers from 0: each keeps the lowest number that was free when it came down. */
export class Contacts {
  readonly #numbers = new Map<number, number>();

  /** Undefined: more fingers than there are numbers, or one that is not down. */
  number(pointer: number, phase: 'down' | 'move' | 'up' | 'cancel'): number | undefined {
    if (phase === 'down') {
      const taken = new Set(this.#numbers.values());
      const free = Array.from({ length: MOST_CONTACTS }, (_, number) => number).find((number) => !taken.has(number));
      if (free !== undefined) this.#numbers.set(pointer, free);
      return free;
    }
    const number = this.#numbers.get(pointer);
    if (phase !== 'move') this.#numbers.delete(pointer);
    return number;
  }
}
