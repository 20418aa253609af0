/**
 * When the service worker hears that a vCPU's chips have said something. A guest writes byte by byte, and a message to another thread costs more than all that
 * the guest does for a byte; so the first byte after everything was taken begins a short slice, and what is said in it is told of together.
 *
 * Only the thread of the vCPU uses this. It owes the service worker a word until `tell`, which therefore comes before the thread waits for anything.
 */
export class OutputNotice {
  #owed: 'nothing' | 'begun' | 'gathered' = 'nothing';

  /** `begin` ends the slice that runs. `wake` tells the service worker. */
  constructor(
    private readonly begin: () => void,
    private readonly wake: () => void,
  ) {}

  /** A chip has put the first byte into a stream that was empty. */
  said(): void {
    if (this.#owed !== 'nothing') return;
    this.#owed = 'begun';
    this.begin();
  }

  /** A slice is about to run. True: it gathers, so it is to be short. */
  gathers(): boolean {
    if (this.#owed !== 'begun') return false;
    this.#owed = 'gathered';
    return true;
  }

  /** A slice has run. */
  ran(): void {
    if (this.#owed === 'gathered') this.tell();
  }

  /** Whatever is owed is told. */
  tell(): void {
    if (this.#owed === 'nothing') return;
    this.#owed = 'nothing';
    this.wake();
  }
}
