/** When comparing is not worth it any more: divergence that comes again and again. Milliseconds, by whatever clock the caller has. */
export class StormWatch {
  #resyncs: number[] = [];

  constructor(
    private readonly limit: number,
    private readonly window: number,
  ) {}

  /** A resync for divergence at `now`. True: that was one too many within the window. */
  note(now: number): boolean {
    this.#resyncs = [...this.#resyncs, now].filter((at) => now - at < this.window);
    return this.#resyncs.length > this.limit;
  }

  clear(): void {
    this.#resyncs = [];
  }
}
