/** What the speed comparison uses of the engine; bundled by build.mjs, since Node runs no TypeScript. */
export { assemble } from '../../engine/assembler/assembler.ts';
export { createMachine } from '../../engine/machine/virtual-machine.ts';
/** What the figures of the guard are measured on. */
export { Action } from '../../engine/guard/format.ts';
export { Guard } from '../../engine/guard/guard.ts';
export { BareMachine } from '../../engine/machine/testing/bare-machine.ts';
/** What the figures of display sessions are measured on. */
export { DisplaySessions } from '../../main/host/display-sessions.ts';
