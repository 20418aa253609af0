/**
 * Kills a real program again and again at random instants, in the middle of disk writes, suspends, resumes and changes of its library, and
 * looks each time at what is left: from outside while nothing runs, and through the program that comes next.
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { HostClient } from '../../main/contract/contract.ts';
import { HOST_FILES } from '../../main/host/library.ts';
import { SETTINGS_FILE } from '../../main/host/settings.ts';
import { Front, type Kind } from './front.ts';
import { LibraryWork } from './library-work.ts';
import { WRITER, Writer } from './writer.ts';

/** The kill comes so long, at most, after what it waits for; and so long a machine is on before it is suspended or switched off. */
const ROUND_MILLISECONDS = 1000;
/** A loaded computer may need long until a guest writes. */
const PATIENCE_MILLISECONDS = 10_000;
/** What a library that is open may have beside machines. */
const OWN = new Set(['.lock', '.control', '.samples.json', SETTINGS_FILE]);

export interface Outcome {
  kills: number;
  /** What was wrong, in sentences. */
  wrong: string[];
  /** How often the kill came while the writer was in this state, or on its way to the next. */
  during: Record<string, number>;
  /** Numbers that the guest said were flushed, and answered changes of the library. */
  flushes: number;
  changes: number;
}

/** Where the writer stands, as far as it was answered. */
type Standing = 'off' | 'on' | 'suspended' | 'suspending' | 'resuming' | 'starting' | 'powering off';

export async function killAgainAndAgain(folder: string, kinds: readonly Kind[], kills: number, seed: number): Promise<Outcome> {
  const library = path.join(folder, 'library');
  const random = sequence(seed);
  const writer = new Writer(library);
  const work = new LibraryWork(random);
  const outcome: Outcome = { kills: 0, wrong: [], during: {}, flushes: 0, changes: 0 };
  const writing: { standing: Standing } = { standing: 'off' };
  const note = (round: number, sentences: readonly string[]): void => {
    outcome.wrong.push(...sentences.map((sentence) => `round ${round}: ${sentence}`));
  };

  let front: Front | undefined;
  try {
    await rounds();
  } finally {
    await front?.kill();
  }
  return { ...outcome, flushes: writer.allLines, changes: work.done };

  async function rounds(): Promise<void> {
    for (let round = 1; round <= kills + 1; round++) {
      front = Front.begin(kinds[round % kinds.length] ?? 'serve', library);
      // Now and then it does not even get to open the library.
      if (round <= kills && random(12) === 0) {
        await wait(random(600));
        await front.kill();
        outcome.kills++;
        outcome.during['opening'] = (outcome.during['opening'] ?? 0) + 1;
        continue;
      }
      const client = await front.open();
      note(round, rubbish(library));
      const entries = await client.library.list();
      note(round, work.compare(entries, WRITER));
      note(round, suspendedAsAnswered(writing.standing, writer.isSuspended));
      writing.standing = writer.isSuspended ? 'suspended' : 'off';
      // Every machine opens: one of them each time, all of them at the end.
      const ids = [...work.known.keys()];
      for (const id of round > kills ? ids : ids.slice(0, 1)) note(round, await opens(client, id));
      if (round > kills) {
        note(round, await goesOn(client, writer));
        await front.quit();
        note(round, [...writer.inspect(), ...rubbish(library, new Set(OWN)), ...writer.complaints.splice(0)]);
        break;
      }

      let stopped = false;
      const stop = (): boolean => stopped;
      const cycle = powerCycle(client, writer, random, stop, writing.standing, (now) => (writing.standing = now));
      const changes = work.run(client, stop);
      const failed: string[] = [];
      const all = Promise.all(
        [cycle, changes].map((one) =>
          one.catch((error: unknown) => {
            // The end of the program ends what was asked of it; anything else is a refusal of something that should work.
            if (!stopped) failed.push(String(error));
          }),
        ),
      );
      // Mostly when the guest has flushed a little, else at any time from the begin of the work.
      const lines = random(4) > 0 ? 1 + random(6) : 0;
      writer.lines = 0;
      for (const end = Date.now() + PATIENCE_MILLISECONDS; writer.lines < lines && failed.length === 0 && Date.now() < end;)
        await wait(5);
      await wait(random(ROUND_MILLISECONDS));
      stopped = true;
      await front.kill();
      await Promise.race([all, wait(2000)]);
      outcome.kills++;
      outcome.during[writing.standing] = (outcome.during[writing.standing] ?? 0) + 1;
      note(round, [...failed, ...writer.complaints.splice(0), ...writer.inspect()]);
      if (outcome.wrong.length > 20) break;
    }
  }
}

/** Numbers from a seed. When things happen inside is the machine's own affair; what is asked for is the same each time. */
export function sequence(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Starts, suspends, resumes and switches the writer off, again and again. */
async function powerCycle(
  client: HostClient,
  writer: Writer,
  random: (below: number) => number,
  stop: () => boolean,
  first: Standing,
  tell: (standing: Standing) => void,
): Promise<void> {
  const events = await client.machines.events({ id: WRITER });
  const hearing = (async () => {
    for await (const event of events) if (event.kind === 'serial') writer.hear(event.bytes);
  })().catch(() => undefined);
  let standing: Standing = first;
  const to = async (between: Standing, after: Standing, step: () => Promise<unknown>): Promise<void> => {
    tell(between);
    await step();
    if (stop()) return;
    tell((standing = after));
  };
  while (!stop()) {
    if (standing === 'off') {
      writer.begin();
      await to('starting', 'on', () => client.machines.start({ id: WRITER }));
    } else if (standing === 'suspended') {
      writer.begin();
      await to('resuming', 'on', () => client.machines.resume({ id: WRITER }));
    } else {
      await wait(random(ROUND_MILLISECONDS));
      if (stop()) break;
      if (random(4) === 0) await to('powering off', 'off', () => client.machines.powerOff({ id: WRITER }));
      else await to('suspending', 'suspended', () => client.machines.suspend({ id: WRITER }));
    }
  }
  await hearing;
}

/** A kept state is there when that was the last answer, and not when it was not; during a change either may be. */
function suspendedAsAnswered(standing: Standing, isSuspended: boolean): string[] {
  if (standing === 'suspended' && !isSuspended) return ['the state of a machine that was said to be suspended is gone'];
  if ((standing === 'on' || standing === 'off') && isSuspended) return ['a state is kept although the machine went on from it'];
  return [];
}

/** Leftovers of the program that was killed, in a library that was opened again. */
function rubbish(library: string, allowed: ReadonlySet<string> = OWN): string[] {
  const names = readdirSync(library);
  const above = names.filter((name) => name.startsWith('.') && !allowed.has(name));
  const inside = names
    .filter((name) => !name.startsWith('.') && statSync(path.join(library, name)).isDirectory())
    .flatMap((name) => {
      const files = readdirSync(path.join(library, name));
      // What is left of a machine that was deleted without its disks.
      const isMachine = files.includes(HOST_FILES.machine);
      const own: readonly string[] = Object.values(HOST_FILES);
      return files
        .filter((file) => file.startsWith('.') || /\.lock/.test(file) || (!isMachine && own.includes(file)))
        .map((file) => `${name}/${file}`);
    });
  return [...above, ...inside].map((name) => `${name} was left behind`);
}

async function opens(client: HostClient, id: string): Promise<string[]> {
  try {
    await client.machines.start({ id, paused: true });
    await client.machines.powerOff({ id });
    return [];
  } catch (error) {
    return [`${id} does not open: ${String(error)}`];
  }
}

/** The writer comes up and writes to both disks. */
async function goesOn(client: HostClient, writer: Writer): Promise<string[]> {
  const events = await client.machines.events({ id: WRITER });
  void (async () => {
    for await (const event of events) if (event.kind === 'serial') writer.hear(event.bytes);
  })().catch(() => undefined);
  writer.begin();
  writer.lines = 0;
  if (writer.isSuspended) await client.machines.resume({ id: WRITER });
  else await client.machines.start({ id: WRITER });
  for (const end = Date.now() + 30_000; writer.lines < 4 && Date.now() < end;) await wait(50);
  await client.machines.powerOff({ id: WRITER });
  return writer.lines < 4 ? ['the writer does not write after it was opened again'] : [];
}
