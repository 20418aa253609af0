import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EpochPlan, type EpochDecision } from './epochs.ts';

/** A leader, a follower that hears late, and what each applied where. */
class Two {
  readonly leader = new EpochPlan<string>(true);
  readonly follower = new EpochPlan<string>(false);
  readonly led: string[] = [];
  readonly followed: string[] = [];
  #sent: EpochDecision[] = [];
  #inputs: string[] = [];
  #told = 0;

  say(): void {
    const input = `input ${this.#inputs.length}`;
    this.leader.offer(this.#inputs.length, input);
    this.#inputs.push(input);
  }

  /** The follower gets the next input. */
  hear(): void {
    const input = this.#inputs[this.#told];
    if (input !== undefined) this.follower.offer(this.#told++, input);
  }

  lead(): void {
    const begun = this.leader.begin(false, 'print');
    if (begun === undefined) return;
    this.#sent.push(begun.decision);
    this.led.push(...begun.inputs.map((input) => `${begun.decision.epoch}: ${input}`));
  }

  deliver(): void {
    const decision = this.#sent.shift();
    if (decision !== undefined) this.follower.decided(decision);
  }

  follow(): boolean {
    const begun = this.follower.begin(false, 'print');
    if (begun === undefined) return false;
    this.followed.push(...begun.inputs.map((input) => `${begun.decision.epoch}: ${input}`));
    this.leader.followedTo(begun.decision.epoch);
    return true;
  }
}

const steps = fc.array(fc.constantFrom('say', 'hear', 'lead', 'deliver', 'follow'), { maxLength: 400 });

describe('epochs of a pair', () => {
  it('have every input at the same end of an epoch on both sides, whatever is late', () => {
    fc.assert(
      fc.property(steps, (order) => {
        const two = new Two();
        two.leader.followedTo(0);
        for (const step of order as ('say' | 'hear' | 'lead' | 'deliver' | 'follow')[]) two[step]();
        expect(two.led.slice(0, two.followed.length)).toEqual(two.followed);
        expect(two.leader.state.next - two.follower.state.next).toBeLessThanOrEqual(17);
        // The follower comes to where the leader is once it has heard everything.
        for (let rest = 0; rest < 400; rest++) {
          two.hear();
          two.deliver();
          two.follow();
        }
        expect(two.followed).toEqual(two.led);
        expect(two.follower.state).toMatchObject({ next: two.leader.state.next, applied: two.leader.state.applied });
      }),
    );
  });

  it('lose no input and apply none twice when the follower goes on alone anywhere', () => {
    fc.assert(
      fc.property(steps, fc.nat(40), (order, more) => {
        const two = new Two();
        for (const step of order as ('say' | 'hear' | 'lead' | 'deliver' | 'follow')[]) two[step]();
        two.follower.lead();
        for (let rest = 0; rest < 400 + more; rest++) {
          two.hear();
          two.follow();
        }
        const numbers = two.followed.map((text) => Number(/input (\d+)/.exec(text)?.[1]));
        expect(numbers).toEqual(numbers.map((_, index) => index));
        expect(numbers.length).toBe(order.filter((step) => step === 'say').length);
      }),
    );
  });

  it('do not begin before the decision and all of its inputs are there', () => {
    const follower = new EpochPlan<string>(false);
    expect(follower.begin(false, '')).toBeUndefined();
    follower.decided({ epoch: 1, until: 2, print: 'a' });
    follower.offer(0, 'first');
    expect(follower.begin(false, 'a')).toBeUndefined();
    follower.offer(1, 'second');
    follower.offer(1, 'again');
    follower.offer(2, 'later');
    expect(follower.begin(false, 'b')).toMatchObject({ inputs: ['first', 'second'], differs: true });
    expect(follower.state).toEqual({ next: 2, applied: 2, offered: ['later'] });
  });

  it('stand still while the guest is idle and nobody says anything', () => {
    const leader = new EpochPlan<string>(true);
    expect(leader.begin(true, '')).toBeUndefined();
    leader.offer(0, 'something');
    expect(leader.begin(true, '')).toMatchObject({ inputs: ['something'] });
  });

  it('of another state follow that one', () => {
    const follower = new EpochPlan<string>(false);
    follower.offer(0, 'void');
    follower.decided({ epoch: 6, until: 1, print: '' });
    // The state is taken at the end of epoch 7, and is longer on its way than what is decided next.
    follower.decided({ epoch: 7, until: 41, print: '' });
    follower.replace({ next: 7, applied: 40, offered: ['fortieth'] });
    expect(follower.begin(false, '')).toMatchObject({ inputs: ['fortieth'] });
    expect(follower.begin(false, '')).toBeUndefined();
  });
});
