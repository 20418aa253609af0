import { implement } from '@orpc/server';
import { contract } from '../../main/contract/contract.ts';
import type {
  BreakpointMessage,
  BreakpointSettings,
  DebugEventMessage,
  DisassembledLineMessage,
  LoadedSymbolsMessage,
  PageAttributesMessage,
  RegisterMessage,
  StackFrameMessage,
  TraceEntryMessage,
  VcpuRegistersMessage,
} from '../../main/contract/debug.ts';

const GENERAL = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi', 'eip'];

/** A page of RAM that everybody may write. */
export function page(address: number, part: Partial<PageAttributesMessage> = {}): PageAttributesMessage {
  return {
    address,
    physical: address,
    reason: 'mapped',
    writable: true,
    user: true,
    executable: true,
    accessed: false,
    dirty: false,
    global: false,
    pageSize: 4096,
    steps: [],
    backing: 'ram',
    hasCode: false,
    traced: false,
    watched: false,
    smram: false,
    ...part,
  };
}

/** A line of a listing, two bytes long. */
export function line(address: number, text: string, part: Partial<DisassembledLineMessage> = {}): DisassembledLineMessage {
  return {
    address,
    bytes: Uint8Array.of(0x90, 0x90),
    text,
    labels: [],
    target: null,
    source: null,
    breakpoints: [],
    current: false,
    ...part,
  };
}

/** The debugger of a {@link FakeHost}: what a test puts here is what panels are told. */
export class FakeDebug {
  readonly values = new Map<string, bigint>([['eip', 0x7c00n]]);
  /** Names of addresses. */
  readonly symbols = new Map<number, string>();
  breakpoints: BreakpointMessage[] = [];
  stopsAtTripleFault = false;
  lines: DisassembledLineMessage[] = [];
  /** Memory from address 0 on; what is behind cannot be read. */
  memory = new Uint8Array(0x10000);
  pages: Partial<PageAttributesMessage> = {};
  frames: StackFrameMessage[] = [];
  files: LoadedSymbolsMessage[] = [];
  trace: TraceEntryMessage[] = [];
  recording: 'instructions' | 'transfers' | null = null;
  /** What the next request that changes something is refused with. */
  refusal: string | undefined;
  readonly #events: DebugEventMessage[] = [];
  readonly #wake: (() => void)[] = [];

  constructor(readonly calls: string[]) {}

  /** Tells every panel. */
  tell(...events: DebugEventMessage[]): void {
    this.#events.push(...events);
    for (const wake of this.#wake.splice(0)) wake();
  }

  registers(cpu: number): VcpuRegistersMessage {
    const value = (name: string): bigint => this.values.get(name) ?? 0n;
    const register = (name: string, group: RegisterMessage['group'], bits = 32): RegisterMessage => ({
      name,
      group,
      bits,
      value: value(name),
      fields:
        name === 'eflags'
          ? [
              { name: 'CF', bit: 0, width: 1, value: Number(value(name) & 1n), meaning: 'carry' },
              { name: 'ZF', bit: 6, width: 1, value: Number((value(name) >> 6n) & 1n), meaning: 'zero' },
            ]
          : [],
      symbol: this.symbols.get(Number(value(name))) ?? null,
    });
    return {
      cpu,
      registers: [
        ...GENERAL.map((name) => register(name, 'general')),
        register('eflags', 'flags'),
        ...['cr0', 'cr2', 'cr3', 'cr4'].map((name) => register(name, 'control')),
        ...['gdtr_base', 'gdtr_limit', 'idtr_base', 'idtr_limit'].map((name) => register(name, 'table')),
        register('efer', 'msr', 64),
      ],
      segments: [{ name: 'cs', selector: 8, base: 0, limit: 0xffffffff, rights: 0xc09b, text: 'code, readable' }],
      cpl: 0,
      activity: 'running',
      inSmm: false,
      instructions: 7,
      pc: Number(value('eip')),
      codeBits: 32,
      stack: Number(value('esp')),
      stackBits: 32,
      mode: 'protected, 32-bit code',
      x87: {
        stack: [
          // Pi, and nothing.
          { bytes: Uint8Array.of(0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40), tag: 'valid' },
          { bytes: new Uint8Array(10), tag: 'empty' },
        ],
        control: register('fcw', 'x87', 16),
        status: register('fsw', 'x87', 16),
        instruction: { selector: 0, offset: 0, opcode: 0 },
        operand: { selector: 0, offset: 0 },
      },
    };
  }

  /** A change that a test may have refused. */
  #done(call: string): void {
    this.calls.push(call);
    if (this.refusal !== undefined) throw new Error(this.refusal);
  }

  #setBreakpoints(breakpoints: BreakpointMessage[]): void {
    this.breakpoints = breakpoints;
    this.tell({ kind: 'breakpoints', breakpoints });
  }

  #add(settings: BreakpointSettings, text: string): BreakpointMessage {
    const id = Math.max(0, ...this.breakpoints.map((each) => each.id)) + 1;
    const made: BreakpointMessage = { ...settings, id, owner: 'user', hits: 0, text, symbol: null };
    this.#setBreakpoints([...this.breakpoints, made]);
    return made;
  }

  /** The part `debug` of the host's router. */
  router() {
    const { debug: os } = implement(contract).$context<Record<never, never>>();
    return {
      events: os.events.handler(() => this.#watch()),
      breakpoints: {
        stopsAtTripleFault: os.breakpoints.stopsAtTripleFault.handler(() => ({ stop: this.stopsAtTripleFault })),
        stopAtTripleFault: os.breakpoints.stopAtTripleFault.handler(({ input }) => {
          this.stopsAtTripleFault = input.stop;
        }),
        list: os.breakpoints.list.handler(() => this.breakpoints),
        add: os.breakpoints.add.handler(({ input: { breakpoint } }) => {
          const { watched } = breakpoint;
          const text = watched.kind === 'execute' ? `execute 0x${watched.address.toString(16)}` : watched.kind;
          this.#done(`break ${text}`);
          return this.#add(breakpoint, text);
        }),
        addText: os.breakpoints.addText.handler(({ input: { text } }) => {
          this.#done(`break ${text}`);
          const watched = { kind: 'port', first: 0x60, last: 0x60, access: 'access' } as const;
          return this.#add({ watched, cpu: null, condition: null, ignore: 0, log: null, temporary: false, enabled: true }, text);
        }),
        change: os.breakpoints.change.handler(({ input: { breakpoint, change } }) => {
          this.#done(`change ${breakpoint} ${JSON.stringify(change)}`);
          this.#setBreakpoints(this.breakpoints.map((each) => (each.id === breakpoint ? { ...each, ...change } : each)));
          const changed = this.breakpoints.find(({ id }) => id === breakpoint);
          if (changed === undefined) throw new Error(`There is no breakpoint ${breakpoint}.`);
          return changed;
        }),
        remove: os.breakpoints.remove.handler(({ input: { breakpoints } }) => {
          this.#done(`unbreak ${breakpoints.join(' ')}`);
          this.#setBreakpoints(this.breakpoints.filter(({ id }) => !breakpoints.includes(id)));
        }),
      },
      step: os.step.handler(({ input }) => this.#done(`step ${input.kind} ${input.cpu}`)),
      runTo: os.runTo.handler(({ input }) => this.#done(`run to ${input.address.toString(16)}`)),
      registers: os.registers.handler(({ input }) => this.registers(input.cpu)),
      setRegister: os.setRegister.handler(({ input: { name, value } }) => {
        this.#done(`set ${name} ${value.toString(16)}`);
        this.values.set(name, value);
        this.tell({ kind: 'edited' });
      }),
      readMemory: os.readMemory.handler(({ input: { address, length } }) => {
        const bytes = new Uint8Array(length);
        const readable = new Uint8Array(length);
        for (let index = 0; index < length; index++) {
          const byte = this.memory[address + index];
          if (byte === undefined) continue;
          bytes[index] = byte;
          readable[index] = 1;
        }
        const first = Math.floor(address / 4096);
        const count = Math.ceil((address + length) / 4096) - first;
        const pages = Array.from({ length: count }, (_, index) => {
          const at = (first + index) * 4096;
          return at < this.memory.length
            ? page(at, this.pages)
            : page(at, { physical: null, reason: 'not-present', backing: null });
        });
        return { bytes, readable, pages };
      }),
      writeMemory: os.writeMemory.handler(({ input: { address, bytes } }) => {
        this.#done(`write ${address.toString(16)} ${[...bytes].map((byte) => byte.toString(16)).join(' ')}`);
        this.memory.set(bytes, address);
        this.tell({ kind: 'edited' });
      }),
      disassemble: os.disassemble.handler(({ input: { address, count } }) => {
        const pc = Number(this.values.get('eip') ?? 0n);
        const start = address ?? pc;
        return this.lines
          .filter((each) => each.address >= start)
          .slice(0, count)
          .map((each) => ({ ...each, current: each.address === pc }));
      }),
      callStack: os.callStack.handler(() => ({ frames: this.frames, end: 'There is nothing behind it.' })),
      trace: {
        start: os.trace.start.handler(({ input }) => {
          this.#done(`record ${input.what}`);
          this.recording = input.what;
        }),
        stop: os.trace.stop.handler(() => {
          this.#done('record nothing');
          this.recording = null;
        }),
        read: os.trace.read.handler(() => ({ entries: this.trace, recorded: this.trace.length, recording: this.recording })),
      },
      symbols: {
        list: os.symbols.list.handler(() => this.files),
        add: os.symbols.add.handler(({ input: { name, bytes, bias } }) => {
          this.#done(`symbols ${name} ${bytes.length} ${bias}`);
          const file = { name, bias, symbols: 1, lines: 0 };
          this.files = [...this.files, file];
          this.tell({ kind: 'symbols' });
          return file;
        }),
        remove: os.symbols.remove.handler(({ input: { name } }) => {
          this.#done(`no symbols ${name}`);
          this.files = this.files.filter((each) => each.name !== name);
          this.tell({ kind: 'symbols' });
        }),
        search: os.symbols.search.handler(({ input: { text } }) =>
          [...this.symbols]
            .filter(([, name]) => name.includes(text))
            .map(([address, name]) => ({ name, address, offset: 0, from: 'fake.map' })),
        ),
        resolve: os.symbols.resolve.handler(({ input: { text } }) => {
          for (const [address, name] of this.symbols) if (name === text) return { address };
          throw new Error(`There is no register or symbol named ${text}.`);
        }),
      },
    };
  }

  async *#watch(): AsyncGenerator<DebugEventMessage, void, void> {
    for (let at = 0; ;) {
      const event = this.#events[at];
      if (event === undefined) await new Promise<void>((resolve) => this.#wake.push(resolve));
      else {
        at++;
        yield event;
      }
    }
  }
}
