/** Where the beam is: input status 1 derived from guest time and the CRTC's timing, so that polling loops see what a monitor would. */
import { ClockingMode, Crtc, General, InputStatus1, Miscellaneous, Sequencer } from './registers.ts';
import type { VgaRegisters } from './registers.ts';
import { verticalValue } from './geometry.ts';

/** Dot clocks in Hz by the miscellaneous output's clock select; 2 and 3 are external and taken for the first. */
const dotClocks = [25_175_000, 28_322_000, 25_175_000, 25_175_000] as const;

export interface FrameTiming {
  /** Nanoseconds. */
  line: number;
  frame: number;
}

/** Length of a line and of a frame in guest nanoseconds. */
export function frameTiming(registers: VgaRegisters): FrameTiming {
  const { crtc, sequencer } = registers;
  const clocking = sequencer[Sequencer.clockingMode] ?? 0;
  const dots = (clocking & ClockingMode.eightDots ? 8 : 9) * (clocking & ClockingMode.dotClockHalf ? 2 : 1);
  const clock =
    dotClocks[(((registers.general[General.miscellaneousOutput] ?? 0) >> Miscellaneous.clockSelectShift) & 3) as 0 | 1 | 2 | 3];
  const line = (((crtc[Crtc.horizontalTotal] ?? 0) + 5) * dots * 1e9) / clock;
  const lines = verticalValue(registers, crtc[Crtc.verticalTotal] ?? 0, 0, 5) + 2;
  return { line, frame: line * lines };
}

/** Bits 0 and 3 of input status 1 at guest time `now` (nanoseconds). */
export function beamStatus(registers: VgaRegisters, now: number): number {
  const { crtc } = registers;
  const timing = frameTiming(registers);
  const inFrame = now % timing.frame;
  const line = Math.floor(inFrame / timing.line);
  const column = ((inFrame - line * timing.line) / timing.line) * ((crtc[Crtc.horizontalTotal] ?? 0) + 5);
  const displayed = verticalValue(registers, crtc[Crtc.verticalDisplayEnd] ?? 0, 1, 6) + 1;
  const retraceStart = verticalValue(registers, crtc[Crtc.verticalRetraceStart] ?? 0, 2, 7);
  // The end register holds the low four bits of the line at which the pulse ends.
  const retraceLines = ((crtc[Crtc.verticalRetraceEnd] ?? 0) - retraceStart) & 15 || 16;
  let status = 0;
  if (line >= displayed || column > (crtc[Crtc.horizontalDisplayEnd] ?? 0) + 1) status |= InputStatus1.displayDisabled;
  if (line >= retraceStart && line < retraceStart + retraceLines) {
    status |= InputStatus1.verticalRetrace | InputStatus1.displayDisabled;
  }
  return status;
}
