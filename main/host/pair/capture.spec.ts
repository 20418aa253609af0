import { expect, it } from 'vitest';
import type { Machine } from '../../../engine/machine/machine.ts';
import { Capture } from './capture.ts';
import type { ToPeerProcess } from './protocol.ts';

it('a state that was given up before the other side was asked is not asked for, nor waited for', async () => {
  const sent: ToPeerProcess[] = [];
  // Nothing of the machine is needed.
  const capture = new Capture(1, true, {} as Machine, (message) => sent.push(message));
  capture.abandon();
  await capture.prepare(() => undefined);
  expect(await capture.take({ withDigest: false, onHeld: () => undefined, onCopied: () => undefined })).toBeUndefined();
  expect(sent).toEqual([]);
});
