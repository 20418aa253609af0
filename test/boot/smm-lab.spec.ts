/** The SMM lab: after its storm, in which all processors decode, wait for chips and take SMIs, every injected SMI finds the break that waits for it. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { assemble } from '../../engine/assembler/assembler.ts';
import { withMachine } from './boot-machine.ts';

const SPACE = [0x39, 0xb9];
const rounds = 60 * Number(process.env['VITRINE_SMM'] ?? 1);

function lab(): Uint8Array {
  const read = (name: string) => ({
    path: name,
    bytes: new Uint8Array(readFileSync(new URL(`../../assets/guests/${name}`, import.meta.url))),
  });
  const { errors, bytes } = assemble({ file: 'smm-lab.asm', read });
  if (errors[0] !== undefined) throw new Error(errors[0].message);
  return bytes;
}

it('breaks on each SMI that is injected into the SMM lab', { timeout: 120_000 }, async () => {
  await withMachine(
    { kind: 'kernel', image: lab() },
    32,
    async ({ machine, screen, until }) => {
      await until('the lab', async () => (await screen()).includes('nobody outside of SMM has seen'), 30);
      await until('a storm', async () => (await machine.smm()).statistics.entries > 200, 60);
      await machine.input({ kind: 'scancodes', bytes: SPACE });
      for (let round = 0; round < rounds; round++) {
        const entry = round % 2 === 0;
        await machine.breakOnSmm({ entry, exit: !entry });
        const cpu = (round >> 1) % 5;
        await machine.injectSmi(cpu === 4 ? 'all' : cpu);
        for (let look = 0; look < 10_000 && machine.state !== 'paused'; look++) await delay(1);
        expect(machine.state, `round ${round}, vCPU ${cpu}`).toBe('paused');
        await machine.breakOnSmm({ entry: false, exit: false });
        await machine.resume();
      }
    },
    { cpus: 4 },
  );
});
