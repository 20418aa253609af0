/**
 * Evaluates an expression on a machine's memory, through a read window: what cannot be read is marked, with the reason, and never made up. Every
 * list is bounded and every cycle is found, since the guest may change what is read at any moment.
 */
import { describeEnding, type Operation, type Outcome, type Space } from '../operation.ts';
import type { Expression } from './expression.ts';
import type { Node } from './node.ts';
import {
  bytesOf,
  closest,
  describeType,
  findMember,
  resolve,
  StructureError,
  type Member,
  type Type,
  type TypeSet,
} from './types.ts';

export interface EvaluationOptions {
  /** How pointers are meant. */
  readonly space: Space;
  /** Pages have to be readable at CPL 3. */
  readonly user?: boolean;
  /** How many pointers deep structures are shown; 0: pointers stay numbers. */
  readonly follow?: number;
  /** Elements of an array, a list or a tree. */
  readonly mostElements?: number;
  /** Nodes of the whole tree. */
  readonly mostNodes?: number;
}

export interface EvaluationContext {
  /** Reads through a window that reports. */
  read(operation: Operation): Outcome;
  /** A register by its name in lower case; undefined: there is none. */
  register(name: string): number | undefined;
  /** Looks at a structure's bytes and says what they mean. */
  note?(type: string, bytes: Uint8Array): string | undefined;
}

/** A value: a place of a type, or a number. */
type Value =
  | { readonly kind: 'place'; readonly type: Type; readonly address: number; readonly bits?: Member['bits'] }
  | { readonly kind: 'number'; readonly type: Type; readonly value: number };

const longestString = 4096;
/** Bytes of one value that is read at once. */
const longestValue = 1 << 20;
const deepestTree = 64;
const int: Type = { kind: 'base', name: 'int', bytes: 4, encoding: 'signed' };
const text: Type = { kind: 'array', of: { kind: 'base', name: 'char', bytes: 1, encoding: 'character' }, count: 0 };

/** Something that an expression needs cannot be read: the answer is a mark. */
class Unreadable extends Error {
  constructor(
    readonly why: string,
    readonly address: number,
    readonly type: Type,
  ) {
    super(why);
  }
}

export class Evaluator {
  readonly #space: Space;
  readonly #user: boolean;
  readonly #follow: number;
  readonly #mostElements: number;
  #nodesLeft: number;
  /** Structures that pointers on the way here led through. */
  readonly #way: number[] = [];

  constructor(
    private readonly set: TypeSet,
    private readonly context: EvaluationContext,
    options: EvaluationOptions,
  ) {
    this.#space = options.space;
    this.#user = options.user === true;
    this.#follow = options.follow ?? 0;
    this.#mostElements = options.mostElements ?? 256;
    this.#nodesLeft = options.mostNodes ?? 10_000;
  }

  /** Throws StructureError for an expression that makes no sense; what cannot be read is in the tree. */
  evaluate(expression: Expression, name: string): Node {
    try {
      return this.#show(name, expression);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      return { name, type: describeType(error.type), address: error.address, unreadable: error.why };
    }
  }

  #show(name: string, expression: Expression): Node {
    switch (expression.kind) {
      case 'array':
        return this.#showArray(name, expression);
      case 'string':
        return this.#stringNode(name, this.#number(expression.of));
      case 'list':
        return this.#showList(name, expression);
      case 'chain':
        return this.#showChain(name, expression);
      case 'tree':
        return this.#showTree(name, expression);
      default:
        return this.#showValue(name, this.#value(expression));
    }
  }

  #showValue(name: string, value: Value): Node {
    if (value.kind === 'place') return this.#place(name, value.type, value.address, this.#follow, value.bits);
    const type = resolve(this.set, value.type);
    const node = { name, type: describeType(value.type), number: value.value, value: hex(value.value) };
    return type.kind === 'pointer'
      ? this.#pointee(node, type.to, value.value, this.#follow)
      : { ...node, value: numberText(value.value) };
  }

  // Expressions

  #fail(expression: Expression, problem: string): never {
    throw new StructureError(problem, { line: 1, column: expression.column });
  }

  #value(expression: Expression): Value {
    switch (expression.kind) {
      case 'number':
        return { kind: 'number', type: int, value: expression.value };
      case 'register': {
        const value = this.context.register(expression.name);
        if (value === undefined) this.#fail(expression, `There is no register $${expression.name}.`);
        return { kind: 'number', type: { kind: 'base', name: 'unsigned int', bytes: 4, encoding: 'unsigned' }, value };
      }
      case 'symbol':
        return this.#symbol(expression, expression.name);
      case 'sizeof':
        return { kind: 'number', type: int, value: bytesOf(this.set, expression.type) };
      case 'negative':
        return { kind: 'number', type: int, value: -this.#number(expression.of) };
      case 'cast':
        return this.#cast(expression.type, this.#value(expression.of));
      case 'address': {
        const place = this.#value(expression.of);
        if (place.kind !== 'place' || place.bits !== undefined) this.#fail(expression, 'This has no address.');
        return { kind: 'number', type: { kind: 'pointer', bytes: this.set.pointerBytes, to: place.type }, value: place.address };
      }
      case 'content':
        return this.#pointed(expression, this.#value(expression.of), 0);
      case 'index':
        return this.#pointed(expression, this.#value(expression.of), this.#number(expression.index));
      case 'member':
        return this.#member(expression, this.#value(expression.of), expression.name);
      case 'operation':
        return this.#operation(expression);
      default:
        return this.#fail(expression, 'A list is no value; it can only stand by itself.');
    }
  }

  #symbol(expression: Expression, name: string): Value {
    const symbol = this.set.symbols.get(name);
    if (symbol === undefined) this.#fail(expression, `There is no symbol ${name}${closest(this.set.symbols.keys(), name)}.`);
    const { address } = symbol;
    if (address < 0 || address >= 2 ** 32)
      this.#fail(expression, `${name} lies at 0x${address.toString(16)}, which is no address of 32 bits.`);
    if (symbol.type === undefined || symbol.type.kind === 'function') {
      return { kind: 'number', type: { kind: 'pointer', bytes: this.set.pointerBytes, to: { kind: 'void' } }, value: address };
    }
    return { kind: 'place', type: symbol.type, address };
  }

  #cast(type: Type, value: Value): Value {
    const kind = resolve(this.set, type).kind;
    if (kind === 'structure' || kind === 'array') {
      // As a debugger's user means it: what lies there.
      const address = value.kind === 'number' ? value.value : value.address;
      return { kind: 'place', type, address: address >>> 0 };
    }
    return { kind: 'number', type, value: this.#scalar(value) };
  }

  #pointed(expression: Expression, value: Value, index: number): Value {
    const type = resolve(this.set, value.type);
    let to: Type;
    let address: number;
    if (type.kind === 'array' && value.kind === 'place') {
      to = type.of;
      address = value.address;
    } else if (type.kind === 'pointer') {
      to = type.to;
      address = this.#scalar(value);
    } else return this.#fail(expression, `${describeType(value.type)} is neither a pointer nor an array.`);
    const bytes = bytesOf(this.set, to);
    if (resolve(this.set, to).kind === 'void' || resolve(this.set, to).kind === 'function')
      this.#fail(expression, 'What it points to has no type; cast it.');
    return { kind: 'place', type: to, address: (address + index * bytes) >>> 0 };
  }

  #member(expression: Expression, value: Value, name: string): Value {
    let type = resolve(this.set, value.type);
    let place = value;
    if (type.kind === 'pointer') {
      place = { kind: 'place', type: type.to, address: this.#scalar(value) >>> 0 };
      type = resolve(this.set, type.to);
    }
    if (type.kind !== 'structure' || place.kind !== 'place')
      this.#fail(expression, `${describeType(value.type)} has no members.`);
    const member = findMember(this.set, type, name);
    if (member === undefined) {
      this.#fail(
        expression,
        `${describeType(type)} has no member ${name}${closest(
          type.members.map((each) => each.name),
          name,
        )}.`,
      );
    }
    return { kind: 'place', type: member.type, address: (place.address + member.offset) >>> 0, bits: member.bits };
  }

  #operation(expression: Extract<Expression, { kind: 'operation' }>): Value {
    const left = this.#value(expression.left);
    const leftType = resolve(this.set, left.type);
    const right = this.#number(expression.right);
    if (leftType.kind === 'array' && left.kind === 'place' && (expression.sign === '+' || expression.sign === '-')) {
      const pointer: Type = { kind: 'pointer', bytes: this.set.pointerBytes, to: leftType.of };
      const step = Math.max(1, bytesOf(this.set, leftType.of));
      return { kind: 'number', type: pointer, value: (left.address + (expression.sign === '+' ? right : -right) * step) >>> 0 };
    }
    const number = this.#scalar(left);
    const step = leftType.kind === 'pointer' ? Math.max(1, bytesOf(this.set, leftType.to)) : 1;
    switch (expression.sign) {
      case '+':
        return { kind: 'number', type: left.type, value: number + right * step };
      case '-':
        return { kind: 'number', type: left.type, value: number - right * step };
      case '*':
        return { kind: 'number', type: int, value: number * right };
      case '/':
        if (right === 0) this.#fail(expression, 'Nothing can be divided by 0.');
        return { kind: 'number', type: int, value: Math.trunc(number / right) };
    }
  }

  #number(expression: Expression): number {
    return this.#scalar(this.#value(expression));
  }

  /** The number that a value is. Throws Unreadable. */
  #scalar(value: Value): number {
    if (value.kind === 'number') return value.value;
    const type = resolve(this.set, value.type);
    if (type.kind === 'array') return value.address;
    const bytes = value.bits === undefined ? bytesOf(this.set, type) : Math.ceil((value.bits.first + value.bits.count) / 8);
    if (type.kind === 'structure' || bytes === 0 || bytes > 8)
      throw new StructureError(`${describeType(value.type)} is no number.`);
    const outcome = this.#read(value.address, bytes);
    if (!outcome.complete) throw new Unreadable(why(outcome), value.address, value.type);
    const number = Number(integerOf(outcome.bytes, value.bits, isSigned(type)));
    if (!Number.isSafeInteger(number))
      throw new StructureError(
        `${describeType(value.type)} at ${hex(value.address)} holds a number that is too large to compute with.`,
      );
    return number;
  }

  #read(address: number, length: number): Outcome {
    return this.context.read({ kind: 'read', space: this.#space, user: this.#user, address: address >>> 0, length });
  }

  // Trees

  #room(): boolean {
    return --this.#nodesLeft > 0;
  }

  #place(name: string, type: Type, address: number, follow: number, bits?: Member['bits']): Node {
    const size = bits === undefined ? bytesOf(this.set, type) : Math.ceil((bits.first + bits.count) / 8);
    if (size > longestValue)
      return { name, type: describeType(type), address, size, more: `${size} bytes are not shown at once` };
    const outcome = this.#read(address, size);
    return this.#decode(name, type, address, outcome, 0, follow, bits);
  }

  /** A value that lies `at` bytes into what was read. */
  #decode(name: string, type: Type, address: number, outcome: Outcome, at: number, follow: number, bits?: Member['bits']): Node {
    const found = resolve(this.set, type);
    const node = { name, type: describeType(type), address };
    switch (found.kind) {
      case 'structure':
        return this.#structure(node, found, outcome, at, follow);
      case 'array':
        return this.#array(node, found, outcome, at, follow);
      case 'void':
      case 'function':
        return { ...node, value: hex(address) };
    }
    const size = bits === undefined ? found.bytes : Math.ceil((bits.first + bits.count) / 8);
    const bytes = outcome.bytes.subarray(at, at + size);
    if (bytes.length < size) return { ...node, size, unreadable: why(outcome) };
    if (found.kind === 'base' && found.encoding === 'float') return { ...node, size, value: floatText(bytes) };
    const value = integerOf(bytes, bits, isSigned(found));
    const number = Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
    const scalar = { ...node, size, ...(number === undefined ? {} : { number }) };
    if (found.kind === 'pointer')
      return this.#pointee({ ...scalar, value: `0x${value.toString(16)}` }, found.to, Number(value), follow);
    if (found.kind === 'enumeration') return { ...scalar, value: enumerationText(found.values, Number(value)) };
    if (found.encoding === 'character')
      return { ...scalar, value: `${value} ${characterText(Number(BigInt.asUintN(8, value)))}` };
    if (found.encoding === 'boolean')
      return { ...scalar, value: value === 0n ? 'false' : value === 1n ? 'true' : `${value} (neither true nor false)` };
    return { ...scalar, value: numberText(value) };
  }

  #structure(node: Node, type: Extract<Type, { kind: 'structure' }>, outcome: Outcome, at: number, follow: number): Node {
    const children: Node[] = [];
    let more: string | undefined;
    for (const member of type.members) {
      if (!this.#room()) {
        more = 'there are too many values to show';
        break;
      }
      children.push(
        this.#decode(
          member.name,
          member.type,
          (node.address ?? 0) + member.offset,
          outcome,
          at + member.offset,
          follow,
          member.bits,
        ),
      );
    }
    const bytes = outcome.bytes.subarray(at, at + type.bytes);
    const note = bytes.length === type.bytes ? this.context.note?.(node.type, bytes) : undefined;
    const broken = bytes.length === 0 && type.bytes > 0 ? { unreadable: why(outcome) } : {};
    return {
      ...node,
      size: type.bytes,
      children,
      ...(more === undefined ? {} : { more }),
      ...(note === undefined ? {} : { note }),
      ...broken,
    };
  }

  #array(node: Node, type: Extract<Type, { kind: 'array' }>, outcome: Outcome, at: number, follow: number): Node {
    const element = resolve(this.set, type.of);
    const bytes = bytesOf(this.set, element);
    const size = type.count * bytes;
    if (element.kind === 'base' && element.encoding === 'character' && element.bytes === 1 && type.count > 0) {
      const read = outcome.bytes.subarray(at, at + size);
      if (read.length < size && read.indexOf(0) < 0)
        return { ...node, size, unreadable: why(outcome), ...(read.length > 0 ? { note: `begins with ${quoted(read)}` } : {}) };
      const end = read.indexOf(0);
      return { ...node, size, value: quoted(end < 0 ? read : read.subarray(0, end)) };
    }
    const children: Node[] = [];
    const count = Math.min(type.count, this.#mostElements);
    for (let index = 0; index < count; index++) {
      if (!this.#room())
        return { ...node, size, children, more: `${type.count - index} more: there are too many values to show` };
      children.push(
        this.#decode(`[${index}]`, type.of, (node.address ?? 0) + index * bytes, outcome, at + index * bytes, follow),
      );
      if (at + (index + 1) * bytes > outcome.bytes.length) {
        if (index + 1 < type.count) return { ...node, size, children, more: `${type.count - index - 1} more, not readable` };
        break;
      }
    }
    if (type.count === 0) return { ...node, children, more: 'nobody says how many elements there are; array(…, count) does' };
    return count < type.count ? { ...node, size, children, more: `${type.count - count} more` } : { ...node, size, children };
  }

  /** Text behind a pointer to characters, and structures as deep as was asked for. */
  #pointee(node: Node, to: Type, address: number, follow: number): Node {
    const type = resolve(this.set, to);
    const pointer = { ...node, target: address };
    if (address === 0 || address >= 2 ** 32) return pointer;
    if (type.kind === 'base' && type.encoding === 'character' && type.bytes === 1) {
      const said = this.#stringNode('', address);
      return said.unreadable === undefined
        ? { ...pointer, value: `${node.value ?? ''} ${said.value ?? ''}` }
        : { ...pointer, note: said.unreadable };
    }
    if (follow <= 0 || type.kind === 'void' || type.kind === 'function') return pointer;
    if (this.#way.includes(address)) return { ...pointer, more: 'leads back to where it came from' };
    if (!this.#room()) return { ...pointer, more: 'there are too many values to show' };
    this.#way.push(address);
    try {
      return { ...pointer, children: [this.#place(`*${node.name}`, to, address, follow - 1)] };
    } finally {
      this.#way.pop();
    }
  }

  #stringNode(name: string, address: number): Node {
    const outcome = this.context.read({
      kind: 'string',
      space: this.#space,
      user: this.#user,
      address: address >>> 0,
      limit: longestString,
    });
    const node = { name, type: describeType(text), address: address >>> 0 };
    if (outcome.ending !== undefined)
      return {
        ...node,
        unreadable: why(outcome),
        ...(outcome.bytes.length > 0 ? { note: `begins with ${quoted(outcome.bytes)}` } : {}),
      };
    return {
      ...node,
      size: outcome.bytes.length,
      value: quoted(outcome.bytes),
      ...(outcome.complete ? {} : { more: `no NUL in ${longestString} bytes` }),
    };
  }

  #showArray(name: string, expression: Extract<Expression, { kind: 'array' }>): Node {
    const count = this.#number(expression.count);
    const first = this.#pointed(expression, this.#value(expression.of), 0);
    if (first.kind !== 'place') return this.#fail(expression, 'This is no array.');
    if (count < 0 || count > 2 ** 24) this.#fail(expression, `An array cannot have ${count} elements.`);
    const shown = Math.min(count, this.#mostElements);
    const node = this.#place(name, { kind: 'array', of: first.type, count: shown }, first.address, this.#follow);
    return {
      ...node,
      type: describeType({ kind: 'array', of: first.type, count }),
      ...(shown < count ? { more: `${count - shown} more` } : {}),
    };
  }

  /** Follows links; `next` gives the place of the next thing, undefined at the end. */
  #collect(node: Node, type: Type, first: number | undefined, next: (address: number) => number | undefined): Node {
    const children: Node[] = [];
    const seen = new Set<number>();
    const ended = (more?: string): Node => ({ ...node, children, ...(more === undefined ? {} : { more }) });
    for (let address = first; address !== undefined;) {
      if (seen.has(address)) return ended(`leads back to ${hex(address)}, which is in it already`);
      if (children.length === this.#mostElements) return ended('there are more');
      if (!this.#room()) return ended('there are too many values to show');
      seen.add(address);
      children.push(this.#place(`[${children.length}]`, type, address, this.#follow));
      try {
        address = next(address);
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        return ended(`the link at ${hex(error.address)} cannot be read: ${error.why}`);
      }
    }
    return ended();
  }

  #link(address: number): number {
    return (
      this.#scalar({
        kind: 'place',
        type: { kind: 'pointer', bytes: this.set.pointerBytes, to: { kind: 'void' } },
        address: address >>> 0,
      }) >>> 0
    );
  }

  #showList(name: string, expression: Extract<Expression, { kind: 'list' }>): Node {
    const member = findMember(this.set, expression.type, expression.member);
    if (member === undefined) this.#fail(expression, `${describeType(expression.type)} has no member ${expression.member}.`);
    const value = this.#value(expression.of);
    // The head itself, or a pointer to it.
    const head =
      resolve(this.set, value.type).kind === 'structure' && value.kind === 'place' ? value.address : this.#scalar(value);
    const container = (link: number): number | undefined =>
      link === head || link === 0 ? undefined : (link - member.offset) >>> 0;
    const node: Node = { name, type: `list of ${describeType(expression.type)}`, address: head >>> 0 };
    return this.#collect(node, expression.type, container(this.#link(head)), (address) =>
      container(this.#link(address + member.offset)),
    );
  }

  #showChain(name: string, expression: Extract<Expression, { kind: 'chain' }>): Node {
    const value = this.#value(expression.of);
    const type = resolve(this.set, value.type);
    const to = type.kind === 'pointer' ? type.to : value.type;
    const member = findMember(this.set, to, expression.member);
    if (member === undefined) this.#fail(expression, `${describeType(to)} has no member ${expression.member}.`);
    const first = type.kind === 'pointer' ? this.#scalar(value) >>> 0 : value.kind === 'place' ? value.address : 0;
    const node: Node = { name, type: `chain of ${describeType(to)}`, address: first };
    return this.#collect(node, to, first || undefined, (address) => this.#link(address + member.offset) || undefined);
  }

  #showTree(name: string, expression: Extract<Expression, { kind: 'tree' }>): Node {
    const value = this.#value(expression.of);
    const type = resolve(this.set, value.type);
    const to = type.kind === 'pointer' ? type.to : value.type;
    const [left, right] = [expression.left, expression.right].map((each) => {
      const member = findMember(this.set, to, each);
      if (member === undefined) this.#fail(expression, `${describeType(to)} has no member ${each}.`);
      return member.offset;
    });
    const children: Node[] = [];
    const seen = new Set<number>();
    let more: string | undefined;
    const visit = (address: number, depth: number): void => {
      if (address === 0 || more !== undefined) return;
      if (seen.has(address)) more = `leads back to ${hex(address)}, which is in it already`;
      else if (depth > deepestTree) more = `it is deeper than ${deepestTree}`;
      else if (seen.size >= this.#mostElements || !this.#room()) more = 'there are more';
      if (more !== undefined) return;
      seen.add(address);
      const branch = (offset: number): void => {
        try {
          visit(this.#link(address + offset), depth + 1);
        } catch (error) {
          if (!(error instanceof Unreadable)) throw error;
          more = `the link at ${hex(error.address)} cannot be read: ${error.why}`;
        }
      };
      branch(left ?? 0);
      children.push(this.#place(`[${children.length}]`, to, address, this.#follow));
      branch(right ?? 0);
    };
    const root = type.kind === 'pointer' ? this.#scalar(value) >>> 0 : value.kind === 'place' ? value.address : 0;
    visit(root, 0);
    return { name, type: `tree of ${describeType(to)}`, address: root, children, ...(more === undefined ? {} : { more }) };
  }
}

function why(outcome: Outcome): string {
  return outcome.ending === undefined ? 'not read' : describeEnding(outcome.ending);
}

const hex = (value: number): string => `0x${(value < 0 ? value >>> 0 : value).toString(16)}`;

function isSigned(type: Exclude<Type, { kind: 'named' }>): boolean {
  if (type.kind === 'enumeration') return type.values.some(([, value]) => value < 0);
  return type.kind === 'base' && (type.encoding === 'signed' || type.encoding === 'character');
}

function integerOf(bytes: Uint8Array, bits: Member['bits'], signed: boolean): bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[index] ?? 0);
  const count = bits?.count ?? 8 * bytes.length;
  value = BigInt.asUintN(count, value >> BigInt(bits?.first ?? 0));
  return signed ? BigInt.asIntN(count, value) : value;
}

/** Small numbers are read in decimal, others in both. */
function numberText(value: bigint | number): string {
  const number = BigInt(Math.trunc(Number(value)) === Number(value) || typeof value === 'bigint' ? value : 0);
  if (number > -10n && number < 10n) return number.toString();
  return number < 0n ? number.toString() : `${number} (0x${number.toString(16)})`;
}

function enumerationText(values: readonly (readonly [string, number])[], value: number): string {
  const exact = values.find(([, each]) => each === value);
  return exact === undefined ? `${value} (no value of this enumeration)` : `${exact[0]} (${value})`;
}

function characterText(code: number): string {
  return code >= 0x20 && code < 0x7f ? `'${String.fromCharCode(code)}'` : `'\\x${code.toString(16).padStart(2, '0')}'`;
}

export function quoted(bytes: Uint8Array): string {
  let result = '"';
  for (const byte of bytes) {
    if (byte === 0x22 || byte === 0x5c) result += `\\${String.fromCharCode(byte)}`;
    else if (byte === 0x0a) result += '\\n';
    else result += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `${result}"`;
}

function floatText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return String(view.getFloat32(0, true));
  if (bytes.length === 8) return String(view.getFloat64(0, true));
  if (bytes.length < 10) return `${bytes.length} bytes of a floating-point number`;
  // x87 extended: 64 bits of mantissa, then sign and exponent.
  const mantissa = Number(view.getBigUint64(0, true));
  const word = view.getUint16(8, true);
  const exponent = word & 0x7fff;
  const sign = (word & 0x8000) !== 0 ? -1 : 1;
  if (exponent === 0x7fff) return view.getBigUint64(0, true) << 1n === 0n ? String(sign * Infinity) : 'NaN';
  return String(sign * mantissa * 2 ** (exponent - 16383 - 63));
}
