/** The ACPI and MP tables of our firmware as an operating system finds them, read by ACPICA's tools. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { present, withMachine } from './boot-machine.ts';
import { ownBios, ownVideoBios } from './own-firmware.ts';
import { writeProgram } from './programs.ts';

const processors = 2;
const iasl = '/usr/bin/iasl';
const acpiexec = '/usr/bin/acpiexec';

let folder: string;
const tables = new Map<string, Buffer>();
const table = (name: string) => tables.get(name) ?? Buffer.alloc(0);

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-tables-'));
  const drives = [{ kind: 'floppy' as const, path: writeProgram(folder, 'tables') }];
  await withMachine(
    { kind: 'bios', image: ownBios(), vgaBios: ownVideoBios() },
    32,
    async (guest) => {
      await guest.until('the end', () => /^end$/m.test(guest.debugConsole()), 90);
      for (const [, name = '', hex = ''] of guest.debugConsole().matchAll(/^(\S{4}) ([0-9a-f]+)$/gm)) {
        tables.set(name, Buffer.from(hex, 'hex'));
        writeFileSync(path.join(folder, `${name}.aml`), Buffer.from(hex, 'hex'));
      }
    },
    { drives, cpus: processors },
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

/** Entries of _PRT or of the MP table: input by device and pin. */
type Routing = Record<string, number>;

/** How the board routes INTx# to PIRQs: the ICH9's own devices by their reset registers, all others in rotation to E-H. */
const pirq = (device: number, pin: number) => (device >= 25 ? pin : 4 + ((device + pin) & 3));

function routing(line: (pirq: number) => number): Routing {
  const all: Routing = {};
  for (let device = 0; device < 32; device++) for (let pin = 0; pin < 4; pin++) all[`${device}.${pin}`] = line(pirq(device, pin));
  return all;
}

describe('the tables of our firmware', { timeout: 120_000 }, () => {
  it('have checksums that are right', () => {
    expect([...tables.keys()].sort()).toEqual(['APIC', 'DSDT', 'FACP', 'MCFG', 'PCMP', 'RSDP', 'XSDT', '_MP_']);
    for (const [name, bytes] of tables) expect([name, sum(bytes)]).toEqual([name, 0]);
    expect(sum(table('RSDP').subarray(0, 20))).toBe(0);
  });

  it('list the processors that there are, in the MADT and in the MP table', () => {
    const madt = table('APIC');
    const enabled: number[] = [];
    for (let at = 44; at < madt.length; at += madt[at + 1] ?? 1)
      if (madt[at] === 0 && ((madt[at + 4] ?? 0) & 1) !== 0) enabled.push(madt[at + 3] ?? -1);
    expect(enabled).toEqual([0, 1]);
    const { entries } = mpTable();
    expect(
      entries.filter((entry) => entry[0] === 0 && ((entry[3] ?? 0) & 1) !== 0).map((entry) => [entry[1], (entry[3] ?? 0) & 2]),
    ).toEqual([
      [0, 2],
      [1, 0],
    ]);
  });

  it('route the pins of PCI in the MP table as the board has them', () => {
    const { entries, count } = mpTable();
    expect(entries.length).toBe(count);
    const buses = entries.filter((entry) => entry[0] === 1).map((entry) => [entry[1], entry.subarray(2, 8).toString()]);
    expect(buses).toEqual([
      [0, 'PCI   '],
      [1, 'ISA   '],
    ]);
    const found: Routing = {};
    for (const entry of entries)
      if (entry[0] === 3 && entry[4] === 0) found[`${(entry[5] ?? 0) >> 2}.${(entry[5] ?? 0) & 3}`] = entry[7] ?? -1;
    expect(found).toEqual(routing((line) => 16 + line));
  });

  it.skipIf(!present(iasl))('are AML that iasl takes apart and compiles again without a word', () => {
    const source = path.join(folder, 'DSDT.dsl');
    execFileSync(iasl, ['-d', path.join(folder, 'DSDT.aml')], { cwd: folder, stdio: 'pipe' });
    const output = execFileSync(iasl, ['-p', 'again', source], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
    expect(output).toContain('Compilation successful. 0 Errors, 0 Warnings');
    const text = readFileSync(source, 'utf8');
    for (const device of ['PNP0A03', 'PNP0303', 'PNP0F13', 'PNP0B00', 'PNP0501', 'PNP0700'])
      expect(text).toContain(`EisaId ("${device}")`);
    for (const name of ['FACP', 'APIC', 'MCFG']) {
      const report = execFileSync(iasl, ['-d', path.join(folder, `${name}.aml`)], {
        cwd: folder,
        encoding: 'utf8',
        stdio: 'pipe',
      });
      expect(report).not.toMatch(/error|invalid/i);
    }
    const fadt = readFileSync(path.join(folder, 'FACP.dsl'), 'utf8');
    expect(fadt).toMatch(/Control Method Power Button \(V1\) : 0/);
    expect(fadt).toMatch(/Reset Register Supported \(V2\) : 1/);
  });

  it.skipIf(!present(acpiexec))('answer ACPICA with routing for the PIC and for the I/O APIC', () => {
    const ask = (command: string) =>
      execFileSync(acpiexec, ['-b', command, path.join(folder, 'DSDT.aml')], { encoding: 'utf8', stdio: 'pipe' });
    const prt = (output: string): Routing => {
      const numbers = [...output.matchAll(/\[Integer\] = ([0-9A-F]+)/g)].map(([, value = '']) => Number.parseInt(value, 16));
      const found: Routing = {};
      for (let at = 0; at < numbers.length; at += 4)
        found[`${(numbers[at] ?? 0) >>> 16}.${numbers[at + 1]}`] = numbers[at + 3] ?? -1;
      return found;
    };
    const irqs = [10, 10, 11, 11];
    expect(prt(ask('evaluate \\_SB.PCI0._PRT'))).toEqual(routing((line) => irqs[line & 3] ?? -1));
    expect(prt(ask('evaluate \\_SB.PCI0.PRTA'))).toEqual(routing((line) => 16 + line));
    expect(prt(ask('evaluate \\_S5'))).toEqual({ '0.0': 0 });
  });
});

function mpTable(): { entries: Buffer[]; count: number } {
  const bytes = table('PCMP');
  const entries: Buffer[] = [];
  for (let at = 44; at < bytes.length;) {
    const size = bytes[at] === 0 ? 20 : 8;
    entries.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { entries, count: bytes.readUInt16LE(34) };
}
