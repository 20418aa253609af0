/** A machine for boot tests: runs until something is seen, and keeps what the guest wrote. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createMachine } from '../../engine/machine/virtual-machine.ts';
import type { BootSource, Machine, MachineConfiguration } from '../../engine/machine/machine.ts';

const workerDirectory = new URL('../../out/engine/', import.meta.url);
const pollMilliseconds = 100;

export function present(...files: string[]): boolean {
  return files.every((file) => existsSync(file));
}

export function bytesOf(file: string): Uint8Array {
  return new Uint8Array(readFileSync(file));
}

export interface BootedMachine {
  readonly machine: Machine;
  serial(): string;
  debugConsole(): string;
  screen(): Promise<string>;
  /** Waits until `condition` holds; throws with everything the guest showed when the machine dies or the time is up. */
  until(what: string, condition: () => boolean | Promise<boolean>, seconds: number): Promise<void>;
}

/** Starts a machine with the wall clock and calls `body`; gives the machine back whatever happens. */
export async function withMachine(
  boot: BootSource,
  memoryMebibytes: number,
  body: (machine: BootedMachine) => Promise<void>,
  more: Partial<Pick<MachineConfiguration, 'drives' | 'bootOrder' | 'cpus' | 'clock' | 'startTime' | 'guard' | 'saveState' | 'guestSmm' | 'virtioGpu' | 'virtioInput'>> = {},
  start: { paused?: boolean; restore?: string | undefined } = {},
): Promise<void> {
  const machine = await createMachine(
    { name: 'boot test', cpus: 1, memoryBytes: memoryMebibytes << 20, clock: 'wall', boot, ...more },
    { workerDirectory },
  );
  let serial = '';
  let debugConsole = '';
  let death: string | undefined;
  machine.on((event) => {
    if (event.kind === 'serial') serial += Buffer.from(event.bytes).toString('latin1');
    else if (event.kind === 'debugConsole') debugConsole += Buffer.from(event.bytes).toString('latin1');
    else if (event.kind === 'tripleFault') death = `Triple fault: ${JSON.stringify(event.chain)}`;
    else if (event.kind === 'state' && event.state === 'crashed') death = event.reason;
  });
  const screen = async () => (await machine.screenText())?.join('\n') ?? '';
  const booted: BootedMachine = {
    machine,
    serial: () => serial,
    debugConsole: () => debugConsole,
    screen,
    async until(what, condition, seconds) {
      const end = Date.now() + seconds * 1000;
      while (!(await condition())) {
        if (death === undefined && Date.now() < end) await delay(pollMilliseconds);
        else {
          const reason = death ?? `${seconds} s were not enough`;
          throw new Error(
            `Waited for ${what}: ${reason}\nScreen:\n${await screen()}\nSerial:\n${serial}\nDebug console:\n${debugConsole}`,
          );
        }
      }
    },
  };
  try {
    await machine.start(start);
    await body(booted);
  } finally {
    await machine.dispose();
  }
}
