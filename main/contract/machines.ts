import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { clientId, outputNumber } from './display.ts';
import { procedure } from './errors.ts';
import { machineEvent, machineId, machineInput, machineStatistics, machineSummary, screenshot } from './machine.ts';

const one = z.object({ id: machineId });

/** Running machines: control, input, and what they show. */
export const machines = {
  /** Powers on; `paused`: stops before the first instruction. Assembly is assembled first; its errors are BAD_INPUT. A suspended one: WRONG_STATE. */
  start: procedure.input(z.object({ id: machineId, paused: z.boolean().optional() })).output(machineSummary),
  pause: procedure.input(one).output(machineSummary),
  /** From paused or from suspended. A state that does not fit the machine is BAD_STATE, and stays until it is discarded. */
  resume: procedure.input(one).output(machineSummary),
  /** Keeps the whole state in a file and ends the machine. Shows in `tasks`; cancelled there: CANCELLED, and the machine goes on. */
  suspend: procedure.input(one).output(machineSummary),
  /** Removes the state of a suspended machine, which is off then. */
  discard: procedure.input(one).output(machineSummary),
  reset: procedure.input(one).output(machineSummary),
  /** Pulls the plug. */
  powerOff: procedure.input(one).output(machineSummary),
  /** ACPI power button; the guest decides. */
  powerButton: procedure.input(one).output(machineSummary),
  /**
   * Types, points and touches. While a display session is live that is its client's alone, which `client` names: CONFLICT for all others. The serial port
   * and the command line are nobody's display.
   */
  input: procedure.input(z.object({ id: machineId, input: machineInput, client: clientId.optional() })).output(z.void()),
  /** Types text on the guest's keyboard (US layout, newline is Enter). Returns how many characters were typed; one without a key is BAD_INPUT. */
  typeText: procedure
    .input(z.object({ id: machineId, text: z.string().min(1).max(65536), client: clientId.optional() }))
    .output(z.object({ typed: z.int() })),
  screenshot: procedure.input(one).output(screenshot),
  /** The rows of a text mode, trailing spaces kept; null in a graphics mode. */
  screenText: procedure.input(one).output(z.array(z.string()).nullable()),
  statistics: procedure.input(one).output(machineStatistics),
  /**
   * The present state and display, then what happens. With `history`, what COM1 and port 0xE9 said before comes first, with no
   * byte missing or doubled between the history and what follows. Stays open over power-off and start; ends when the machine is deleted.
   */
  events: procedure
    .input(z.object({ id: machineId, history: z.boolean().optional() }))
    .output(eventIterator(machineEvent)),
  /**
   * Where the picture of an output (0 without one) is: a WebSocket URL that speaks RFB; relative in a browser (resolve it against the page's own address, with
   * ws or wss). Holds while the machine is on. It contains a secret: not to be logged or shown.
   */
  display: procedure.input(z.object({ id: machineId, output: outputNumber.optional() })).output(z.object({ url: z.string() })),
};
