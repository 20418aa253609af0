/** What the speed comparison uses of the engine; bundled by build.mjs, since Node runs no TypeScript. */
export { assemble } from '../../engine/assembler/assembler.ts';
export { createMachine } from '../../engine/machine/virtual-machine.ts';
