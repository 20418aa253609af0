/** Read windows on real machines: guests that remap their pages while tools read, and guests that must not notice. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ClockMode, Machine } from '../../engine/machine/machine.ts';
import { askPeek } from '../../engine/peek/client.ts';
import { linearSpace, physicalSpace, type Operation, type Outcome } from '../../engine/peek/operation.ts';
import type { Node } from '../../engine/peek/structures/node.ts';
import { profileOf } from '../../engine/peek/structures/profiles/profiles.ts';
import { parseTypes } from '../../engine/peek/structures/text.ts';
import { withMachine, type BootedMachine } from './boot-machine.ts';
import { ownBios } from './own-firmware.ts';
import { kernel } from './smp-kernel.ts';

const window = 0x10000000;
const pageBytes = 4096;
const begun = 0x301100;

const read = (machine: Machine, cpu: number, operation: Operation): Promise<Outcome> =>
  askPeek(machine, 'read', { cpu, operation });

async function wordAt(machine: Machine, address: number): Promise<number> {
  const { bytes } = await read(machine, 0, { kind: 'read', space: physicalSpace, address, length: 4 });
  return Buffer.from(bytes).readUInt32LE();
}

/** Checks a read of the window: all of one page, or none of it. Returns the number of the page, or undefined. */
function pageOf(outcome: Outcome, offset: number, length: number): number | undefined {
  const inPage = Math.min(length, pageBytes - offset);
  if (outcome.bytes.length === 0) {
    expect(outcome.ending).toEqual({ kind: 'fault', vector: 14, code: 0, address: window + offset });
    return undefined;
  }
  expect(outcome.bytes.length).toBe(inPage);
  if (inPage < length) expect(outcome.ending).toEqual({ kind: 'fault', vector: 14, code: 0, address: window + pageBytes });
  else expect(outcome.ending).toBeUndefined();
  const first = outcome.bytes[0]!;
  expect(outcome.bytes.every((byte) => byte === first)).toBe(true);
  expect(first).toBeGreaterThanOrEqual(1);
  expect(first).toBeLessThanOrEqual(7);
  return first;
}

function remapping(rounds: number, clock: ClockMode, body: (guest: BootedMachine) => Promise<void>): Promise<void> {
  return withMachine({ kind: 'kernel', image: kernel('remap', 2, `ROUNDS equ ${rounds}`) }, 32, body, {
    cpus: 2,
    clock,
    startTime: 0,
  });
}

describe('reads of a guest that remaps its pages', { timeout: 120_000 }, () => {
  it('never mix pages, never invent bytes, and leave its faults alone', async () => {
    const rounds = 10_000;
    await remapping(rounds, 'wall', async ({ machine, until, debugConsole }) => {
      await until('the guest to begin', async () => (await wordAt(machine, begun)) === 1, 60);
      const seen = new Set<number | undefined>();
      let reads = 0;
      for (let seed = 1; machine.state === 'running' && reads < 5_000; reads++) {
        seed = (seed * 1103515245 + 12345) >>> 0;
        const offset = (seed >>> 8) % pageBytes;
        const length = 1 + ((seed >>> 4) % 200);
        try {
          const outcome = await read(machine, reads & 1, { kind: 'read', space: linearSpace, address: window + offset, length });
          seen.add(pageOf(outcome, offset, length));
        } catch (error) {
          // It has switched itself off in between.
          if (machine.state === 'running') throw error;
        }
      }
      await until('the end', () => machine.state === 'off', 60);
      expect(seen.size).toBeGreaterThan(2);
      // The page faults that the processors count are those that the guest has had.
      const told = /^rounds (\d+) mixed (\d+) faults (\d+)$/.exec(debugConsole());
      expect(told?.[1]).toBe(String(rounds));
      expect(told?.[2]).toBe('0');
      const { vcpus } = await machine.statistics();
      const counted = vcpus.reduce(
        (sum, { exceptions }) => sum + Object.values(exceptions).reduce((all, count) => all + count, 0),
        0,
      );
      expect(counted).toBe(Number(told?.[3]));
    });
  });

  it('do not change the run of a virtual clock: the same digest with them and without', async () => {
    const digests: string[] = [];
    for (const peeks of [false, true]) {
      await remapping(1_000_000, 'virtual', async ({ machine }) => {
        const target = 120_000;
        let arrived = false;
        const run = machine.runUntil(target).then(() => {
          arrived = true;
        });
        let reads = 0;
        while (!arrived) {
          if (peeks) {
            for (const space of [
              linearSpace,
              physicalSpace,
              { kind: 'root', cr3: 0x500000 } as const,
              { kind: 'segment', segment: 'ds' } as const,
            ]) {
              for (const address of [0, 0x100000, 0xb8000, window, 0xfee00020])
                await read(machine, reads++ & 1, { kind: 'read', space, address, length: 100 });
            }
          } else await nextTurn();
        }
        await run;
        if (peeks) expect(reads).toBeGreaterThan(0);
        digests.push(await machine.digest());
      });
    }
    expect(digests[1]).toBe(digests[0]);
  });
});

describe('a vCPU', { timeout: 60_000 }, () => {
  it('is read while it runs, halts, waits for SIPI or is paused, and not while the machine is off', async () => {
    await remapping(2_000_000_000, 'wall', async ({ machine, until }) => {
      const code: Operation = { kind: 'read', space: linearSpace, address: 0x100000, length: 16 };
      const waiting = await read(machine, 1, code);
      await until('the guest to begin', async () => (await wordAt(machine, begun)) === 1, 60);
      const running = await read(machine, 0, code);
      await machine.pause();
      const paused = await read(machine, 0, code);
      expect(running.bytes).toEqual(paused.bytes);
      expect(waiting.bytes).toEqual(paused.bytes);
      expect(running.bytes.length).toBe(16);
      // A register of each vCPU, from between two of its instructions.
      const answer = await askPeek(machine, 'read', { cpu: 1, operation: { kind: 'state', space: linearSpace } });
      expect(answer.bytes.length).toBeGreaterThan(1000);
      await expect(read(machine, 2, code)).rejects.toThrow('There is no virtual CPU 2; the machine has 0 to 1.');
      await expect(read(machine, 0, { ...code, length: -1 })).rejects.toThrow('-1 bytes cannot be read at once');
      await machine.powerOff();
      await expect(read(machine, 0, code)).rejects.toThrow('is off, so there is no memory to read.');
    });
  });
});

describe('what firmware leaves in memory', { timeout: 90_000 }, () => {
  it('is shown by the profiles: BIOS data, MP and ACPI tables, the vectors of real mode', async () => {
    const boot = { kind: 'bios', image: ownBios() } as const;
    await withMachine(
      boot,
      32,
      async ({ machine, until }) => {
        const show = async (id: string, view: string): Promise<Node> => {
          const profile = profileOf(id);
          const { expression, physical, follow } = profile.views.find(({ name }) => name === view)!;
          await askPeek(machine, 'types', { id, set: parseTypes(profile.types), profile: id });
          const options = { space: physical === true ? physicalSpace : linearSpace, follow: follow ?? 0 };
          const [result] = await askPeek(machine, 'evaluate', {
            cpu: 0,
            types: id,
            items: [{ name: view, expression, options }],
            frozen: false,
          });
          if (result?.kind !== 'value') throw new Error(JSON.stringify(result));
          return result.node;
        };
        const child = (node: Node, ...path: string[]): Node | undefined =>
          path.reduce<Node | undefined>((at, name) => at?.children?.find((each) => each.name === name), node);
        // Written and then summed up by the firmware: until its checksum is right it is remarked on.
        const rsdp = () => show('acpi-tables', 'RSDP');
        const isThere = async (node: Node) => child(node, 'signature')?.value === '"RSD PTR "' && node.note === undefined;
        await until('the tables', async () => isThere(await rsdp()), 60);
        expect(child(await show('acpi-tables', 'RSDT'), 'signature')?.value).toBe('"RSDT"');
        const tables = await show('acpi-tables', 'Tables');
        const signatures = tables.children?.map((each) => child(each, `*${each.name}`, 'signature')?.value);
        expect(signatures).toContain('"FACP"');
        expect(signatures).toContain('"APIC"');
        expect(child(await show('mp-tables', 'MP table'), 'signature')?.value).toBe('"PCMP"');
        const processors = await show('mp-tables', 'Processors');
        expect([child(processors, '[0]', 'boot')?.value, child(processors, '[1]', 'apic_id')?.value]).toEqual(['1', '1']);
        expect((await show('bios-data', 'BIOS data area')).note).toMatch(/^6\d\d KiB of base memory, 80 columns$/);
        expect((await show('descriptor-tables', 'IVT')).children?.[0x10]?.note).toMatch(/^[0-9a-f]{4}:[0-9a-f]{4}$/);
      },
      { cpus: 2 },
    );
  });
});
