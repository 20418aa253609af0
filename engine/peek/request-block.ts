/** The transient block through which the service worker and a vCPU's thread hand over one operation and its outcome. */
import { array, defineBlock, scalar } from '../layout/block.ts';
import type { MachineControl } from '../machine/control.ts';
import type { MachineMemory } from '../machine/memory.ts';
import type { HandOverWords } from './hand-over.ts';
import { segmentNames, sizeOf, type Ending, type Operation, type Outcome, type Space } from './operation.ts';

/** Bytes of one piece of an operation. */
export const pieceBytes = 16384;
/** Parts of a scatter list in one piece. */
const pieceParts = 96;
const argumentWords = 2 * pieceParts;

const kinds = ['read', 'string', 'scatter', 'chain', 'state'] as const satisfies Operation['kind'][];
const spaces = ['linear', 'segment', 'root', 'physical'] as const satisfies Space['kind'][];
const reasons = ['device', 'nothing', 'table', 'smram'] as const;
const enum End {
  none,
  fault,
  refused,
}

const requestBlock = defineBlock('peek', 1, {
  /** See hand-over.ts. */
  request: scalar('i32'),
  kind: scalar('u32'),
  space: scalar('u32'),
  /** Segment number, or CR3. */
  spaceArgument: scalar('u32'),
  user: scalar('u32'),
  address: scalar('f64'),
  /** Length or limit. */
  length: scalar('u32'),
  argumentCount: scalar('u32'),
  /** Chain: offsets. Scatter: address and length of each part. */
  arguments: array('f64', argumentWords),
  /** The outcome. */
  count: scalar('u32'),
  complete: scalar('u32'),
  pointerCount: scalar('u32'),
  pointers: array('u32', argumentWords),
  end: scalar('u32'),
  /** Vector, or index of the reason. */
  cause: scalar('u32'),
  code: scalar('u32'),
  endAddress: scalar('f64'),
  bytes: array('u8', pieceBytes),
});

export type RequestBlock = ReturnType<typeof requestBlock.at>;

/** Opens the block of a vCPU; the first time, which declares it, has to be before the directory is sealed. */
export function openRequestBlock(memory: MachineMemory, cpu: number): { block: RequestBlock; word: number } {
  const base = memory.directory.open(requestBlock, String(cpu), { transient: true });
  return { block: requestBlock.at(memory.buffer, base), word: (base + requestBlock.offset.request) >>> 2 };
}

/** Declares the blocks of all vCPUs while the machine is put together. */
export function declareRequestBlocks(memory: MachineMemory): void {
  for (let cpu = 0; cpu < memory.shape.cpus; cpu++) openRequestBlock(memory, cpu);
}

export function handOverWords(memory: MachineMemory, control: MachineControl): HandOverWords {
  const words = Array.from({ length: memory.shape.cpus }, (_, cpu) => openRequestBlock(memory, cpu).word);
  return {
    ...control.stopWords,
    request: (cpu) => {
      const word = words[cpu];
      if (word === undefined) throw new RangeError(`There is no virtual CPU ${cpu}.`);
      return word;
    },
  };
}

/** As much of an operation as fits the block. An operation has to make progress by pieces: restOf the outcome gives the next. */
export function firstPiece(operation: Operation): Operation {
  switch (operation.kind) {
    case 'read':
      return operation.length <= pieceBytes ? operation : { ...operation, length: pieceBytes };
    case 'string':
      return operation.limit <= pieceBytes ? operation : { ...operation, limit: pieceBytes };
    case 'chain':
      return operation.length <= pieceBytes ? operation : { ...operation, length: pieceBytes };
    case 'state':
      return operation;
    case 'scatter': {
      const parts: { address: number; length: number }[] = [];
      let left = pieceBytes;
      for (const { address, length } of operation.parts) {
        if (parts.length === pieceParts || left === 0) break;
        parts.push({ address, length: Math.min(length, left) });
        left -= Math.min(length, left);
      }
      return { ...operation, parts };
    }
  }
}

export function writeOperation(block: RequestBlock, operation: Operation): void {
  const { space } = operation;
  block.kind = kinds.indexOf(operation.kind);
  block.space = spaces.indexOf(space.kind);
  block.spaceArgument = space.kind === 'segment' ? segmentNames.indexOf(space.segment) : space.kind === 'root' ? space.cr3 : 0;
  block.user = operation.user === true ? 1 : 0;
  const list =
    operation.kind === 'chain'
      ? operation.offsets
      : operation.kind === 'scatter'
        ? operation.parts.flatMap((part) => [part.address, part.length])
        : [];
  block.address = 'address' in operation ? operation.address : 0;
  block.length = sizeOf(operation);
  block.argumentCount = list.length;
  block.arguments.set(list);
}

export function readOperation(block: RequestBlock): Operation {
  const kind = spaces[block.space] ?? 'linear';
  const space: Space =
    kind === 'segment'
      ? { kind, segment: segmentNames[block.spaceArgument] ?? 'ds' }
      : kind === 'root'
        ? { kind, cr3: block.spaceArgument }
        : { kind };
  const common = { space, user: block.user !== 0 };
  const { address, length } = block;
  const list = Array.from(block.arguments.subarray(0, block.argumentCount));
  switch (kinds[block.kind]) {
    case 'string':
      return { ...common, kind: 'string', address, limit: length };
    case 'chain':
      return { ...common, kind: 'chain', address, length, offsets: list };
    case 'scatter':
      return {
        ...common,
        kind: 'scatter',
        parts: Array.from({ length: list.length / 2 }, (_, part) => ({
          address: list[2 * part] ?? 0,
          length: list[2 * part + 1] ?? 0,
        })),
      };
    case 'state':
      return { ...common, kind: 'state' };
    default:
      return { ...common, kind: 'read', address, length };
  }
}

export function writeOutcome(block: RequestBlock, outcome: Outcome): void {
  const { ending } = outcome;
  block.bytes.set(outcome.bytes);
  block.count = outcome.bytes.length;
  block.complete = outcome.complete ? 1 : 0;
  block.pointers.set(outcome.pointers);
  block.pointerCount = outcome.pointers.length;
  block.end = ending === undefined ? End.none : ending.kind === 'fault' ? End.fault : End.refused;
  block.cause = ending === undefined ? 0 : ending.kind === 'fault' ? ending.vector : reasons.indexOf(ending.reason);
  block.code = ending?.kind === 'fault' ? ending.code : 0;
  block.endAddress = ending === undefined ? 0 : ending.kind === 'fault' ? ending.address : ending.physical;
}

export function readOutcome(block: RequestBlock): Outcome {
  let ending: Ending | undefined;
  if (block.end === End.fault) ending = { kind: 'fault', vector: block.cause, code: block.code, address: block.endAddress };
  else if (block.end === End.refused)
    ending = { kind: 'refused', reason: reasons[block.cause] ?? 'device', physical: block.endAddress };
  return {
    bytes: Uint8Array.from(block.bytes.subarray(0, block.count)),
    pointers: Array.from(block.pointers.subarray(0, block.pointerCount)),
    ending,
    complete: block.complete !== 0,
  };
}
