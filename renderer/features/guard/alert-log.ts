import type { GuardAlertMessage } from '../../../main/contract/guard.ts';

/** Alerts that are kept here; the machine's `guard.log` has all of them. */
const KEPT = 5000;
const PAGE = 4096;

/** The alerts of the present run, in order, and how many of them are not here. */
export class AlertLog {
  /** Oldest first. */
  readonly alerts: GuardAlertMessage[] = [];
  /** Numbers that never came: they were too many at once, or older than what the host keeps. */
  missed = 0;
  /** Came, and had to make room for newer ones. */
  dropped = 0;
  /** How many of those that came were writes to a page, by its number. */
  readonly byPage = new Map<number, number>();
  /** The last attack on each page of the tree, however long ago: no storm of other alerts hides one. */
  readonly attacks = new Map<number, GuardAlertMessage>();
  #next = 0;

  add(batch: readonly GuardAlertMessage[]): void {
    for (const alert of batch) {
      // Numbers begin again when the machine is switched on.
      if (alert.sequence < this.#next) this.clear();
      this.missed += alert.sequence - this.#next;
      this.#next = alert.sequence + 1;
      this.alerts.push(alert);
      if (alert.node !== null) this.attacks.set(alert.node, alert);
      const page = Math.floor(alert.physical / PAGE);
      this.byPage.set(page, (this.byPage.get(page) ?? 0) + 1);
    }
    const tooMany = this.alerts.length - KEPT;
    if (tooMany > 0) {
      this.alerts.splice(0, tooMany);
      this.dropped += tooMany;
    }
  }

  /** A state that counts fewer alerts than came is one of a later run. */
  settle(alerts: number): boolean {
    if (alerts >= this.#next) return false;
    this.clear();
    return true;
  }

  clear(): void {
    this.alerts.length = 0;
    this.missed = this.dropped = this.#next = 0;
    this.byPage.clear();
    this.attacks.clear();
  }

  /** Writes that came for the pages of a range. */
  within(address: number, bytes: number): number {
    const first = Math.floor(address / PAGE);
    const end = Math.ceil((address + bytes) / PAGE);
    let sum = 0;
    for (const [page, count] of this.byPage) if (page >= first && page < end) sum += count;
    return sum;
  }
}
