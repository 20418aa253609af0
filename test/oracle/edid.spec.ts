/** Our EDID blocks, read by edid-decode, which checks them against the standards. */
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { edidOfOutput } from '../../engine/display/edid-output.ts';
import { defaultDisplay, edidOf, type DisplayIdentity } from '../../engine/display/edid.ts';

const program = '/usr/bin/edid-decode';
const displays: DisplayIdentity[] = [
  defaultDisplay,
  { width: 640, height: 480, widthMillimetres: 170, heightMillimetres: 130, name: 'Small' },
  { width: 1920, height: 1080, widthMillimetres: 527, heightMillimetres: 296, serial: 12_345, name: 'ThirteenChars' },
  { width: 2560, height: 1600, refresh: 75 },
  { width: 1024, height: 2160, refresh: 144 },
  { width: 1366, height: 768 },
  { width: 1080, height: 1920, widthMillimetres: 296, heightMillimetres: 527 },
  { width: 3840, height: 2160, widthMillimetres: 1210, heightMillimetres: 680 },
];

describe.skipIf(spawnSync(program, ['--help']).error !== undefined)('edid-decode', () => {
  it.each(displays)('accepts a display of $width×$height', (display) => {
    const output = execFileSync(program, ['--check', '--preferred-timings'], { input: edidOf(display), encoding: 'utf8' });
    expect(output).toContain('EDID conformity: PASS');
    expect(output).not.toMatch(/^Warnings:|^Failures:/m);
    expect(output).toContain('Manufacturer: VTR');
    const timing = new RegExp(`DTD 1: +${display.width}x${display.height} +([0-9.]+) Hz`).exec(output);
    // Reduced blanking has clocks in steps of 250 kHz.
    expect(Math.abs(Number(timing?.[1]) - (display.refresh ?? 60))).toBeLessThan(1);
    expect(output).toContain(`Display Product Name: '${display.name ?? 'Vitrine'}'`);
  });

  it('refuses a block with one bit changed', () => {
    const block = edidOf(defaultDisplay);
    block[60] = (block[60] ?? 0) ^ 1;
    expect(spawnSync(program, ['--check'], { input: block, encoding: 'utf8' }).stdout).toContain('EDID conformity: FAIL');
  });
});

describe.skipIf(spawnSync(program, ['--help']).error !== undefined)('edid-decode, of an output', () => {
  const millimetres = (width: number, height: number) => ({ width, height, estimated: false });
  it.each([
    { width: 200, height: 200, refresh: 60, millimetres: undefined },
    { width: 1920, height: 1080, refresh: 60, millimetres: millimetres(527, 296) },
    { width: 1080, height: 1920, refresh: 60, millimetres: millimetres(296, 527) },
    { width: 1366, height: 767, refresh: 24, millimetres: millimetres(120, 110) },
    { width: 4096, height: 2160, refresh: 60, millimetres: millimetres(600, 340) },
    { width: 8192, height: 200, refresh: 60, millimetres: millimetres(10_000, 300) },
    { width: 8192, height: 8192, refresh: 60, millimetres: undefined },
  ])('accepts $width×$height, and prefers it', (output) => {
    const text = execFileSync(program, ['--check', '--preferred-timings'], { input: edidOfOutput(output, 3), encoding: 'utf8' });
    expect(text).toContain('EDID conformity: PASS');
    // Its list of makers is of the real ones; it says so of extensions only.
    const complaints = text.split('Warnings:')[1] ?? '';
    expect(complaints.replace(/^Block 1, DisplayID Extension Block:$|^.*Unknown OUI.*$|^EDID conformity: PASS$/gm, '').trim()).toBe('');
    expect(text).toMatch(new RegExp(`(DTD 1|DTD): +${output.width}x${output.height} `));
    expect(text).toContain("Display Product Name: 'Output 3'");
  });
});
