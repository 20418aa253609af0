import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isReachable, WindowPlaces } from './window-places.ts';

const screen = [{ x: 0, y: 0, width: 1280, height: 800 }];
const two = [...screen, { x: 1280, y: 0, width: 1920, height: 1080 }];
const place = { x: 1400, y: 100, width: 800, height: 600, maximized: false };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'vitrine-places-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the places of windows', () => {
  const file = (): string => path.join(folder, 'app/windows.json');

  it('are found again by the next start, per arrangement of screens', () => {
    new WindowPlaces(file()).set('console hello', two, place);
    const later = new WindowPlaces(file());
    expect(later.get('console hello', two)).toEqual(place);
    expect(later.get('console hello', screen)).toBeUndefined();
    expect(later.get('library', two)).toBeUndefined();
  });

  it('are not used when the window could not be reached there', () => {
    expect(isReachable(place, two)).toBe(true);
    expect(isReachable(place, screen)).toBe(false);
    expect(isReachable({ ...place, x: 0, y: -50 }, two)).toBe(false);
  });

  it('are forgotten, not fatal, when the file is damaged', () => {
    const damaged = path.join(folder, 'windows.json');
    writeFileSync(damaged, '{"version":1,"places":{"a":{"x":"left"}}}');
    expect(new WindowPlaces(damaged).get('a', screen)).toBeUndefined();
  });
});
