/**
 * Breakpoints as people write and read them, in gdb's `monitor break`, on the command line and in the app:
 *
 *     [physical] execute ADDRESS            write ADDRESS [LENGTH]      read …      access …
 *     port FIRST[-LAST] [read|write]        msr [NUMBER] [read|write]   cr0 [read|write]
 *     interrupt [VECTOR]                    exception [VECTOR]          mode        smm [enter|leave]
 *
 * followed by any of  cpu N · ignore N · temporary · disabled · if CONDITION · log TEXT  (these two last, and reach to the end).
 * Addresses are expressions without registers: numbers and symbols.
 */
import { describeMode, type AccessKind, type Hit, type Watched } from '../machine/debug/breakpoint.ts';
import { evaluate, ExpressionError, parseExpression } from '../machine/debug/expression.ts';

export type ResolveSymbol = (name: string) => number | undefined;

/** What a text says; everything but `watched` may be absent. */
export interface BreakpointText {
  watched: Watched;
  cpu: number | undefined;
  ignore: number;
  temporary: boolean;
  enabled: boolean;
  condition: string | undefined;
  log: string | undefined;
}

const accesses: ReadonlySet<string> = new Set(['read', 'write', 'access']);
const hex = (value: number): string => `0x${value.toString(16)}`;

function isAccess(word: string | undefined): word is AccessKind {
  return word !== undefined && accesses.has(word);
}

/** The value of a number or a symbol. */
function numberOf(text: string | undefined, what: string, resolve: ResolveSymbol, most = 0xffffffff): number {
  if (text === undefined) throw new ExpressionError(`${what} is missing.`);
  const value = evaluate(parseExpression(text, new Set(), resolve), {
    name: () => undefined,
    segmentBase: () => 0,
    memory: () => undefined,
  });
  if (value > most) throw new ExpressionError(`${what} is at most ${hex(most)}, not ${hex(value)}.`);
  return value;
}

/** Parses what stands above. Throws ExpressionError with a sentence. */
export function parseBreakpoint(text: string, resolve: ResolveSymbol = () => undefined): BreakpointText {
  const tail = /(?:^|\s)(if|log)\s+(.*)$/su;
  const result: BreakpointText = {
    watched: { kind: 'mode' },
    cpu: undefined,
    ignore: 0,
    temporary: false,
    enabled: true,
    condition: undefined,
    log: undefined,
  };
  let rest = text.trim();
  const first = tail.exec(rest);
  if (first !== null) {
    rest = rest.slice(0, first.index);
    let value = first[2] ?? '';
    if (first[1] === 'if') {
      const second = /\slog\s+(.*)$/su.exec(value);
      if (second !== null) {
        result.log = second[1];
        value = value.slice(0, second.index);
      }
      result.condition = value.trim();
    } else result.log = value;
  }
  const words = rest.split(/\s+/u).filter((word) => word !== '');
  const take = (): string | undefined => words.shift();
  const options = new Set(['cpu', 'ignore', 'temporary', 'disabled']);
  const physical = words[0] === 'physical';
  if (physical) take();
  const kind = take();
  const operands: string[] = [];
  while (words[0] !== undefined && !options.has(words[0])) operands.push(words.shift() ?? '');
  result.watched = watchedOf(kind, operands, physical, resolve);
  for (let option = take(); option !== undefined; option = take()) {
    if (option === 'temporary') result.temporary = true;
    else if (option === 'disabled') result.enabled = false;
    else if (option === 'cpu') result.cpu = numberOf(take(), 'The number of the vCPU', resolve, 15);
    else if (option === 'ignore') result.ignore = numberOf(take(), 'The count of hits to ignore', resolve);
    else throw new ExpressionError(`“${option}” is not expected there.`);
  }
  return result;
}

function watchedOf(kind: string | undefined, operands: string[], physical: boolean, resolve: ResolveSymbol): Watched {
  const space = physical ? 'physical' : 'linear';
  const last = operands.at(-1);
  const done = (watched: Watched, used: number): Watched => {
    if (physical && watched.kind !== 'execute' && watched.kind !== 'data')
      throw new ExpressionError('“physical” goes with execute, read, write and access.');
    const extra = operands[used];
    if (extra !== undefined) throw new ExpressionError(`“${extra}” is not expected there.`);
    return watched;
  };
  const withAccess = (watched: (access: AccessKind) => Watched, used: number): Watched => {
    if (!isAccess(operands[used])) return done(watched('access'), used);
    return done(watched(isAccess(last) ? last : 'access'), used + 1);
  };
  switch (kind) {
    case undefined:
      throw new ExpressionError(
        'Say what is watched: execute, read, write, access, port, msr, cr0 to cr4, interrupt, exception, mode or smm.',
      );
    case 'execute':
      return done({ kind, space, address: numberOf(operands[0], 'The address', resolve) }, 1);
    case 'read':
    case 'write':
    case 'access': {
      const length = operands[1] === undefined ? 4 : numberOf(operands[1], 'The length', resolve, longestWatch);
      if (length === 0) throw new ExpressionError('At least one byte is watched.');
      return done({ kind: 'data', space, address: numberOf(operands[0], 'The address', resolve), length, access: kind }, 2);
    }
    case 'port': {
      const [from, to] = (operands[0] ?? '').split('-');
      const port = numberOf(from === '' ? undefined : from, 'The port', resolve, 0xffff);
      const end = to === undefined ? port : numberOf(to, 'The last port', resolve, 0xffff);
      if (end < port) throw new ExpressionError('The last port lies before the first.');
      return withAccess((access) => ({ kind, first: port, last: end, access }), 1);
    }
    case 'msr': {
      const named = operands[0] !== undefined && !isAccess(operands[0]);
      const msr = named ? numberOf(operands[0], 'The MSR', resolve) : undefined;
      return withAccess((access) => ({ kind, msr, access }), named ? 1 : 0);
    }
    case 'cr0':
    case 'cr2':
    case 'cr3':
    case 'cr4': {
      const register = ({ cr0: 0, cr2: 2, cr3: 3, cr4: 4 } as const)[kind];
      return withAccess((access) => ({ kind: 'control', register, access }), 0);
    }
    case 'interrupt':
    case 'exception': {
      const vector =
        operands[0] === undefined ? undefined : numberOf(operands[0], 'The vector', resolve, kind === 'exception' ? 31 : 255);
      return done({ kind, vector }, 1);
    }
    case 'mode':
      return done({ kind }, 0);
    case 'smm': {
      const [edge = 'both'] = operands;
      if (edge !== 'enter' && edge !== 'leave' && edge !== 'both')
        throw new ExpressionError(`smm is followed by enter or leave, not ${edge}.`);
      return done({ kind, edge }, 1);
    }
    default:
      throw new ExpressionError(`There is no breakpoint of the kind “${kind}”.`);
  }
}

/** What one watchpoint may cover. */
export const longestWatch = 1 << 20;

/** What is watched, in the words above. */
export function describeWatched(watched: Watched): string {
  const access = (kind: AccessKind): string => (kind === 'access' ? '' : ` ${kind}`);
  switch (watched.kind) {
    case 'execute':
      return `${watched.space === 'physical' ? 'physical ' : ''}execute ${hex(watched.address)}`;
    case 'data':
      return `${watched.space === 'physical' ? 'physical ' : ''}${watched.access} ${hex(watched.address)} ${watched.length}`;
    case 'port':
      return `port ${hex(watched.first)}${watched.last === watched.first ? '' : `-${hex(watched.last)}`}${access(watched.access)}`;
    case 'msr':
      return `msr${watched.msr === undefined ? '' : ` ${hex(watched.msr)}`}${access(watched.access)}`;
    case 'control':
      return `cr${watched.register}${access(watched.access)}`;
    case 'interrupt':
    case 'exception':
      return `${watched.kind}${watched.vector === undefined ? '' : ` ${hex(watched.vector)}`}`;
    case 'mode':
      return 'mode';
    case 'smm':
      return watched.edge === 'both' ? 'smm' : `smm ${watched.edge}`;
  }
}

/** What happened at a hit, as a sentence without its end. */
export function describeHit(hit: Hit): string {
  const { watched, at, write, value } = hit;
  const verb = write === true ? 'written' : 'read';
  const shown = value === undefined ? '' : `: 0x${value.toString(16)}`;
  const problem = hit.problem === undefined ? '' : ` (its condition could not be evaluated: ${hit.problem})`;
  switch (watched.kind) {
    case 'execute':
      return `Reached ${hex(at)}${problem}`;
    case 'data':
      return `${hex(at)} was ${verb}${hit.before === undefined || write !== true ? shown : `: 0x${hit.before.toString(16)} became${shown.slice(1)}`}${problem}`;
    case 'port':
      return `Port ${hex(at)} was ${verb}${shown}${problem}`;
    case 'msr':
      return `MSR ${hex(at)} was ${verb}${shown}${problem}`;
    case 'control':
      return `CR${at} was ${verb}${shown}${problem}`;
    case 'interrupt':
      return `Interrupt ${hex(at)}, from EIP ${hex(hit.from ?? 0)}${problem}`;
    case 'exception':
      return `Exception ${at}${value === undefined ? '' : ` (error code 0x${value.toString(16)})`}, at EIP ${hex(hit.from ?? 0)}${problem}`;
    case 'mode':
      return `The mode is now ${describeMode(at)}${problem}`;
    case 'smm':
      return `System-management mode was ${at === 1 ? 'entered' : 'left'}${problem}`;
  }
}
