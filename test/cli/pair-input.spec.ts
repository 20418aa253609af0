/** Keys and the mouse of a pair: a guest says each of them, numbered, so that one that was lost, came twice or changed its place shows. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { scancodesOf } from '../../main/host/keyboard.ts';
import { typeByViewer } from './typing-viewer.ts';
import { LineClient, PairLine, pidOf } from './pair-line.ts';

let desk: PairLine;
beforeEach(async () => {
  desk = await PairLine.open('desk');
});
afterEach(() => desk.close());

const hex = (value: number, digits: number) => (value >>> 0).toString(16).padStart(digits, '0');

/** The numbered lines, which follow each other without a gap. */
class Listener {
  #number = 0;

  constructor(private readonly client: LineClient) {}

  async next(): Promise<string> {
    const line = await this.client.line();
    expect(line.slice(0, 9)).toBe(`${hex(this.#number++, 8)} `);
    return line.slice(9);
  }

  async keys(text: string): Promise<void> {
    for (const code of scancodesOf(text).flat()) expect(await this.next()).toBe(`k ${hex(code, 2)}`);
  }
}

it('gives both sides keys and motions in one order, and none is lost or doubled when one dies', { timeout: 240_000 }, async () => {
  await desk.make(new URL('guests/desk.asm', import.meta.url), '--memory', '4M');
  await expect(desk.input({ kind: 'serial', bytes: Uint8Array.of(1) })).rejects.toThrow('in no pair');
  const created = await desk.create();
  const client = await LineClient.open(created);
  const said = new Listener(client);
  expect(await said.next()).toBe('desk');

  // What no machine could take would be in the way of all that comes behind it.
  await expect(desk.input({ kind: 'pointer', output: 99, x: 0, y: 0, buttons: 0, wheel: 0 })).rejects.toThrow('takes no such input');
  expect(await desk.line.run('pair', 'type', 'desk', 'é')).toMatchObject({ status: 2, err: expect.stringContaining('not on a US keyboard') });
  expect(await desk.line.run('pair', 'key', 'desk', 'anykey')).toMatchObject({ status: 2 });

  expect((await desk.line.run('pair', 'type', 'desk', 'Two sides, one desk.\\n')).err).toBe('');
  expect((await desk.line.run('pair', 'key', 'desk', 'ctrl+alt+delete', 'f2')).err).toBe('');
  await said.keys('Two sides, one desk.\n');
  for (const code of [0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d, 0x3c, 0xbc]) expect(await said.next()).toBe(`k ${hex(code, 2)}`);
  // Who looks at one side may type: it reaches neither, and the number of the next line shows it.
  for (const side of ['a', 'b'] as const) await typeByViewer(await desk.display(side), 0x7a);
  // Both have heard the same, in their own time.
  expect((await desk.look()).sides.a?.recent.filter(({ reason }) => reason === 'differs')).toEqual([]);

  // Killed while a part of the text has come out, and a part has not.
  const text = 'the quick brown fox jumps over the lazy dog '.repeat(4);
  await desk.input(...scancodesOf(text).map((bytes) => ({ kind: 'scancodes' as const, bytes })));
  await said.keys(text.slice(0, 40));
  process.kill(pidOf(created, 'a'), 'SIGKILL');
  await said.keys(text.slice(40));
  await desk.until('the take-over', ({ primary }) => primary === 'b');

  // A mouse tells the sum of what came meanwhile, so sides may cut a way differently: that is a resync, and the way is whole.
  await desk.pair('reprotect', 'desk');
  let [across, along] = [0, 0];
  for (let step = 0; step < 60; step++) {
    const [dx, dy] = [(step % 7) - 2, 3 - (step % 5)];
    across += dx;
    along += dy;
    await desk.input({ kind: 'mouse', dx, dy, wheel: 0, buttons: 0 });
    if (step === 30) process.kill(pidOf(await desk.look(), 'b'), 'SIGKILL');
  }
  await desk.input({ kind: 'mouse', dx: 0, dy: 0, wheel: 0, buttons: 1 });
  let last = '';
  while (!last.endsWith(' 1')) last = await said.next();
  expect(last).toBe(`m ${hex(across, 8)} ${hex(along, 8)} 1`);
  await desk.until('the take-over', ({ primary }) => primary === 'a');
  client.close();
});
