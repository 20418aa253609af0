/**
 * Makes the console fonts in assets/fonts from the fonts named in assets/fonts/README.md. Run by hand, when a font changes:
 *
 *     node build/make-font.mjs FOLDER
 *
 * FOLDER holds the unpacked X11 fonts ter-u16b_ibm437.pcf.gz, clR8x8.pcf.gz and 5x8.pcf.gz.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { drawLines } from './line-glyphs.mjs';

/** Unicode of the 256 characters of code page 437, as the IBM PC's display adapters show them. */
export const codePage437 =
  '\u0000☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼' +
  ' !"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~⌂' +
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»' +
  '░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀' +
  'αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

const table = { metrics: 1 << 2, bitmaps: 1 << 3, encodings: 1 << 5, bdfAccelerators: 1 << 8, accelerators: 1 << 1 };
const bigEndian = 1 << 2;
const bitsMostSignificantFirst = 1 << 3;
const compressedMetrics = 0x100;

/** Reads a PCF font. Returns code → { left, ascent, width, rows: number[] } (bit `width - 1` is the leftmost), and the font's ascent. */
function readPcf(path) {
  const data = gunzipSync(readFileSync(path));
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.toString('latin1', 0, 4) !== '\u0001fcp') throw new Error(`${path} is not a PCF font`);
  const tables = new Map();
  for (let i = 0; i < view.getUint32(4, true); i++) {
    const at = 8 + 16 * i;
    tables.set(view.getUint32(at, true), view.getUint32(at + 12, true));
  }
  const open = (kind) => {
    const offset = tables.get(kind);
    if (offset === undefined) throw new Error(`${path} has no table ${kind}`);
    const format = view.getUint32(offset, true);
    return { offset: offset + 4, format, little: (format & bigEndian) === 0 };
  };

  const metrics = open(table.metrics);
  const glyphs = [];
  if (metrics.format & compressedMetrics) {
    const count = view.getUint16(metrics.offset, metrics.little);
    for (let i = 0; i < count; i++) {
      const at = metrics.offset + 2 + 5 * i;
      glyphs.push({ left: data[at] - 128, right: data[at + 1] - 128, ascent: data[at + 3] - 128, descent: data[at + 4] - 128 });
    }
  } else {
    const count = view.getUint32(metrics.offset, metrics.little);
    for (let i = 0; i < count; i++) {
      const at = metrics.offset + 4 + 12 * i;
      const field = (n) => view.getInt16(at + 2 * n, metrics.little);
      glyphs.push({ left: field(0), right: field(1), ascent: field(3), descent: field(4) });
    }
  }

  const bitmaps = open(table.bitmaps);
  if ((bitmaps.format & bitsMostSignificantFirst) === 0) throw new Error(`${path}: bit order not known`);
  const padding = 1 << (bitmaps.format & 3);
  const bits = bitmaps.offset + 4 + 4 * glyphs.length + 16;
  for (const [i, glyph] of glyphs.entries()) {
    glyph.width = glyph.right - glyph.left;
    const stride = Math.ceil(Math.ceil(glyph.width / 8) / padding) * padding;
    const start = bits + view.getUint32(bitmaps.offset + 4 + 4 * i, bitmaps.little);
    glyph.rows = Array.from({ length: glyph.ascent + glyph.descent }, (_, row) => data[start + row * stride]);
  }

  const accelerators = open(tables.has(table.bdfAccelerators) ? table.bdfAccelerators : table.accelerators);
  const ascent = view.getInt32(accelerators.offset + 8, accelerators.little);

  const encodings = open(table.encodings);
  const word = (n) => view.getUint16(encodings.offset + 2 * n, encodings.little);
  const byCode = new Map();
  let at = 5;
  for (let high = word(2); high <= word(3); high++) {
    for (let low = word(0); low <= word(1); low++) {
      const index = word(at++);
      if (index !== 0xffff) byCode.set((high << 8) | low, glyphs[index]);
    }
  }
  return { ascent, byCode };
}

/** Puts a glyph into a cell of 8 × `height`; `shift` moves it to the right. */
function place(font, glyph, height, shift) {
  const cell = new Array(height).fill(0);
  for (const [row, byte] of glyph.rows.entries()) {
    const y = font.ascent - glyph.ascent + row;
    if (y < 0 || y >= height) continue;
    const x = glyph.left + shift;
    cell[y] = (x >= 0 ? byte >> x : byte << -x) & 0xff;
  }
  return cell;
}

/** Reads drawn glyphs: `U+XXXX` lines, each followed by rows of `.` and `#`. */
function readDrawn(path) {
  const drawn = new Map();
  let rows;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const name = /^U\+([0-9A-F]{4})/.exec(line);
    if (name) drawn.set(String.fromCodePoint(parseInt(name[1], 16)), (rows = []));
    else if (/^[.#]{8}$/.test(line)) rows.push(parseInt(line.replaceAll('.', '0').replaceAll('#', '1'), 2));
    else if (line !== '' && !line.startsWith('//')) throw new Error(`${path}: cannot read "${line}"`);
  }
  return drawn;
}

function write(path, exported, height, glyphs, licence) {
  const lines = glyphs.map((rows, code) => {
    if (rows.length !== height) throw new Error(`glyph ${code} has ${rows.length} rows, not ${height}`);
    return `  '${rows.map((row) => row.toString(16).padStart(2, '0')).join('')}',`;
  });
  writeFileSync(
    path,
    `// Made by build/make-font.mjs; not to be edited. ${licence}\n\n` +
      `/** 8×${height} console font, code page 437: one line of hexadecimal rows per character, top row first, bit 7 leftmost. */\n` +
      `export const ${exported}: readonly string[] = [\n${lines.join('\n')}\n];\n`,
  );
}

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node build/make-font.mjs FOLDER');
  process.exit(2);
}
const output = join(import.meta.dirname, '..', 'assets', 'fonts');
const characters = [...codePage437];

const tall = readPcf(join(folder, 'ter-u16b_ibm437.pcf.gz'));
const drawnTall = readDrawn(join(output, 'drawn-8x16.txt'));
write(
  join(output, 'console-8x16.ts'),
  'console8x16',
  16,
  characters.map((character, code) => {
    if (code === 0 || code === 255) return new Array(16).fill(0);
    const drawn = drawnTall.get(character);
    if (drawn) return drawn;
    const glyph = tall.byCode.get(code);
    if (!glyph) throw new Error(`the 8x16 font has no glyph for ${character} (${code})`);
    return place(tall, glyph, 16, 0);
  }),
  'SIL Open Font License 1.1, see README.md.',
);

const clean = readPcf(join(folder, 'clR8x8.pcf.gz'));
const narrow = readPcf(join(folder, '5x8.pcf.gz'));
const drawnShort = readDrawn(join(output, 'drawn-8x8.txt'));
write(
  join(output, 'console-8x8.ts'),
  'console8x8',
  8,
  characters.map((character, code) => {
    if (code === 0 || code === 255) return new Array(8).fill(0);
    const drawn = drawnShort.get(character) ?? drawLines(code);
    if (drawn) return drawn;
    if (code > 32 && code < 127) return place(clean, clean.byCode.get(code), 8, 0);
    const glyph = narrow.byCode.get(character.codePointAt(0));
    if (!glyph) throw new Error(`the 8x8 font has no glyph for ${character} (${code})`);
    return place(narrow, glyph, 8, 1);
  }),
  'Free to use, see README.md.',
);
