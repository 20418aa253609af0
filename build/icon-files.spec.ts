import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { icnsFile, icoFile } from './icon-files.mjs';

const folder = path.resolve(import.meta.dirname, '../assets/icons');
const picture = (size: number) => ({ size, png: readFileSync(path.join(folder, `set/${size}x${size}.png`)) });

describe('the icon of Windows', () => {
  it('lists each picture with its place, and 256 pixels as 0', () => {
    const file = icoFile([picture(32), picture(256)]);
    expect([file.readUInt16LE(0), file.readUInt16LE(2), file.readUInt16LE(4)]).toEqual([0, 1, 2]);
    expect([file[6], file[22]]).toEqual([32, 0]);
    const [bytes, offset] = [file.readUInt32LE(6 + 16 + 8), file.readUInt32LE(6 + 16 + 12)];
    expect(PNG.sync.read(file.subarray(offset, offset + bytes)).width).toBe(256);
    expect(offset + bytes).toBe(file.length);
  });

  it('refuses a picture that its table cannot say', () => {
    expect(() => icoFile([{ size: 512, png: Buffer.alloc(1) }])).toThrow('256 is the most');
  });
});

describe('the icon of macOS', () => {
  it('is a chain of typed pictures as long as it says', () => {
    const file = icnsFile([picture(16), picture(512)]);
    expect(file.toString('latin1', 0, 4)).toBe('icns');
    expect(file.readUInt32BE(4)).toBe(file.length);
    expect(file.toString('latin1', 8, 12)).toBe('icp4');
    const second = 8 + file.readUInt32BE(12);
    expect(file.toString('latin1', second, second + 4)).toBe('ic09');
    expect(second + file.readUInt32BE(second + 4)).toBe(file.length);
  });

  it('refuses a size that has no type', () => {
    expect(() => icnsFile([{ size: 20, png: Buffer.alloc(1) }])).toThrow('has no type');
  });
});

describe('the icons that are kept', () => {
  it.each([16, 24, 32, 48, 64, 128, 256, 512])('have %i pixels where the name says so', (size) => {
    const { width, height } = PNG.sync.read(picture(size).png);
    expect([width, height]).toEqual([size, size]);
  });
});
