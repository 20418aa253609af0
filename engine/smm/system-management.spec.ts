import { describe, expect, it, vi } from 'vitest';
import { Attention } from '../isa/state.ts';
import { requestStop, StopReason } from '../machine/stop.ts';
import { run } from '../machine/atomic-step.ts';
import { BareMachine } from '../machine/testing/bare-machine.ts';
import { SystemManagement } from './system-management.ts';

function build() {
  const machine = BareMachine.create({ cpus: 2 });
  const { memory, control } = machine;
  const smm = new SystemManagement(memory, control, () => undefined);
  const attention = (cpu: number) => Atomics.load(control.words, control.attentionWord(cpu));
  return { control, smm, attention };
}

describe('an SMI', () => {
  it('is sent once, also where the vCPU takes it before its sender is done', () => {
    const { control, smm, attention } = build();
    const { note } = smm.observation;
    let taken = 0;
    smm.observation.note = (...given) => {
      taken |= Atomics.and(control.words, control.attentionWord(1), ~Attention.smi);
      return note.apply(smm.observation, given);
    };
    smm.send(1, 'ipi');
    expect([taken & Attention.smi, attention(1) & Attention.smi]).toEqual([Attention.smi, 0]);
  });
});

describe('a vCPU that is held for those in SMM', () => {
  it('looks anew when somebody knocks, also if it is only about to sleep', () => {
    const { control, smm } = build();
    const word = control.stopWords.stop(1);
    run(control.words, requestStop(control.stopWords, 1, StopReason.smm));
    expect(smm.holds(1)).toBe(true);
    const seen = Atomics.load(control.words, word);
    const notify = vi.spyOn(Atomics, 'notify');
    try {
      smm.knock(1);
      expect(notify.mock.calls.map(([, index]) => index)).toContain(word);
    } finally {
      notify.mockRestore();
    }
    expect(Atomics.load(control.words, word)).toBe(seen | StopReason.knock);
  });
});
