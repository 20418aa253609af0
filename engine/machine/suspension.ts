/** Keeping a machine's state in a file, and going on where one was left. Service worker. */
import { placeDrives } from './drives.ts';
import { MachineError, type SavedState } from './machine.ts';
import { checkState } from './restore.ts';
import type { Following, SavedHeader } from './saved-state.ts';
import { settle, tellProgress, type ServedMachine } from './served-machine.ts';
import { saveMachine } from './suspend.ts';

export class Suspension {
  #cancelled = false;

  constructor(private readonly machine: ServedMachine) {}

  /** See Machine.suspend. */
  async suspend(path: string): Promise<SavedState> {
    const { life, input, debug, smm, memory, configuration, bus } = this.machine;
    life.require(['running', 'paused'], 'suspended');
    const faulted = debug.heldTripleFault;
    if (faulted !== undefined) {
      throw new MachineError(
        'wrong-state',
        `vCPU ${faulted} of the machine ${configuration.name} stands at a triple fault, which a kept state could not hold; let it go on or switch it off first.`,
      );
    }
    const wasRunning = life.state === 'running';
    if (wasRunning) life.pauseNow('Being suspended.');
    life.busy = 'suspended';
    this.#cancelled = false;
    input.hold();
    try {
      // A state that is durable must not be ahead of its disks.
      await settle(this.machine, { flush: true });
      this.#check();
      smm.keepPending();
      let bytes: number;
      try {
        bytes = await saveMachine(
          {
            memory,
            configuration,
            romUsed: bus.memory.romUsed,
            ...input.waiting,
            ranFor: life.ranFor,
            drives: this.#drives(),
          },
          path,
          this.#follow('suspend'),
        );
      } finally {
        smm.restorePending();
      }
      life.busy = undefined;
      input.feed();
      return { bytes };
    } catch (error) {
      life.busy = undefined;
      input.feed();
      // Nothing of it changed the machine. If it is off or crashed by now, that was its own doing.
      if (wasRunning && this.machine.life.state === 'paused') life.go('Goes on: it was not suspended.');
      throw error;
    }
  }

  cancel(): void {
    if (this.machine.life.busy === 'suspended') this.#cancelled = true;
  }

  /** Ends a suspend or resume that was cancelled, or whose machine changed its state by itself. */
  #check(): void {
    if (this.#cancelled) throw new MachineError('cancelled', 'The suspend was cancelled; the machine is as it was.');
    this.machine.life.requireUnchanged();
  }

  #follow(activity: 'suspend' | 'resume'): Following {
    return { check: () => this.#check(), progress: tellProgress(this.machine, activity) };
  }

  /** The images in drives, as a saved state names them. */
  #drives(): SavedHeader['drives'] {
    const { configuration, bus } = this.machine;
    return [...placeDrives(configuration.drives)].map(([position, { kind }]) => ({
      position,
      kind,
      bytes: bus.disks.entries.get(position)?.bytes ?? 0,
    }));
  }

  /** Goes on where a saved state was left. The machine stays off, and can be started, when this throws. */
  async restore(path: string, options: { paused: boolean }): Promise<void> {
    const { life, input, smm, memory, configuration, bus, chips, control, clock, guard, reset } = this.machine;
    life.require(['off'], 'resumed');
    life.busy = 'resumed';
    this.#cancelled = false;
    try {
      const following = this.#follow('resume');
      const state = await checkState(path, memory, configuration, this.#drives(), following);
      try {
        life.clear();
        reset.toResetState(true);
        await state.apply(following);
        guard.stateReplaced();
      } finally {
        await state.close();
      }
      const { header } = state;
      bus.lock.with(() => {
        bus.stateReplaced();
        // A wall clock's guest finds the calendar right; all other time goes on where it stopped.
        if (clock.mode === 'wall') chips.passTime(Math.max(0, Math.floor((Date.now() - header.savedAt) / 1000)));
      });
      // Nobody can tell any more which pages were written since which epoch: all of them were.
      memory.pageEpoch.fill(control.currentEpoch());
      control.noteStateReplaced();
      smm.restorePending();
      smm.rederive();
      reset.offerInterrupts();
      life.ranFor = header.ranFor;
      input.replace(state);
      life.busy = undefined;
      life.comeBack(options.paused, state.bootChanged ? 'Resumed. What it starts from has changed; that counts from the next reset on.' : 'Resumed.');
      input.feed();
    } finally {
      life.busy = undefined;
    }
  }
}
