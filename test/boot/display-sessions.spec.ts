/**
 * One machine, its display and inputs those of one client after the other: the guest reads exactly what each is, never runs in between, is never
 * started anew, and nothing grows. VITRINE_LITMUS multiplies the rounds: 50 makes a thousand of them, with the slopes of memory, address space and handles looked at.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { WebSocket } from 'ws';
import { describe, expect, it } from 'vitest';
import { RfbViewer } from '../../engine/display/testing/rfb-viewer.ts';
import type { Machine } from '../../engine/machine/machine.ts';
import type { OutputRequestMessage } from '../../main/contract/display.ts';
import { assembleSource } from '../../main/host/engine.ts';
import { DisplaySessions } from '../../main/host/display-sessions.ts';
import { withMachine, type BootedMachine } from './boot-machine.ts';

const factor = Number(process.env['VITRINE_LITMUS'] ?? 1);
const rounds = 20 * factor;
const guests = new URL('../../assets/guests/', import.meta.url).pathname;

const clients: Record<'A' | 'B', OutputRequestMessage[]> = {
  A: [
    { output: 0, width: 640, height: 480, widthMillimetres: 300, heightMillimetres: 225, scale: 100, primary: true },
    { output: 1, width: 320, height: 400, scale: 150, orientation: 90 },
  ],
  B: [{ output: 0, width: 800, height: 300, widthMillimetres: 210, heightMillimetres: 80, estimated: true, scale: 200, refresh: 75 }],
};

async function twoDesks(): Promise<Uint8Array> {
  const { readFile } = await import('node:fs/promises');
  const name = 'two-desks.asm';
  const { ok, bytes, diagnostics } = assembleSource({ name, text: await readFile(`${guests}${name}`, 'utf8'), folders: [guests], anywhere: false });
  if (!ok) throw new Error(JSON.stringify(diagnostics));
  return bytes;
}

interface Report {
  session: number;
  ticks: number;
  outputs: string;
}

function reports(serial: string): Report[] {
  return [...serial.matchAll(/session (\d+) change \d+ ticks (\d+)((?: output \d \d+x\d+)*)\r\n/g)].map(([, session, ticks, outputs]) => ({
    session: Number(session),
    ticks: Number(ticks),
    outputs: (outputs ?? '').trim(),
  }));
}

/** What the guest would find in its registers: words of the device, at the place that the guest gave it. */
async function registers(machine: Machine, sessions: DisplaySessions): Promise<string[]> {
  const { outputs } = await machine.displayState();
  expect(sessions.state.outputs.map(({ properties }) => properties?.width)).toEqual(outputs.map(({ properties }) => properties?.width));
  return outputs.flatMap(({ properties: p }, index) =>
    p === undefined ? [] : [`${index}: ${p.width}x${p.height} ${p.millimetres?.width ?? 0}x${p.millimetres?.height ?? 0}mm ${p.scale}% ${p.orientation}° ${p.refresh}Hz`],
  );
}

const expected = {
  A: ['0: 640x480 300x225mm 100% 0° 60Hz', '1: 320x400 0x0mm 150% 90° 60Hz'],
  B: ['0: 800x300 210x80mm 200% 0° 75Hz'],
};
const told = { A: 'output 0 640x480 output 1 320x400', B: 'output 0 800x300' };

/** A viewer comes, gets a whole frame, and goes. Its size. */
async function look(machine: Machine): Promise<string> {
  const { url } = await machine.display(0);
  const socket = new WebSocket(url);
  socket.binaryType = 'nodebuffer';
  const viewer = new RfbViewer((bytes) => socket.send(bytes));
  socket.on('message', (bytes: Buffer) => viewer.feed(bytes));
  socket.on('close', () => viewer.end());
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
  await viewer.connect();
  viewer.request(false);
  await viewer.update();
  socket.close();
  await new Promise((resolve) => socket.once('close', resolve));
  // The border of the test card goes along all four edges.
  const lit = (x: number, y: number) => (viewer.picture[4 * (y * viewer.width + x) + 2] ?? 0) > 0xa0;
  expect([lit(0, 0), lit(viewer.width - 1, 0), lit(0, viewer.height - 1), lit(viewer.width - 1, viewer.height - 1)]).toEqual([true, true, true, true]);
  return `${viewer.width}x${viewer.height}`;
}

async function oneSession(guest: BootedMachine, sessions: DisplaySessions, who: 'A' | 'B'): Promise<void> {
  const { machine } = guest;
  const before = reports(guest.serial());
  const stream = await sessions.attach({ client: { id: who.toLowerCase(), name: who }, outputs: clients[who], input: { pointer: true, touchPoints: who === 'A' ? 2 : 0 } });
  for (let there = false; !there;) {
    const { value, done } = await stream.next();
    if (done === true) throw new Error('The session ended.');
    if (value.kind === 'ended') throw new Error(value.reason);
    there = value.kind === 'frame';
  }
  while (reports(guest.serial()).length === before.length) await new Promise((resolve) => setTimeout(resolve, 2));
  // Who stops reading the stream is gone: the guest stands still, and everything is as it was drawn.
  await stream.return();
  await sessions.settled();
  expect(machine.state).toBe('paused');
  expect(await registers(machine, sessions)).toEqual(expected[who]);
  const now = reports(guest.serial());
  const last = now.at(-1);
  expect(last?.outputs).toBe(told[who]);
  // What it can be typed and pointed with is each one's as well.
  expect([...guest.serial().matchAll(/^input (.*)\r$/gm)].at(-1)?.[1]).toBe(who === 'A' ? 'keyboard, pointer, touch 2' : 'keyboard, pointer');
  // It is the same life: its clock has gone on, by what it ran and no more than that.
  const lived = (last?.ticks ?? 0) - (before.at(-1)?.ticks ?? 0);
  expect(lived).toBeGreaterThanOrEqual(0);
}

/** What this process holds, its worker threads' included: bytes, and numbers of things. */
interface Held {
  resident: number;
  /** Address space: what every shared memory takes of it. */
  reserved: number;
  resources: number;
  /** Open files and sockets. */
  handles: number;
}

const pageBytes = 4096;

function held(): Held {
  const [reserved = 0] = readFileSync('/proc/self/statm', 'utf8').split(' ').map(Number);
  return {
    resident: process.memoryUsage().rss,
    reserved: reserved * pageBytes,
    resources: process.getActiveResourcesInfo().length,
    handles: readdirSync('/proc/self/fd').length,
  };
}

/** Least squares, a round: what is kept of each session would show. */
function slopeOf(samples: Held[], of: keyof Held): number {
  const middle = (samples.length - 1) / 2;
  const mean = samples.reduce((sum, sample) => sum + sample[of], 0) / samples.length;
  const product = samples.reduce((sum, sample, index) => sum + (index - middle) * (sample[of] - mean), 0);
  return product / samples.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
}

describe('a machine that goes from desk to desk', { timeout: 120_000 * factor }, () => {
  it('is each one’s in turn, on the same boot, and nothing grows', async () => {
    await withMachine({ kind: 'kernel', image: await twoDesks() }, 16, async (guest) => {
      const { machine } = guest;
      const sessions = new DisplaySessions({ user: 'ada', whenEnds: () => 'suspend', write: () => undefined });
      sessions.begin(machine);
      await guest.until('the first card', () => reports(guest.serial()).length > 0, 40);
      const samples: Held[] = [];
      for (let round = 0; round < rounds; round++) {
        const who = round % 2 === 0 ? 'A' : 'B';
        await oneSession(guest, sessions, who);
        expect(await look(machine)).toBe(who === 'A' ? '640x480' : '800x300');
        // No guest progress while nobody has it, not an instruction.
        const { instructions } = await machine.statistics();
        expect((await machine.statistics()).instructions).toBe(instructions);
        samples.push(held());
      }
      // Every line of it is of one boot: sessions count up, and time never goes back.
      const all = reports(guest.serial());
      for (const [index, report] of all.entries()) {
        expect(report.ticks).toBeGreaterThanOrEqual(all[index - 1]?.ticks ?? 0);
        expect(report.session).toBeGreaterThanOrEqual(all[index - 1]?.session ?? 0);
      }
      expect(all.at(-1)?.session).toBe(rounds);
      const half = samples.slice(samples.length / 2);
      const most = (part: Held[], of: keyof Held) => Math.max(...part.map((sample) => sample[of]));
      for (const of of ['resources', 'handles'] as const) expect(most(half, of), of).toBeLessThanOrEqual(most(samples.slice(0, samples.length / 2), of) + 2);
      if (factor < 10) return;
      const slopes = { resident: slopeOf(half, 'resident'), reserved: slopeOf(half, 'reserved'), handles: slopeOf(half, 'handles') };
      const { resident, handles } = half.at(-1) ?? held();
      process.stdout.write(
        `${rounds} sessions, of each: ${(slopes.resident / 1024).toFixed(1)} KiB resident, ${(slopes.reserved / 1024).toFixed(1)} KiB of address space, ${slopes.handles.toFixed(4)} handles; at the end ${Math.round(resident / 2 ** 20)} MiB, ${handles} handles\n`,
      );
      expect(slopes.resident).toBeLessThan(16 * 1024);
      // A shared memory reserves its whole size, and guard regions of gigabytes around it.
      expect(slopes.reserved).toBeLessThan(64 * 1024);
      expect(slopes.handles).toBeLessThan(0.01);
    });
  });

  it('keeps what it is when a request is beyond the limits', async () => {
    await withMachine({ kind: 'kernel', image: await twoDesks() }, 16, async (guest) => {
      const sessions = new DisplaySessions({ user: 'ada', whenEnds: () => 'run', write: () => undefined });
      sessions.begin(guest.machine);
      await guest.until('the first card', () => reports(guest.serial()).length > 0, 40);
      const stream = await sessions.attach({ client: { id: 'a', name: 'A' }, outputs: clients.A });
      const first = await stream.next();
      const attachment = first.value?.kind === 'attached' ? first.value.attachment : 0;
      await guest.until('the guest’s report', () => reports(guest.serial()).at(-1)?.outputs === told.A, 30);
      const { generation } = await guest.machine.displayState();
      for (const wrong of [{ width: 199 }, { width: 641 }, { height: 8193 }, { width: 8192, height: 8192 }, { x: 32_600 }])
        await expect(sessions.set(attachment, [{ output: 0, width: 640, height: 480, ...wrong }], undefined)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      expect((await guest.machine.displayState()).generation).toBe(generation);
      expect(await registers(guest.machine, sessions)).toEqual(expected.A);
    });
  });
});
