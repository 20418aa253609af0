/** Containers of icons, with PNG pictures inside. A picture is `{ size, png }`, size in pixels. */

/** Icon types of PNG pictures by size (Apple Icon Image format). */
const ICNS_TYPES = { 16: 'icp4', 32: 'icp5', 64: 'icp6', 128: 'ic07', 256: 'ic08', 512: 'ic09', 1024: 'ic10' };

/** A Windows icon: ICONDIR, an ICONDIRENTRY of 16 bytes a picture, the pictures. 256 is written as 0. */
export function icoFile(pictures) {
  const table = Buffer.alloc(6 + 16 * pictures.length);
  table.writeUInt16LE(1, 2);
  table.writeUInt16LE(pictures.length, 4);
  let offset = table.length;
  pictures.forEach(({ size, png }, index) => {
    const entry = 6 + 16 * index;
    if (size > 256) throw new Error(`A Windows icon of ${size} pixels cannot be; 256 is the most.`);
    table.writeUInt8(size % 256, entry);
    table.writeUInt8(size % 256, entry + 1);
    table.writeUInt16LE(1, entry + 4);
    table.writeUInt16LE(32, entry + 6);
    table.writeUInt32LE(png.length, entry + 8);
    table.writeUInt32LE(offset, entry + 12);
    offset += png.length;
  });
  return Buffer.concat([table, ...pictures.map(({ png }) => png)]);
}

/** A macOS icon: `icns`, the whole length, then type, length and data of each picture, all big-endian. */
export function icnsFile(pictures) {
  const parts = pictures.map(({ size, png }) => {
    const type = ICNS_TYPES[size];
    if (type === undefined) throw new Error(`A macOS icon of ${size} pixels has no type.`);
    return chunk(type, png);
  });
  return chunk('icns', Buffer.concat(parts));
}

function chunk(type, data) {
  const head = Buffer.alloc(8);
  head.write(type, 0, 'latin1');
  head.writeUInt32BE(data.length + 8, 4);
  return Buffer.concat([head, data]);
}
