import { describe, expect, it } from 'vitest';
import { packPicture, unpackPicture } from './packed-picture.ts';

describe('a packed picture', () => {
  const picture = { width: 40, height: 30, rgba: Uint8Array.from({ length: 4800 }, (_, at) => at >> 4) };

  it('comes out as it went in, and is smaller on its way', async () => {
    const packed = await packPicture(picture);
    expect(packed.packed.length).toBeLessThan(2000);
    expect(await unpackPicture(packed)).toEqual(picture);
  });

  it('is refused where its bytes are more or fewer than it says, or are none of ours', async () => {
    const packed = await packPicture(picture);
    await expect(unpackPicture({ ...packed, height: 29 })).rejects.toThrow();
    await expect(unpackPicture({ ...packed, height: 31 })).rejects.toThrow('has 4800 bytes');
    for (const size of [0, 30.5, 8193, NaN]) await expect(unpackPicture({ ...packed, height: size })).rejects.toThrow('is none');
    await expect(unpackPicture({ ...packed, width: 8192, height: 8192 })).rejects.toThrow('is none');
    await expect(unpackPicture({ ...packed, packed: Uint8Array.of(7, 7, 7) })).rejects.toThrow();
  });
});
