import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeDisk, type Disk } from '../disk.ts';
import { Host, type EngineTools, type HostOptions } from '../host.ts';
import { FakeMachine } from './fake-machine.ts';

/** The fake machines made so far, newest last. */
export interface FakeEngine extends EngineTools {
  machines: FakeMachine[];
}

/**
 * An engine of fakes. Its assembler knows two texts: one that contains "error" has as many errors as it has lines with that
 * word; all else becomes two bytes (a jump to itself).
 */
export function fakeEngine(guest?: (machine: FakeMachine) => void): FakeEngine {
  const machines: FakeMachine[] = [];
  return {
    machines,
    createMachine: async (configuration) => {
      const machine = new FakeMachine(configuration, guest);
      machines.push(machine);
      return machine;
    },
    assemble: ({ name, text }) => {
      const diagnostics = text.split('\n').flatMap((line, at) =>
        line.includes('error') ? [{ severity: 'error' as const, file: name, line: at + 1, column: 1, message: 'That is wrong.' }] : [],
      );
      const ok = diagnostics.length === 0;
      return { ok, diagnostics, bytes: ok ? new Uint8Array([0xeb, 0xfe]) : new Uint8Array(), listing: ok ? '00000000 EBFE\n' : '' };
    },
    disassemble: (bytes, _bits, origin) => [{ address: origin, bytes, text: 'bytes' }],
    launch: (kind) => {
      throw new Error(`Nobody starts a ${kind} here.`);
    },
  };
}

/** A folder that goes away after the test. */
export async function temporaryFolder(cleanUp: (work: () => Promise<void>) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vitrine-test-'));
  cleanUp(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder of shipped guests with one sample, "hello". */
export async function fakeGuests(folder: string): Promise<string> {
  const guests = join(folder, 'guests');
  await mkdir(guests, { recursive: true });
  await writeFile(join(guests, 'hello.asm'), 'jmp $\n');
  const hello = { id: 'hello', name: 'Hello', file: 'hello.asm', kind: 'boot-sector', memory: '16M', summary: 'Says hello.' };
  await writeFile(join(guests, 'samples.json'), JSON.stringify([hello]));
  return guests;
}

/** A host over fakes, in a library below `folder`. */
export async function fakeHost(
  folder: string,
  changes: { engine?: EngineTools; disk?: Disk; warn?: (sentence: string) => void } = {},
): Promise<{ host: Host; options: HostOptions }> {
  const options: HostOptions = {
    library: join(folder, 'library'),
    program: 'the test',
    control: '',
    engine: changes.engine ?? fakeEngine(),
    disk: changes.disk ?? nodeDisk,
    guests: await fakeGuests(folder),
    warn: changes.warn ?? (() => undefined),
  };
  return { host: await Host.open(options), options };
}
