import { onScopeDispose, ref, type Ref } from 'vue';
import type { DisplaySize, MachineEventMessage } from '../../../main/contract/machine.ts';
import { useHost } from '../../host/client.ts';
import { errorCode, sentence } from '../../host/failure.ts';

export interface MachineEvents {
  display: Ref<DisplaySize | null>;
  /** What happened last that a person should know: a triple fault with its chain, a reset, a debug exit, a write to guarded memory. */
  incident: Ref<string>;
  /** Why nothing more comes; empty while the stream lives. */
  ended: Ref<string>;
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');

/** The sentence of an event that is an incident; undefined for the others. */
export function incidentOf(event: MachineEventMessage): string | undefined {
  if (event.kind === 'reset') return `Reset: ${event.reason}`;
  if (event.kind === 'debugExit') return `The guest wrote ${event.value} to the debug-exit port.`;
  if (event.kind === 'guard') return event.sentence;
  if (event.kind !== 'tripleFault') return undefined;
  const chain = event.chain
    .map(({ vector, code, eip }) => `vector ${vector} (code ${code.toString(16)}) at ${hex(eip)}`)
    .join(', then ');
  return `Triple fault: ${chain || 'no exception was recorded'}.`;
}

/** Follows one machine, with the serial port's history first. `serial` takes the bytes in order. */
export function useMachineEvents(id: string, serial: (bytes: Uint8Array, lost: number) => void): MachineEvents {
  const host = useHost();
  const display = ref<DisplaySize | null>(null);
  const incident = ref('');
  const ended = ref('');
  const stop = new AbortController();

  async function follow(): Promise<void> {
    const stream = await host.machines.events({ id, history: true }, { signal: stop.signal });
    for await (const event of stream) {
      if (event.kind === 'serial') serial(event.bytes, event.lost);
      else if (event.kind === 'display') display.value = event.display;
      else if (event.kind === 'state' && event.state === 'running') ended.value = '';
      incident.value = incidentOf(event) ?? (event.kind === 'state' && event.state === 'off' ? '' : incident.value);
    }
    ended.value = 'This machine was deleted.';
  }

  follow().catch((error: unknown) => {
    if (!stop.signal.aborted)
      ended.value = errorCode(error) === 'NOT_FOUND' ? 'This machine is not in the library any more.' : sentence(error);
  });
  onScopeDispose(() => stop.abort());
  return { display, incident, ended };
}
