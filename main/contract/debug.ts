import { eventIterator } from '@orpc/contract';
import { z } from 'zod';
import { byteArray } from './bytes.ts';
import { procedure } from './errors.ts';
import { machineId } from './machine.ts';

/**
 * Looking inside a machine, and making it stop. Breakpoints belong to a machine and outlive its runs; everything else needs it to be on
 * (WRONG_STATE otherwise). Reads have no side effects: no accessed bit, no effect in a chip. Of a machine that runs they show one instant between two
 * instructions; numbers of vCPUs count from 0. Addresses are linear unless a payload says `physical`.
 */

const address = z.int().min(0).max(0xffffffff);
const cpu = z.int().min(0).max(15);
const accessKind = z.enum(['read', 'write', 'access']);
const addressSpace = z.enum(['linear', 'physical']);

/** What a breakpoint watches. Execute stops before the instruction; data, ports, MSRs and control registers behind it; interrupts at the handler. */
export const watched = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('execute'), space: addressSpace, address }),
  z.object({
    kind: z.literal('data'),
    space: addressSpace,
    address,
    length: z
      .int()
      .min(1)
      .max(1 << 20),
    access: accessKind,
  }),
  z.object({ kind: z.literal('port'), first: z.int().min(0).max(0xffff), last: z.int().min(0).max(0xffff), access: accessKind }),
  /** `msr` null: every one. */
  z.object({ kind: z.literal('msr'), msr: address.nullable(), access: accessKind }),
  z.object({ kind: z.literal('control'), register: z.literal([0, 2, 3, 4]), access: accessKind }),
  /** `vector` null: every one. */
  z.object({ kind: z.literal('interrupt'), vector: z.int().min(0).max(255).nullable() }),
  z.object({ kind: z.literal('exception'), vector: z.int().min(0).max(31).nullable() }),
  z.object({ kind: z.literal('mode') }),
  z.object({ kind: z.literal('smm'), edge: z.enum(['enter', 'leave', 'both']) }),
]);

const expressionText = z.string().max(1000);

/** A line of a source, counted from 1; `file` as the machine's own assembly or a symbol file says it. */
export const sourceLine = z.object({ file: z.string().min(1).max(1024), line: z.int().min(1) });

export const breakpointSettings = z.object({
  watched,
  /**
   * The line of the machine's own source that it stands for. Each time the source is assembled, `watched` becomes the address of that
   * line, or of the next one with code. Null or absent: it stays at its address.
   */
  source: sourceLine.nullish(),
  /** Null: every vCPU. */
  cpu: cpu.nullable(),
  /** C's operators over registers, `byte[…] word[…] dword[…]`, symbols, `value`, `before`, `address`, `hits`. Null: none. */
  condition: expressionText.nullable(),
  /** Hits that are counted and pass. */
  ignore: z.int().min(0).max(0xffffffff),
  /** A hit is logged as this text and the guest goes on; `{eax}` and other expressions in braces stand for their values. Null: it stops. */
  log: expressionText.nullable(),
  /** It goes with its first stop. */
  temporary: z.boolean(),
  enabled: z.boolean(),
});

export const breakpoint = breakpointSettings.extend({
  id: z.int(),
  /** `gdb`: set by a gdb that is attached, and goes with it. `run`: the end of a step or of "run to". */
  owner: z.enum(['user', 'gdb', 'run']),
  /** Since power-on. */
  hits: z.int(),
  /** What is watched as people write it: "write 0x600 2". */
  text: z.string(),
  /** "name+0x12" of the linear address that is watched. */
  symbol: z.string().nullable(),
  /** The source line that this address belongs to now, where one is known. */
  at: sourceLine.nullish(),
});

/** Why the machine stands still. */
export const stopCause = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('breakpoint'),
    cpu,
    hits: z.array(
      z.object({
        id: z.int(),
        /** A sentence: "0x600 was written: 0x3 became 0x6". */
        text: z.string(),
        /** Address, port, MSR, control register, vector or mode. */
        at: z.number(),
      }),
    ),
  }),
  z.object({ kind: z.literal('step'), cpu }),
  z.object({ kind: z.literal('pause') }),
  z.object({ kind: z.literal('tripleFault'), cpu }),
]);

/** An exception on the way to a triple fault, first one first. */
export const chainedException = z.object({
  vector: z.int(),
  name: z.string(),
  code: z.number(),
  eip: z.number(),
  /** CR2 at that time. */
  address: z.number(),
  symbol: z.string().nullable(),
  /** The vCPU when it was raised; `registers` from EAX to EDI in the order of their numbers. */
  state: z
    .object({
      registers: z.array(z.number()),
      cs: z.int(),
      ss: z.int(),
      eflags: z.number(),
      cr0: z.number(),
      cr3: z.number(),
      cpl: z.int(),
    })
    .nullable(),
});

export const debugEvent = z.discriminatedUnion('kind', [
  /** All breakpoints: first of all, and after each change. */
  z.object({ kind: z.literal('breakpoints'), breakpoints: z.array(breakpoint) }),
  /** The machine stands still: first of all if it does, and at each stop. */
  z.object({ kind: z.literal('stopped'), cause: stopCause }),
  /** It runs. */
  z.object({ kind: z.literal('running') }),
  /** It is off. */
  z.object({ kind: z.literal('off') }),
  /** Breakpoints that only log. `lost`: lines before these that a slow reader has missed. */
  z.object({ kind: z.literal('logged'), lines: z.array(z.object({ cpu, id: z.int(), text: z.string() })), lost: z.int() }),
  /** A person or gdb changed registers or memory: look again. */
  z.object({ kind: z.literal('edited') }),
  z.object({ kind: z.literal('symbols') }),
  /** The gdb server began or ended, or a gdb came or went. */
  z.object({ kind: z.literal('gdb') }),
]);

const flag = z.object({ name: z.string(), bit: z.int(), width: z.int(), value: z.int(), meaning: z.string() });

/** A register. `value` as a bigint; `fields` decoded, for EFLAGS and control registers. */
export const register = z.object({
  name: z.string(),
  group: z.enum(['general', 'flags', 'segment', 'control', 'debug', 'table', 'msr', 'x87']),
  bits: z.int(),
  value: z.bigint(),
  fields: z.array(flag),
  /** Symbol that the value points to. */
  symbol: z.string().nullable(),
});

export const segmentRegister = z.object({
  name: z.string(),
  selector: z.int(),
  base: z.number(),
  limit: z.number(),
  /** Bits 40-47 and 52-55 of the descriptor as bits 0-7 and 12-15. */
  rights: z.int(),
  /** "code, readable, accessed, 32 bits, DPL 0". */
  text: z.string(),
});

/** The x87 as FSAVE would lay it out. */
export const x87Registers = z.object({
  /** ST(0) to ST(7): ten bytes each, lowest first. */
  stack: z.array(z.object({ bytes: byteArray(10), tag: z.enum(['valid', 'zero', 'special', 'empty']) })),
  control: register,
  status: register,
  /** Of the last instruction that was not a control instruction. */
  instruction: z.object({ selector: z.int(), offset: z.number(), opcode: z.int() }),
  operand: z.object({ selector: z.int(), offset: z.number() }),
});

export const vcpuRegisters = z.object({
  cpu,
  registers: z.array(register),
  segments: z.array(segmentRegister),
  cpl: z.int(),
  activity: z.enum(['running', 'halted', 'waiting for SIPI', 'shut down']),
  inSmm: z.boolean(),
  instructions: z.number(),
  /** Linear address of the next instruction. */
  pc: z.number(),
  /** The line that it belongs to, where one is known. */
  source: sourceLine.nullish(),
  codeBits: z.literal([16, 32]),
  stack: z.number(),
  stackBits: z.literal([16, 32]),
  /** "protected, 32-bit code, with paging". */
  mode: z.string(),
  x87: x87Registers,
});

/** Where memory is read: as a vCPU sees it, through the tables that `cr3` names, or guest-physical. */
export const memorySpace = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('linear'), cpu, cr3: address.optional() }),
  z.object({ kind: z.literal('physical') }),
]);

/** What a page is and may be used for; of a physical page only what lies behind the rights. */
export const pageAttributes = z.object({
  /** Of the first byte of the page. */
  address: z.number(),
  /** Null while nothing is mapped; `reason` says why. */
  physical: z.number().nullable(),
  reason: z.enum(['mapped', 'not-present', 'reserved-bit', 'unreadable']),
  writable: z.boolean(),
  user: z.boolean(),
  executable: z.boolean(),
  accessed: z.boolean(),
  dirty: z.boolean(),
  global: z.boolean(),
  pageSize: z.int(),
  /** Entries of the page walk, outermost first. */
  steps: z.array(
    z.object({ level: z.enum(['pointer', 'directory', 'table']), address: z.number().nullable(), value: z.bigint() }),
  ),
  backing: z.enum(['ram', 'rom', 'device', 'none']).nullable(),
  hasCode: z.boolean(),
  traced: z.boolean(),
  watched: z.boolean(),
  smram: z.boolean(),
});

export const disassembledLine = z.object({
  address: z.number(),
  bytes: byteArray(16),
  text: z.string(),
  /** Names of this very address. */
  labels: z.array(z.string()),
  /** "name+0x12" of the address that a direct jump or call goes to; null for other instructions. */
  target: z.object({ address: z.number(), symbol: z.string().nullable() }).nullable(),
  source: sourceLine.nullable(),
  /** Breakpoints at this address. */
  breakpoints: z.array(z.int()),
  /** The next instruction of the vCPU. */
  current: z.boolean(),
});

export const stackFrame = z.object({
  kind: z.enum(['top', 'call', 'interrupt']),
  selector: z.int(),
  offset: z.number(),
  linear: z.number(),
  /** Where the return address stands; null for the topmost frame. */
  at: z.number().nullable(),
  errorCode: z.number().nullable(),
  symbol: z.string().nullable(),
  source: sourceLine.nullable(),
});

export const traceEntry = z.object({
  linear: z.number(),
  eip: z.number(),
  cs: z.int(),
  mode: z.string(),
  /** Low 32 bits of the vCPU's count of instructions. */
  instruction: z.number(),
  text: z.string(),
  symbol: z.string().nullable(),
});

export const loadedSymbols = z.object({ name: z.string(), bias: z.number(), symbols: z.int(), lines: z.int() });
export const foundSymbol = z.object({ name: z.string(), address: z.number(), offset: z.number(), from: z.string() });

/** The gdb server of a machine. `lines` are ready to be copied. */
export const gdbServer = z.object({
  host: z.string(),
  port: z.int(),
  attached: z.boolean(),
  lines: z.object({ gdb: z.string(), vscode: z.string(), ghidra: z.string(), ida: z.string() }),
});

const one = z.object({ id: machineId });
const oneCpu = z.object({ id: machineId, cpu });
const range = z.object({ id: machineId, space: memorySpace, address });

export const debug = {
  /** Breakpoints and state first, then what happens. Stays open over power-off; ends when the machine is deleted. */
  events: procedure.input(one).output(eventIterator(debugEvent)),

  breakpoints: {
    list: procedure.input(one).output(z.array(breakpoint)),
    /** A condition or text that cannot be is BAD_INPUT with a sentence. */
    add: procedure
      .input(
        z.object({
          id: machineId,
          /** `at`: the line of the program that runs which `source` is now, where the source was changed since; `watched` becomes its address. */
          breakpoint: breakpointSettings.extend({ at: sourceLine.nullish() }),
        }),
      )
      .output(breakpoint),
    /** As people write it: "execute start if eax == 1", "port 0x60 read", "write 0x600 2 log {value}". */
    addText: procedure.input(z.object({ id: machineId, text: z.string().max(2500) })).output(breakpoint),
    change: procedure
      .input(z.object({ id: machineId, breakpoint: z.int(), change: breakpointSettings.partial() }))
      .output(breakpoint),
    /** Those that are gone already do not matter. */
    remove: procedure.input(z.object({ id: machineId, breakpoints: z.array(z.int()).max(10_000) })).output(z.void()),
    /** Whether a triple fault stops the machine before it is reset: from now on, until the host ends. Also while it is off. */
    stopAtTripleFault: procedure.input(z.object({ id: machineId, stop: z.boolean() })).output(z.void()),
    stopsAtTripleFault: procedure.input(one).output(z.object({ stop: z.boolean() })),
  },

  /**
   * The machine is paused; it ends with a `stopped` event. `out` without a caller that can be found: NOT_SUPPORTED. `line`: over, until the
   * vCPU is at another line of the source; where no line is known, one instruction.
   */
  step: procedure
    .input(
      z.object({ id: machineId, cpu, kind: z.enum(['into', 'over', 'out', 'line']), others: z.enum(['stopped', 'running']).optional() }),
    )
    .output(z.void()),
  runTo: procedure.input(z.object({ id: machineId, cpu: cpu.nullable(), address })).output(z.void()),

  registers: procedure.input(oneCpu).output(vcpuRegisters),
  /** The machine is paused. What the processor could not hold is BAD_INPUT with a sentence. */
  setRegister: procedure.input(z.object({ id: machineId, cpu, name: z.string().max(32), value: z.bigint() })).output(z.void()),

  /** `readable` has a 1 for each byte that could be read. `pages`: what the pages are that the range touches. */
  readMemory: procedure
    .input(
      range.extend({
        length: z
          .int()
          .min(1)
          .max(1 << 16),
      }),
    )
    .output(z.object({ bytes: byteArray(), readable: byteArray(), pages: z.array(pageAttributes) })),
  /** RAM only, all or nothing. */
  writeMemory: procedure.input(range.extend({ bytes: byteArray(1 << 16) })).output(z.void()),
  page: procedure.input(range).output(pageAttributes),
  /** Without an address from the next instruction. `before`: so many instructions in front of it, as far as they can be found. */
  disassemble: procedure
    .input(
      z.object({
        id: machineId,
        cpu,
        address: address.optional(),
        before: z.int().min(0).max(200),
        count: z.int().min(1).max(500),
      }),
    )
    .output(z.array(disassembledLine)),
  /** `end` says why there are no more frames. */
  callStack: procedure.input(oneCpu).output(z.object({ frames: z.array(stackFrame), end: z.string() })),
  /** The chain of exceptions of the last triple fault; empty if there was none since power-on. */
  tripleFault: procedure.input(one).output(z.array(chainedException)),

  trace: {
    /** Every instruction, or only those that were jumped to. The vCPUs are slow while it records. */
    start: procedure
      .input(
        z.object({
          id: machineId,
          what: z.enum(['instructions', 'transfers']),
          entries: z
            .int()
            .min(16)
            .max(1 << 20),
        }),
      )
      .output(z.void()),
    stop: procedure.input(one).output(z.void()),
    /** The newest entries, oldest first. */
    read: procedure.input(z.object({ id: machineId, cpu, most: z.int().min(1).max(10_000) })).output(
      z.object({
        entries: z.array(traceEntry),
        recorded: z.number(),
        /** Null: nothing is recorded now. */
        recording: z.enum(['instructions', 'transfers']).nullable(),
      }),
    ),
  },

  symbols: {
    list: procedure.input(one).output(z.array(loadedSymbols)),
    /** ELF with DWARF lines, map files of GNU ld and NASM, output of nm, listings. `bias`: loaded at minus linked at. */
    add: procedure
      .input(
        z.object({
          id: machineId,
          name: z.string().min(1).max(255),
          bytes: byteArray(),
          bias: z.int().min(-0xffffffff).max(0xffffffff),
        }),
      )
      .output(loadedSymbols),
    remove: procedure.input(z.object({ id: machineId, name: z.string() })).output(z.void()),
    /** Names that contain a text. */
    search: procedure
      .input(z.object({ id: machineId, text: z.string().max(255), most: z.int().min(1).max(500) }))
      .output(z.array(foundSymbol)),
    /** The value of an expression as people write it, of numbers, symbols, registers and memory: also of an address. */
    resolve: procedure.input(z.object({ id: machineId, cpu, text: expressionText })).output(z.object({ address: z.number() })),
  },

  gdb: {
    /** Null: nobody can attach. */
    get: procedure.input(one).output(gdbServer.nullable()),
    /** The machine is on. Port 0 or none: any that is free. Loopback unless a host is named. A port in use: BAD_INPUT. */
    start: procedure
      .input(z.object({ id: machineId, port: z.int().min(0).max(65535).optional(), host: z.string().max(255).optional() }))
      .output(gdbServer),
    stop: procedure.input(one).output(z.void()),
  },
};

export type SourceLine = z.infer<typeof sourceLine>;
export type BreakpointMessage = z.infer<typeof breakpoint>;
export type BreakpointSettings = z.infer<typeof breakpointSettings>;
export type WatchedMessage = z.infer<typeof watched>;
export type DebugEventMessage = z.infer<typeof debugEvent>;
export type StopCauseMessage = z.infer<typeof stopCause>;
export type RegisterMessage = z.infer<typeof register>;
export type VcpuRegistersMessage = z.infer<typeof vcpuRegisters>;
export type PageAttributesMessage = z.infer<typeof pageAttributes>;
export type DisassembledLineMessage = z.infer<typeof disassembledLine>;
export type StackFrameMessage = z.infer<typeof stackFrame>;
export type TraceEntryMessage = z.infer<typeof traceEntry>;
export type LoadedSymbolsMessage = z.infer<typeof loadedSymbols>;
export type FoundSymbolMessage = z.infer<typeof foundSymbol>;
export type GdbServerMessage = z.infer<typeof gdbServer>;
export type X87Message = z.infer<typeof x87Registers>;
export type SegmentRegisterMessage = z.infer<typeof segmentRegister>;
