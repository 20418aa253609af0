/** Damages saved states (docs/formats/saved-state.md): as a medium does it, and as somebody who makes the checksums fit again. */
import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

const PREFIX = 16;
const HEAD = 64;
const SUM = 32;
const BITMAP = 32;
const LENGTHS = { offset: 8, stored: 16, plain: 20, encoding: 24 } as const;

/** A record with its stored bytes. */
interface Record {
  head: Buffer;
  stored: Buffer;
}

type Random = (below: number) => number;

function parse(file: Buffer): Record[] {
  const records: Record[] = [];
  for (let at = PREFIX; at < file.length;) {
    const head = Buffer.from(file.subarray(at, at + HEAD));
    const length = head.readUInt32LE(LENGTHS.stored);
    records.push({ head, stored: Buffer.from(file.subarray(at + HEAD, at + HEAD + length)) });
    at += HEAD + length;
  }
  return records;
}

function join(prefix: Buffer, records: readonly Record[]): Buffer {
  return Buffer.concat([prefix, ...records.flatMap(({ head, stored }) => [head, stored])]);
}

function seal({ head, stored }: Record): void {
  createHash('sha256').update(head.subarray(0, SUM)).update(stored).digest().copy(head, SUM);
}

const numbers = [0, 1, 7, 255, 4096, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1] as const;

function anyNumber(random: Random): number {
  return numbers[random(numbers.length)] ?? 0;
}

/** What a bad medium, a bad copy or a killed program makes of a file. No checksum fits. */
export function damageBytes(file: Buffer, random: Random): Buffer {
  const damaged = Buffer.from(file);
  const kind = random(4);
  const at = random(file.length);
  if (kind === 0) return damaged.subarray(0, at);
  if (kind === 1) return Buffer.concat([damaged, Buffer.alloc(1 + random(200), random(256))]);
  if (kind === 2) return Buffer.concat([damaged.subarray(0, at), damaged.subarray(Math.min(file.length, at + 1 + random(300)))]);
  // A length is where a byte does most harm.
  const record = parse(file);
  let start = PREFIX;
  for (const { stored } of record.slice(0, random(record.length))) start += HEAD + stored.length;
  const place = random(2) === 0 ? start + random(SUM) : at;
  damaged[place] = (damaged[place] ?? 0) ^ (1 << random(8));
  return damaged;
}

/** What somebody makes of a file who knows the format: values that cannot be, under checksums that fit. */
export function damageContent(file: Buffer, random: Random): Buffer {
  const records = parse(file);
  const index = random(records.length);
  const record = records[index];
  if (record === undefined) throw new Error('There is no record.');
  switch (random(6)) {
    case 0:
      record.head.writeUInt32LE(
        anyNumber(random),
        [4, LENGTHS.offset, LENGTHS.offset + 4, LENGTHS.plain, LENGTHS.encoding][random(5)] ?? 4,
      );
      break;
    case 1:
      records.splice(index, 1);
      break;
    case 2:
      records.splice(random(records.length), 0, { head: Buffer.from(record.head), stored: record.stored });
      break;
    case 3:
      record.stored = Buffer.from(Array.from({ length: record.stored.length }, () => random(256)));
      break;
    default:
      if (index === 0) record.stored = damageJson(record.stored, random);
      else if (record.head.readUInt32LE(LENGTHS.encoding) === 1) record.stored = damagePages(record, random);
  }
  record.head.writeUInt32LE(record.stored.length, LENGTHS.stored);
  seal(record);
  return join(file.subarray(0, PREFIX), records);
}

/** Some number or text of the head is another one. */
function damageJson(json: Buffer, random: Random): Buffer {
  const words = [...json.toString('utf8').matchAll(/\d+|"[^"]*"/g)];
  const word = words[random(words.length)];
  const put = ['-1', '1e308', '0.5', 'null', '"x"', '{}', '[]', String(anyNumber(random))][random(8)] ?? '';
  const text = json.toString('utf8');
  return word === undefined ? json : Buffer.from(text.slice(0, word.index) + put + text.slice(word.index + word[0].length));
}

/** Bytes of blocks and memory are others; which pages there are stays. */
function damagePages({ head, stored }: Record, random: Random): Buffer {
  const plain = inflateRawSync(stored);
  for (let count = 1 + random(40); count > 0; count--) plain[BITMAP + random(plain.length - BITMAP)] = random(256);
  head.writeUInt32LE(plain.length, LENGTHS.plain);
  return deflateRawSync(plain);
}
