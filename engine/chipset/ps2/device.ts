/** A device on one of the two ports of the i8042. */
export interface Ps2Device {
  /** Power-on state; queues empty. */
  reset(): void;
  /** A byte from the host. Answers are queued. */
  receive(byte: number): void;
  /** The next byte for the host, answers before events. */
  take(): number | undefined;
  readonly hasData: boolean;
}

/** Answers of both devices. */
export const enum Answer {
  acknowledge = 0xfa, // ACK
  resend = 0xfe,
  selfTestPassed = 0xaa, // BAT completion
  echo = 0xee,
}
