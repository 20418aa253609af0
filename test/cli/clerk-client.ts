/** A client of the bank clerk behind a pair: numbered requests, of which each answer comes once, in order, and right, by a second clerk in TypeScript. */
import { expect } from 'vitest';
import { ClerkOracle } from '../../engine/tolerance/testing/clerk.ts';
import type { PairStatus } from '../../main/host/pair/pairs.ts';
import { LineClient } from './pair-line.ts';

export class ClerkClient {
  readonly oracle = new ClerkOracle();

  private constructor(
    private readonly client: LineClient,
    /** Requests that are on their way at the same time. */
    private readonly window: number,
  ) {}

  static async open(status: PairStatus, window = 4): Promise<ClerkClient> {
    const client = new ClerkClient(await LineClient.open(status), window);
    await client.line('clerk 0');
    return client;
  }

  /** The next line has to be this one. */
  async line(expected: string): Promise<void> {
    expect(await this.client.line(`"${expected}"`)).toBe(expected);
  }

  /** `count` requests, some on their way at a time; `midway` happens in the middle of them, or after that part. */
  async requests(count: number, midway: () => Promise<unknown> = () => Promise.resolve(), part = 0.5): Promise<void> {
    const waiting: string[] = [];
    let happening: Promise<unknown> = Promise.resolve();
    for (let number = 0; number < count; number++) {
      if (number === Math.floor(count * part)) happening = midway();
      const { request, answer } = this.oracle.next((number * 7) % 100, number * 1001 + 1);
      this.client.say(request);
      waiting.push(answer);
      if (waiting.length >= this.window) await this.line((waiting.shift() ?? '').trimEnd());
    }
    for (const answer of waiting) await this.line(answer.trimEnd());
    await happening;
  }

  close(): void {
    this.client.close();
  }
}
