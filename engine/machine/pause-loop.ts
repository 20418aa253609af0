/**
 * PAUSE says that a program spins. With more vCPUs than host cores, whoever it waits for may need the very core it spins on; so after a
 * while the vCPU sleeps a little. Under the virtual clock PAUSE ends the vCPU's turn. One instance per vCPU, on its thread.
 */

/** A loop around PAUSE is not longer than this many instructions. */
const longestLoop = 64;
/** Spins before the first sleep: some 20 microseconds, what a short critical section takes. */
const patience = 1000;
/** How long a sleep is, in milliseconds. */
export const pauseSleep = 0.1;

export class PauseLoop {
  #last = 0;
  #spins = 0;
  /** The vCPU is to give way at its next boundary. */
  due = false;

  /** PAUSE is executed, as the instruction behind `retired` others. `atOnce`: give way now. True when the vCPU should. */
  spin(retired: number, atOnce: boolean): boolean {
    this.#spins = retired - this.#last <= longestLoop ? this.#spins + 1 : 0;
    this.#last = retired;
    this.due = atOnce || this.#spins >= patience;
    return this.due;
  }

  /** The vCPU gives way. Spinning goes on behind it with less patience: the wait is a long one. */
  giveWay(): void {
    this.due = false;
    this.#spins = patience - patience / 10;
  }
}
