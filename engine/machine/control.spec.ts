import { expect, it, vi } from 'vitest';
import { BareMachine } from './testing/bare-machine.ts';

it.each([
  ['passed on', ({ control }: BareMachine) => control.passTurn(1, 5)],
  [
    'part of a state that is replaced',
    ({ control }: BareMachine) => {
      control.turn.holder = 1;
      control.noteStateReplaced();
    },
  ],
])('the turn under the virtual clock wakes who waits for it when it is %s', (_, change) => {
  const machine = BareMachine.create({ clock: 'virtual', cpus: 2 });
  const { control } = machine;
  const notify = vi.spyOn(Atomics, 'notify').mockImplementation((words, word) => {
    // Behind the change: who is woken looks at it.
    if (word === control.turnWord) expect(words[word]).toBe(1);
    return 0;
  });
  try {
    change(machine);
    expect(notify.mock.calls.map(([, word]) => word)).toContain(control.turnWord);
  } finally {
    notify.mockRestore();
  }
});
