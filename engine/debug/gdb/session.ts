/**
 * One gdb that is attached to a machine: gdb's remote serial protocol (gdb manual, appendix E) over a stream of bytes. The machine is stopped
 * as a whole (all-stop); its vCPUs are threads, numbered from 1. Runs on the host's thread.
 */
import type { AccessKind, Hit, StopCause, Watched } from '../../machine/debug/breakpoint.ts';
import type { MemorySpace } from '../../machine/debug/calls.ts';
import { MachineError, type Machine, type MachineEvent } from '../../machine/machine.ts';
import { describeHit } from '../breakpoint-text.ts';
import type { BreakpointStore } from '../store.ts';
import {
  allRegisters,
  describeThread,
  eipNumber,
  gdbRegister,
  memoryMap,
  registerBytes,
  splitRegisters,
  targetDescription,
  threadList,
} from './description.ts';
import { monitor, type MonitorState } from './monitor.ts';
import {
  acknowledged,
  framed,
  fromHex,
  hexNumber,
  longestPacket,
  PacketReader,
  ProtocolError,
  refused,
  toHex,
} from './packets.ts';

/** What a session needs of whoever has the connection. */
export interface GdbConnection {
  send(bytes: Uint8Array): void;
  close(): void;
  /** Takes what should not have happened. */
  warn(sentence: string): void;
}

/** Errors of the protocol: EFAULT for memory that is not there, EINVAL for the rest. */
const badAddress = 'E0e';
const badRequest = 'E16';
const signal = { interrupt: '02', trap: '05', abort: '06', segmentation: '0b' } as const;
/** Bytes of a reply to `m`, two digits each. */
const longestRead = longestPacket / 2 - 16;
/** Packets that may wait while one is being answered. */
const longestQueue = 64;

const watchKinds: Readonly<Record<string, AccessKind>> = { '2': 'write', '3': 'read', '4': 'access' };
const watchNames = { write: 'watch', read: 'rwatch', access: 'awatch' } as const;

export class GdbSession {
  readonly #reader = new PacketReader();
  readonly #state: { cpu: number; physical: boolean; linearPc: boolean } & MonitorState = {
    cpu: 0,
    physical: false,
    linearPc: false,
  };
  /** gdb's own breakpoints: their packet to the number in the store. */
  readonly #own = new Map<string, number>();
  readonly #unsubscribe: () => void;
  #acknowledges = true;
  /** gdb waits for a stop reply. */
  #waits = false;
  #continueCpu: number | undefined;
  #knowsSwbreak = false;
  #cause: StopCause = { kind: 'pause' };
  #last: Uint8Array = new Uint8Array(0);
  #queue: Uint8Array[] = [];
  #working = false;
  #closed = false;

  constructor(
    private readonly machine: Machine,
    private readonly store: BreakpointStore,
    private readonly connection: GdbConnection,
  ) {
    this.#unsubscribe = machine.on((event) => this.#hear(event));
  }

  /** Bytes from gdb. */
  receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      for (const incoming of this.#reader.feed(bytes)) {
        if (incoming.kind === 'interrupt') void this.#interrupt();
        else if (incoming.kind === 'again') this.connection.send(this.#last);
        else if (incoming.kind === 'damaged') {
          if (this.#acknowledges) this.connection.send(refused);
        } else {
          if (this.#acknowledges) this.connection.send(acknowledged);
          if (this.#queue.length >= longestQueue) throw new ProtocolError('gdb sends without waiting for answers.');
          this.#queue.push(incoming.body);
        }
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.connection.warn(`The connection of gdb was closed: ${error.message}`);
      this.#end();
      return;
    }
    void this.#work();
  }

  /** The connection is gone: gdb's breakpoints go; the machine stays as it is. */
  async closed(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    this.#queue = [];
    const ids = [...this.#own.values()];
    this.#own.clear();
    await this.#guard(() => this.store.remove(...ids));
  }

  #end(): void {
    this.connection.close();
  }

  /** The machine may go off at any time; a call to it fails then, and its own event ends the session. */
  async #guard(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
    }
  }

  // Answers

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      for (let body = this.#queue.shift(); body !== undefined && !this.#closed; body = this.#queue.shift()) {
        const reply = await this.#answered(body);
        if (reply !== undefined) this.#send(reply);
      }
    } finally {
      this.#working = false;
    }
  }

  async #answered(body: Uint8Array): Promise<string | undefined> {
    try {
      return await this.#answer(Buffer.from(body).toString('latin1'), body);
    } catch (error) {
      if (!(error instanceof MachineError))
        this.connection.warn(`gdb was not answered: ${error instanceof Error ? error.message : String(error)}`);
      this.#waits = false;
      return badRequest;
    }
  }

  #send(text: string): void {
    this.#last = framed(text);
    this.connection.send(this.#last);
  }

  /** The reply to a packet; undefined while there is none yet. An empty one: not supported. */
  async #answer(text: string, body: Uint8Array): Promise<string | undefined> {
    const rest = text.slice(1);
    switch (text[0]) {
      case '?':
        await this.#pause();
        return this.#stopReply();
      case '!':
        return 'OK';
      case 'g':
        return toHex(await this.#allRegisters());
      case 'G':
        return this.#writeAll(rest);
      case 'p':
        return this.#readRegister(rest);
      case 'P':
        return this.#writeRegister(rest);
      case 'm':
        return this.#readMemory(rest);
      case 'M': {
        const [place = '', data = ''] = rest.split(':');
        return this.#writeMemory(place, fromHex(data));
      }
      case 'X': {
        const colon = text.indexOf(':');
        return this.#writeMemory(text.slice(1, Math.max(colon, 1)), colon < 0 ? undefined : body.subarray(colon + 1));
      }
      case 'c':
      case 's':
        return this.#resumeAt(rest, text[0] === 's');
      case 'C':
      case 'S':
        return this.#resumeAt(rest.split(';')[1] ?? '', text[0] === 'S');
      case 'H':
        return this.#chooseThread(rest);
      case 'T':
        return this.#cpuOf(rest) === undefined ? badRequest : 'OK';
      case 'Z':
      case 'z':
        return this.#breakpoint(rest, text[0] === 'Z');
      case 'D':
        return this.#detach();
      case 'k':
        await this.machine.powerOff();
        this.#end();
        return undefined;
      case 'R':
        await this.machine.reset();
        return undefined;
      case 'q':
        return this.#query(text);
      case 'Q':
        return this.#set(text);
      case 'v':
        return this.#verbose(text);
      default:
        return '';
    }
  }

  async #query(text: string): Promise<string> {
    const [name = ''] = text.split(/[:,;]/u);
    switch (name) {
      case 'qSupported':
        this.#knowsSwbreak = text.includes('swbreak+');
        return [
          `PacketSize=${longestPacket.toString(16)}`,
          'QStartNoAckMode+',
          'qXfer:features:read+',
          'qXfer:memory-map:read+',
          'qXfer:threads:read+',
          'vContSupported+',
          'swbreak+',
          'hwbreak+',
        ].join(';');
      case 'qAttached':
        return '1';
      case 'qC':
        return `QC${(this.#state.cpu + 1).toString(16)}`;
      case 'qfThreadInfo':
        return `m${this.#cpus.map((cpu) => (cpu + 1).toString(16)).join(',')}`;
      case 'qsThreadInfo':
        return 'l';
      case 'qThreadExtraInfo': {
        const cpu = this.#cpuOf(text.slice('qThreadExtraInfo,'.length));
        if (cpu === undefined) return badRequest;
        return toHex(Buffer.from(`vCPU ${cpu}: ${describeThread(await this.#vcpu(cpu))}`));
      }
      case 'qXfer':
        return this.#transfer(text);
      case 'qRcmd': {
        const command = fromHex(text.slice('qRcmd,'.length));
        if (command === undefined) return badRequest;
        const answer = await monitor(Buffer.from(command).toString('utf8'), this.machine, this.store, this.#state);
        return this.#console(answer) ? 'OK' : badRequest;
      }
      case 'qSymbol':
        return 'OK';
      case 'qqemu.PhyMemMode':
        return this.#state.physical ? '1' : '0';
      default:
        return '';
    }
  }

  /** Text on gdb's console, in as many packets as it takes. */
  #console(text: string): boolean {
    const bytes = Buffer.from(text, 'utf8');
    for (let at = 0; at < bytes.length; at += longestRead) this.#send(`O${bytes.subarray(at, at + longestRead).toString('hex')}`);
    return true;
  }

  #set(text: string): string {
    if (text === 'QStartNoAckMode') {
      this.#acknowledges = false;
      return 'OK';
    }
    const mode = /^Qqemu\.PhyMemMode:([01])$/u.exec(text);
    if (mode === null) return '';
    this.#state.physical = mode[1] === '1';
    return 'OK';
  }

  async #verbose(text: string): Promise<string | undefined> {
    if (text === 'vCont?') return 'vCont;c;C;s;S';
    if (text.startsWith('vCont;')) return this.#continue(text.slice('vCont;'.length).split(';'));
    if (text.startsWith('vKill')) {
      await this.machine.powerOff();
      return 'OK';
    }
    return '';
  }

  async #transfer(text: string): Promise<string> {
    const match = /^qXfer:(features|memory-map|threads):read:([^:]*):([0-9a-f]+),([0-9a-f]+)$/iu.exec(text);
    if (match === null) return text.includes(':read:') ? badRequest : '';
    const [, object, annex] = match;
    const offset = hexNumber(match[3]);
    const length = hexNumber(match[4]);
    if (offset === undefined || length === undefined || annex !== (object === 'features' ? 'target.xml' : '')) return badRequest;
    const document =
      object === 'features'
        ? targetDescription()
        : object === 'threads'
          ? threadList(await Promise.all(this.#cpus.map((cpu) => this.#vcpu(cpu))))
          : memoryMap(this.machine.configuration, this.#state.physical);
    const piece = document.slice(offset, offset + Math.min(length, longestRead));
    return `${offset + piece.length < document.length ? 'm' : 'l'}${piece}`;
  }

  // Threads and registers

  get #cpus(): number[] {
    return Array.from({ length: this.machine.configuration.cpus }, (_, cpu) => cpu);
  }

  /** The vCPU of a thread number. */
  #cpuOf(thread: string): number | undefined {
    const number = hexNumber(thread);
    return number !== undefined && number >= 1 && number <= this.machine.configuration.cpus ? number - 1 : undefined;
  }

  #chooseThread(text: string): string {
    const thread = text.slice(1);
    const any = thread === '0' || thread === '-1';
    const cpu = any ? undefined : this.#cpuOf(thread);
    if (!any && cpu === undefined) return badRequest;
    if (text.startsWith('c')) this.#continueCpu = cpu;
    else if (text.startsWith('g')) this.#state.cpu = cpu ?? this.#state.cpu;
    else return '';
    return 'OK';
  }

  /** Registers of a vCPU as gdb is to see them. */
  async #vcpu(cpu: number) {
    const vcpu = await this.machine.debug('registers', { cpu });
    if (!this.#state.linearPc) return vcpu;
    return {
      ...vcpu,
      registers: vcpu.registers.map((each) => (each.name === 'eip' ? { ...each, value: BigInt(vcpu.pc) } : each)),
    };
  }

  async #allRegisters(): Promise<Uint8Array> {
    return allRegisters(await this.#vcpu(this.#state.cpu));
  }

  async #readRegister(text: string): Promise<string> {
    const number = hexNumber(text);
    const bytes = number === undefined ? undefined : registerBytes(number, await this.#vcpu(this.#state.cpu));
    return bytes === undefined ? badRequest : toHex(bytes);
  }

  async #writeRegister(text: string): Promise<string> {
    const [left, right = ''] = text.split('=');
    const number = hexNumber(left);
    const value = fromHex(right);
    if (number === undefined || value === undefined) return badRequest;
    return this.#store(number, value);
  }

  /** Only what differs is stored: a segment that stays what it is must not be refused for its descriptor. */
  async #writeAll(text: string): Promise<string> {
    const bytes = fromHex(text);
    const parts = bytes === undefined ? undefined : splitRegisters(bytes);
    if (parts === undefined) return badRequest;
    const before = await this.#vcpu(this.#state.cpu);
    for (const { number, value } of parts) {
      const now = registerBytes(number, before);
      if (now === undefined || Buffer.compare(now, value) === 0) continue;
      const reply = await this.#store(number, value);
      if (reply !== 'OK') return reply;
    }
    return 'OK';
  }

  async #store(number: number, value: Uint8Array): Promise<string> {
    const register = gdbRegister(number);
    if (register?.own === undefined || value.length !== register.bytes) return 'E.This register cannot be changed.';
    let whole = 0n;
    for (const byte of [...value].reverse()) whole = (whole << 8n) | BigInt(byte);
    const { cpu, linearPc } = this.#state;
    if (number === eipNumber && linearPc) {
      const { registers } = await this.machine.debug('registers', { cpu });
      whole = BigInt.asUintN(32, whole - (registers.find(({ name }) => name === 'cs_base')?.value ?? 0n));
    }
    try {
      await this.machine.debug('setRegister', { cpu, name: register.own, value: whole });
      return 'OK';
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      return `E.${error.message}`;
    }
  }

  // Memory

  get #space(): MemorySpace {
    return this.#state.physical ? { kind: 'physical' } : { kind: 'linear', cpu: this.#state.cpu };
  }

  async #readMemory(text: string): Promise<string> {
    const [left, right] = text.split(',');
    const address = hexNumber(left);
    const length = hexNumber(right);
    if (address === undefined || length === undefined) return badRequest;
    const { bytes, readable } = await this.machine.debug('readMemory', {
      space: this.#space,
      address,
      length: Math.min(length, longestRead),
    });
    const end = readable.indexOf(0);
    // Less than asked for says that the rest cannot be read.
    if (end === 0) return badAddress;
    return toHex(end < 0 ? bytes : bytes.subarray(0, end));
  }

  async #writeMemory(place: string, bytes: Uint8Array | undefined): Promise<string> {
    const [left, right] = place.split(',');
    const address = hexNumber(left);
    const length = hexNumber(right);
    if (address === undefined || bytes === undefined || length !== bytes.length) return badRequest;
    try {
      await this.machine.debug('writeMemory', { space: this.#space, address, bytes });
      return 'OK';
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      return badAddress;
    }
  }

  // Breakpoints

  async #breakpoint(text: string, insert: boolean): Promise<string> {
    const [packet = ''] = text.split(';');
    const [type = '', left, right] = packet.split(',');
    const address = hexNumber(left);
    const length = hexNumber(right);
    const access = watchKinds[type];
    if (type !== '0' && type !== '1' && access === undefined) return '';
    if (address === undefined || length === undefined || (access !== undefined && (length === 0 || length > 0x10000)))
      return badRequest;
    const known = this.#own.get(packet);
    if (!insert) {
      this.#own.delete(packet);
      if (known !== undefined) await this.store.remove(known);
      return 'OK';
    }
    if (known !== undefined && this.store.get(known) !== undefined) return 'OK';
    const space = this.#state.physical ? 'physical' : 'linear';
    const watched: Watched =
      access === undefined ? { kind: 'execute', space, address } : { kind: 'data', space, address, length, access };
    const { id } = await this.store.add({ watched, owner: 'gdb' });
    this.#own.set(packet, id);
    return 'OK';
  }

  // Running

  async #pause(): Promise<void> {
    if (this.machine.state === 'running') await this.machine.pause();
  }

  /** Ctrl-C. The stop reply comes by the machine's event. */
  async #interrupt(): Promise<void> {
    await this.#guard(async () => {
      if (this.machine.state === 'running') await this.machine.pause();
      else if (this.#waits) this.#stopped({ kind: 'pause' });
    });
  }

  async #resumeAt(text: string, step: boolean): Promise<string | undefined> {
    if (text !== '') {
      const address = hexNumber(text);
      if (address === undefined) return badRequest;
      await this.machine.debug('setRegister', { cpu: this.#state.cpu, name: 'eip', value: BigInt(address) });
    }
    const cpu = this.#continueCpu ?? this.#state.cpu;
    if (step) return this.#go(() => this.machine.debug('step', { cpu, count: 1, others: 'stopped' }));
    return this.#go(() => this.machine.resume());
  }

  /** vCont: each thread gets the first action that fits it. */
  async #continue(actions: readonly string[]): Promise<string | undefined> {
    const steps: number[] = [];
    const goes: number[] = [];
    const parsed: { step: boolean; cpu: number | undefined }[] = [];
    for (const action of actions) {
      const match = /^(c|s|C[0-9a-f]{2}|S[0-9a-f]{2})(?::(-1|[0-9a-f]+))?$/iu.exec(action);
      if (match === null) return badRequest;
      const [, what = '', thread] = match;
      const cpu = thread === undefined || thread === '-1' ? undefined : this.#cpuOf(thread);
      if (thread !== undefined && thread !== '-1' && cpu === undefined) return badRequest;
      parsed.push({ step: what[0]?.toLowerCase() === 's', cpu });
    }
    for (const cpu of this.#cpus) {
      const action = parsed.find((each) => each.cpu === undefined || each.cpu === cpu);
      if (action !== undefined) (action.step ? steps : goes).push(cpu);
    }
    const [step] = steps;
    if (step !== undefined) {
      const others = goes.length > 0 && goes.length + 1 === this.#cpus.length ? 'running' : 'stopped';
      return this.#go(() => this.machine.debug('step', { cpu: step, count: 1, others }));
    }
    if (goes.length === 0) return badRequest;
    if (goes.length === this.#cpus.length) return this.#go(() => this.machine.resume());
    return this.#go(() => this.machine.debug('resumeSome', { cpus: goes }));
  }

  async #go(start: () => Promise<void>): Promise<undefined> {
    this.#waits = true;
    await start();
    return undefined;
  }

  async #detach(): Promise<undefined> {
    const ids = [...this.#own.values()];
    this.#own.clear();
    await this.store.remove(...ids);
    if (this.machine.state === 'paused') await this.machine.resume();
    this.#send('OK');
    this.#end();
    return undefined;
  }

  // What the machine says

  #hear(event: MachineEvent): void {
    if (event.kind === 'debug') {
      if (event.event.kind === 'stopped') this.#stopped(event.event.cause);
      else if (this.#waits) this.#console(`Breakpoint ${event.event.id}, vCPU ${event.event.cpu}: ${event.event.text}\n`);
    } else if (event.kind === 'state' && (event.state === 'off' || event.state === 'crashed')) {
      if (this.#waits) this.#send(event.state === 'off' ? 'W00' : `X${signal.abort}`);
      this.#waits = false;
    }
  }

  #stopped(cause: StopCause): void {
    this.#cause = cause;
    if (cause.kind !== 'pause') this.#state.cpu = cause.cpu;
    if (!this.#waits) return;
    this.#waits = false;
    if (cause.kind === 'breakpoint') {
      const foreign = cause.hits.filter(({ id }) => this.store.get(id)?.owner !== 'gdb');
      for (const hit of foreign) this.#console(`Breakpoint ${hit.id} of the machine, vCPU ${cause.cpu}: ${describeHit(hit)}.\n`);
    } else if (cause.kind === 'tripleFault') this.#console(`Triple fault of vCPU ${cause.cpu}: going on resets the machine.\n`);
    this.#send(this.#stopReply());
  }

  #stopReply(): string {
    const cause = this.#cause;
    const { state } = this.machine;
    if (state === 'off') return 'W00';
    if (state === 'crashed') return `X${signal.abort}`;
    const thread = `thread:${(this.#state.cpu + 1).toString(16)};`;
    switch (cause.kind) {
      case 'pause':
        return `T${signal.interrupt}${thread}`;
      case 'step':
        return `T${signal.trap}${thread}`;
      case 'tripleFault':
        return `T${signal.segmentation}${thread}`;
      case 'breakpoint':
        return `T${signal.trap}${thread}${this.#reason(cause.hits)}`;
    }
  }

  #reason(hits: readonly Hit[]): string {
    const own = hits.find(({ id }) => this.store.get(id)?.owner === 'gdb');
    if (own === undefined) return '';
    const { watched } = own;
    if (watched.kind === 'data') return `${watchNames[watched.access]}:${watched.address.toString(16)};`;
    const isHard = [...this.#own].some(([packet, id]) => id === own.id && packet.startsWith('1'));
    return this.#knowsSwbreak ? (isHard ? 'hwbreak:;' : 'swbreak:;') : '';
  }
}
