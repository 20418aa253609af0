import { describe, expect, it } from 'vitest';
import { bytesOf, present, withMachine } from './boot-machine.ts';

const image = '/boot/memtest86+ia32.bin';
const memoryMebibytes = 8;

describe.skipIf(!present(image))('memtest86+', () => {
  it('draws its screen, finds the memory, and completes its first tests without an error', { timeout: 120_000 }, async () => {
    await withMachine({ kind: 'kernel', image: bytesOf(image) }, memoryMebibytes, async (guest) => {
      await guest.until('the title', async () => (await guest.screen()).includes('Memtest86+ v6'), 30);
      // Tests 0 (walking ones), 1 and 2 (addresses) are behind it when test 3 begins.
      await guest.until('the fourth test', async () => /Test #(?:[3-9]|10)\b/.test(await guest.screen()), 80);
      const screen = await guest.screen();
      expect(screen).toMatch(new RegExp(`Memory\\s*:\\s*${memoryMebibytes}MB`));
      expect(screen).toMatch(/Errors: 0\b/);
      expect((await guest.machine.screenshot()).width).toBe(720);
    });
  });
});
