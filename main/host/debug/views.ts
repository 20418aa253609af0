/** What the debugger shows of a vCPU, as the contract has it: for those who ask, and for reports. */
import { describeMode } from '../../../engine/machine/debug/breakpoint.ts';
import type { StackFrameMessage, TraceEntryMessage } from '../../contract/debug.ts';
import type { Disassemble } from '../assembler.ts';
import { disassembleOne } from './disassembly.ts';
import type { MachineDebug } from './machine-debug.ts';

export async function callStackMessage(of: MachineDebug, cpu: number): Promise<{ frames: StackFrameMessage[]; end: string }> {
  const { frames, end } = await of.callStack(cpu);
  return {
    end,
    frames: frames.map((frame) => ({
      ...frame,
      at: frame.at ?? null,
      errorCode: frame.errorCode ?? null,
      symbol: of.symbolAt(frame.linear),
      source: of.symbols.lineAt(frame.linear) ?? null,
    })),
  };
}

/** The newest entries, oldest first. */
export async function traceMessage(
  of: MachineDebug,
  disassemble: Disassemble,
  { cpu, most }: { cpu: number; most: number },
): Promise<{ entries: TraceEntryMessage[]; recorded: number; recording: 'instructions' | 'transfers' | null }> {
  const { entries, recorded, recording } = await of.machine.debug('readTrace', { cpu, most });
  const texts = await disassembleOne(of, disassemble, cpu, entries);
  return {
    recorded,
    recording: recording ?? null,
    entries: entries.map((entry, index) => ({
      ...entry,
      mode: describeMode(entry.mode),
      text: texts[index] ?? '',
      symbol: of.symbolAt(entry.linear),
    })),
  };
}
