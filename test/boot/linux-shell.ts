/** The shell of Debian's Linux on the serial port. */
import type { BootedMachine } from './boot-machine.ts';

/** Seconds; a quiet host needs some ten, a busy one has needed three hundred. */
export const patience = 600;
export const prompt = '/ # ';

/** What the shell says to a command. */
export async function ask({ machine, serial, until }: BootedMachine, command: string): Promise<string> {
  const from = serial().length;
  await machine.input({ kind: 'serial', bytes: Buffer.from(`${command}\n`) });
  const answer = (): string => serial().slice(from).split('\r\n').slice(1).join('\n');
  await until(`the answer to ${command}`, () => answer().includes(prompt), patience);
  return answer().slice(0, answer().lastIndexOf(prompt));
}
