import { it } from 'vitest';
import { EpochGate } from './epoch-gate.ts';
import { BareMachine } from './testing/bare-machine.ts';

it('who takes over stands nowhere any more that the other named', async () => {
  const { memory, control } = BareMachine.create({ clock: 'virtual' });
  const gate = new EpochGate(
    { memory, control, isRunning: () => true, isQuiet: () => true, interruptPending: () => false, apply: () => undefined, began: () => undefined },
    false,
  );
  const stands = gate.standAt(5, 60_000);
  gate.lead();
  await stands;
});
