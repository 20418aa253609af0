import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

/** What the project's own configuration says of a text, as if it stood in that file. */
async function rulesBrokenBy(text: string, filePath: string): Promise<string[]> {
  const eslint = new ESLint({ cwd: process.cwd() });
  const results = await eslint.lintText(text, { filePath });
  return results.flatMap((result) => result.messages.map((message) => message.ruleId ?? message.message));
}

const DIRECTION = 'layers/direction';

describe('the direction of knowledge', () => {
  it.each([
    ['engine/wasm/x.ts', '../isa/instruction.ts'],
    ['engine/isa/x.ts', '../execute/record.ts'],
    ['engine/execute/x.ts', '../cpu/platform.ts'],
    ['engine/cpu/x.ts', '../machine/machine.ts'],
    ['engine/machine/x.ts', '../chipset/pit/pit.ts'],
    ['engine/chipset/pit/x.ts', '../../machine/machine.ts'],
    ['engine/machine/x.ts', '../debug/breakpoints.ts'],
    ['main/server/x.ts', '../app/windows.ts'],
    ['main/cli/x.ts', '../../engine/machine/machine.ts'],
    ['main/contract/x.ts', '../host/host.ts'],
    ['renderer/features/library/x.ts', '../../../main/host/host.ts'],
    ['renderer/features/library/x.ts', '../../../engine/isa/instruction.ts'],
  ])('refuses %s importing %s', async (file, target) => {
    expect(await rulesBrokenBy(`export { y } from '${target}';\n`, file)).toContain(DIRECTION);
    expect(await rulesBrokenBy(`import type { Y } from '${target}';\nexport type X = Y;\n`, file)).toContain(DIRECTION);
    expect(await rulesBrokenBy(`export const later = (): unknown => import('${target}');\n`, file)).toContain(DIRECTION);
  });

  it.each([
    ['engine/isa/x.ts', '../wasm/module.ts'],
    ['engine/machine/chips.ts', '../chipset/pit/pit.ts'],
    ['engine/chipset/pit/x.ts', '../../machine/bus.ts'],
    ['main/host/x.ts', '../../engine/machine/machine.ts'],
    ['renderer/features/library/x.ts', '../../../main/contract/contract.ts'],
    ['renderer/features/editor/assemble.worker.ts', '../../../engine/assembler/assembler.ts'],
    ['engine/isa/x.spec.ts', '../execute/record.ts'],
  ])('lets %s import %s', async (file, target) => {
    expect(await rulesBrokenBy(`export { y } from '${target}';\n`, file)).not.toContain(DIRECTION);
  });

  it.each([
    ['engine/machine/x.ts', 'electron'],
    ['main/host/x.ts', 'electron'],
    ['main/server/x.ts', 'vue'],
    ['renderer/x.ts', 'node:fs'],
  ])('keeps %s from the package %s', async (file, name) => {
    expect(await rulesBrokenBy(`export { y } from '${name}';\n`, file)).toContain(DIRECTION);
  });
});

describe('types', () => {
  it('refuses any', async () => {
    expect(await rulesBrokenBy('export const x: any = 1;\n', 'engine/isa/x.ts')).toContain('@typescript-eslint/no-explicit-any');
  });

  it('wants types imported as types', async () => {
    const text = "import { Y } from './y.ts';\nexport const x = (y: Y): Y => y;\n";
    expect(await rulesBrokenBy(text, 'engine/isa/x.ts')).toContain('@typescript-eslint/consistent-type-imports');
  });
});
