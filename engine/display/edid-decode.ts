/** What an EDID says, for people who look at it: the facts, and which bytes say them. Believes nothing that its checksums do not. */
import { timingAt } from './edid-output.ts';
import { edidBytes } from './edid.ts';

export interface EdidFact {
  name: string;
  value: string;
  /** Byte ranges in the whole, first and one past the last. */
  bytes: readonly (readonly [number, number])[];
}

export interface DecodedEdid {
  facts: EdidFact[];
  /** The mode that the display prefers; undefined when there is none. */
  preferred: { width: number; height: number; refresh: number } | undefined;
  /** Why the bytes are not to be believed; empty when they are good. */
  problem: string;
}

const signature = [0, 255, 255, 255, 255, 255, 255, 0];
const hex = (value: number, count = 2): string => value.toString(16).padStart(count, '0');

/** Decodes bytes of any content and length. Never throws. */
export function decodeEdid(bytes: Uint8Array): DecodedEdid {
  const at = (offset: number): number => bytes[offset] ?? 0;
  const problem = problemOf(bytes);
  if (problem !== '' && (bytes.length < edidBytes || signature.some((byte, index) => at(index) !== byte))) return { facts: [], preferred: undefined, problem };
  const letters = (at(8) << 8) | at(9);
  const maker = [10, 5, 0].map((shift) => String.fromCharCode(64 + ((letters >> shift) & 31))).join('');
  const facts: EdidFact[] = [
    { name: 'Maker, product', value: `${maker} ${hex(at(11))}${hex(at(10))}, model of ${1990 + at(17)}`, bytes: [[8, 12], [17, 18]] },
    { name: 'Version', value: `EDID ${at(18)}.${at(19)}`, bytes: [[18, 20]] },
  ];
  let preferred = timingOf(bytes.subarray(54, 72));
  const large = displayIdTiming(bytes);
  const native = large ?? preferred;
  if (native !== undefined) {
    const megahertz = (native.clock / 100).toFixed(2).replace(/0$/, '');
    facts.push({ name: 'Native mode', value: `${native.width} × ${native.height} at ${native.refresh.toFixed(2)} Hz, ${megahertz} MHz`, bytes: [large === undefined ? [54, 66] : [edidBytes + timingAt, edidBytes + timingAt + 20]] });
    facts.push({ name: 'Blanking', value: `${native.horizontalBlank} + ${native.verticalBlank}`, bytes: [large === undefined ? [57, 62] : [edidBytes + timingAt + 6, edidBytes + timingAt + 20]] });
  }
  if (large !== undefined && preferred !== undefined)
    facts.push({ name: 'Without extensions', value: `${preferred.width} × ${preferred.height}`, bytes: [[54, 66]] });
  preferred = native;
  const [across, down] = [at(66) | ((at(68) >> 4) << 8), at(67) | ((at(68) & 15) << 8)];
  const dots = native && across > 0 ? `, ${Math.round((native.width * 25.4) / across)} dpi` : '';
  facts.push({ name: 'Picture', value: across === 0 && down === 0 ? 'size not known' : `${across} × ${down} mm${dots}`, bytes: [[21, 23], [66, 69]] });
  for (let from = 72; from < 126; from += 18) {
    if (at(from) !== 0 || at(from + 1) !== 0) continue;
    const text = textOf(bytes.subarray(from + 5, from + 18));
    if (at(from + 3) === 0xfc) facts.push({ name: 'Name', value: text, bytes: [[from, from + 18]] });
    if (at(from + 3) === 0xff) facts.push({ name: 'Serial number', value: text, bytes: [[from, from + 18]] });
  }
  facts.push({ name: 'Checksum', value: `${hex(at(127))}, ${problem === '' ? 'right' : 'WRONG'}`, bytes: [[127, 128]] });
  return { facts, preferred: preferred && { width: preferred.width, height: preferred.height, refresh: preferred.refresh }, problem };
}

function problemOf(bytes: Uint8Array): string {
  if (bytes.length < edidBytes) return `An EDID has at least ${edidBytes} bytes; there are ${bytes.length}.`;
  if (signature.some((byte, index) => bytes[index] !== byte)) return 'The bytes do not begin as an EDID does.';
  const blocks = 1 + (bytes[126] ?? 0);
  if (bytes.length < blocks * edidBytes) return `It says that it has ${blocks} blocks, and ${Math.floor(bytes.length / edidBytes)} are there.`;
  for (let block = 0; block < blocks; block++) {
    const sum = bytes.subarray(block * edidBytes, (block + 1) * edidBytes).reduce((total, byte) => (total + byte) & 0xff, 0);
    if (sum !== 0) return `The checksum of block ${block} is wrong.`;
  }
  return '';
}

interface Timing {
  width: number;
  height: number;
  horizontalBlank: number;
  verticalBlank: number;
  /** In units of 10 kHz. */
  clock: number;
  refresh: number;
}

function complete(width: number, height: number, horizontalBlank: number, verticalBlank: number, clock: number): Timing | undefined {
  if (clock === 0) return undefined;
  return { width, height, horizontalBlank, verticalBlank, clock, refresh: (clock * 10_000) / ((width + horizontalBlank) * (height + verticalBlank)) };
}

function timingOf(d: Uint8Array): Timing | undefined {
  const at = (offset: number): number => d[offset] ?? 0;
  return complete(at(2) | ((at(4) >> 4) << 8), at(5) | ((at(7) >> 4) << 8), at(3) | ((at(4) & 15) << 8), at(6) | ((at(7) & 15) << 8), at(0) | (at(1) << 8));
}

/** The first Type I timing of a DisplayID section in the first extension block. */
function displayIdTiming(bytes: Uint8Array): Timing | undefined {
  const at = (offset: number): number => bytes[edidBytes + offset] ?? 0;
  if (bytes[126] === 0 || bytes.length < 2 * edidBytes || at(0) !== 0x70) return undefined;
  // As ours are: an identification, then one timing.
  if (at(timingAt - 3) !== 0x03 || at(timingAt - 1) < 20) return undefined;
  const word = (offset: number): number => 1 + (at(timingAt + offset) | (at(timingAt + 1 + offset) << 8));
  return complete(word(4), word(12), word(6), word(14), 1 + (at(timingAt) | (at(timingAt + 1) << 8) | (at(timingAt + 2) << 16)));
}

function textOf(bytes: Uint8Array): string {
  const text = [...bytes].map((byte) => (byte === 10 ? '\n' : byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '?')).join('');
  return (text.split('\n')[0] ?? '').trimEnd();
}
