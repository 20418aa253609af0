/**
 * A viewer that only counts: it asks for the next update as soon as it has one, and neither unpacks nor draws, so that the server is what is measured. A process
 * of its own.
 *
 *   node viewer.mjs PORT raw|zrle
 *
 * Says the size when it is in. Each line of its input is a question; the answer is a line of JSON: pixels and bytes since the last one.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [port, wanted] = process.argv.slice(2);
const raw = 0;
const zrle = 16;
const pixelBytes = 4;
let pixels = 0;
let bytes = 0;

const socket = connect(Number(port), '127.0.0.1');
socket.setNoDelay(true);
/** What has come and was not taken: buffers in their order. */
const pieces = [];
let held = 0;
let wake;
socket.on('data', (piece) => {
  bytes += piece.length;
  pieces.push(piece);
  held += piece.length;
  wake?.();
});
socket.on('close', () => process.exit(0));
socket.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});

const arrives = () => new Promise((resolve) => (wake = resolve));

async function take(count) {
  while (held < count) await arrives();
  held -= count;
  const parts = [];
  while (count > 0) {
    const first = pieces[0];
    const part = first.subarray(0, count);
    parts.push(part);
    count -= part.length;
    if (part.length === first.length) pieces.shift();
    else pieces[0] = first.subarray(part.length);
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** Passes by what nobody looks at, as it comes. */
async function pass(count) {
  while (count > 0) {
    if (held === 0) await arrives();
    const first = pieces[0];
    if (first === undefined) continue;
    const part = Math.min(count, first.length);
    count -= part;
    held -= part;
    if (part === first.length) pieces.shift();
    else pieces[0] = first.subarray(part);
  }
}

const request = (incremental, width, height) => {
  const message = Buffer.alloc(10);
  message.writeUInt8(3, 0);
  message.writeUInt8(incremental ? 1 : 0, 1);
  message.writeUInt16BE(width, 6);
  message.writeUInt16BE(height, 8);
  socket.write(message);
};

socket.write(await take(12));
await take((await take(1)).readUInt8(0));
socket.write(Buffer.from([1]));
if ((await take(4)).readUInt32BE(0) !== 0) throw new Error('The server lets nobody in.');
socket.write(Buffer.from([1]));
const init = await take(24);
const [width, height] = [init.readUInt16BE(0), init.readUInt16BE(2)];
await take(init.readUInt32BE(20));
// 32 bits little-endian, true colour, red in the lowest byte.
socket.write(Buffer.from([0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0]));
const encodings = Buffer.alloc(wanted === 'zrle' ? 12 : 8);
encodings.writeUInt8(2, 0);
encodings.writeUInt16BE(wanted === 'zrle' ? 2 : 1, 2);
if (wanted === 'zrle') encodings.writeInt32BE(zrle, 4);
encodings.writeInt32BE(raw, encodings.length - 4);
socket.write(encodings);
process.stdout.write(`${width} ${height}\n`);
createInterface({ input: process.stdin }).on('line', () => {
  process.stdout.write(`${JSON.stringify({ pixels, bytes })}\n`);
  pixels = bytes = 0;
});
request(false, width, height);
for (;;) {
  const [type] = await take(1);
  if (type === 2) continue;
  if (type === 3) {
    await take(3);
    await pass((await take(4)).readUInt32BE(0));
    continue;
  }
  if (type !== 0) throw new Error(`The server said ${type}, which this viewer does not know.`);
  const count = (await take(3)).readUInt16BE(1);
  // The next one is asked for before this one is here, as viewers do that keep up.
  request(true, width, height);
  for (let index = 0; index < count; index++) {
    const head = await take(12);
    const area = head.readUInt16BE(4) * head.readUInt16BE(6);
    const encoding = head.readInt32BE(8);
    pixels += area;
    if (encoding === raw) await pass(area * pixelBytes);
    else if (encoding === zrle) await pass((await take(4)).readUInt32BE(0));
    else throw new Error(`The server sent encoding ${encoding}, for which nobody asked.`);
  }
}
