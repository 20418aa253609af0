/** The document that a debug report is (docs/formats/report.md): one JSON, of which HTML and Markdown are made. */
import { z } from 'zod';
import { chipFacts } from './chips.ts';
import { chainedException, disassembledLine, loadedSymbols, stackFrame, stopCause, traceEntry, vcpuRegisters } from './debug.ts';
import { descriptorTable } from './descriptors.ts';
import { displayState } from './display.ts';
import { guardAlert, guardState } from './guard.ts';
import { jsonForm } from './json-form.ts';
import { bootKind, clockMode, displaySize, pairState, runState } from './machine.ts';
import { pageWalk } from './page-walk.ts';
import { pairEvent, pairMember, pairSample, pairSide, pairStatus } from './pairs.ts';
import { smmSaveState, smmState } from './smm.ts';

/** Grows with each change that an older reader cannot pass over. */
export const REPORT_VERSION = 2;

/** Notes that a person adds. */
export const NOTES_MAXIMUM = 20_000;

/** A walk of the page tables, and what it is the walk of. */
const walk = z.strictObject({
  /** `next instruction`; `page fault`: CR2; `triple fault`: the address of an exception on the way there. */
  of: z.enum(['next instruction', 'page fault', 'triple fault']),
  walk: jsonForm(pageWalk),
});

/** The top of the stack. `value` null: it could not be read. */
const stack = z.strictObject({
  /** Bytes of a word. */
  width: z.literal([2, 4]),
  words: z.array(z.strictObject({ address: z.number(), value: z.number().nullable(), symbol: z.string().nullable() })),
});

const table = z.strictObject({
  table: jsonForm(descriptorTable),
  /** Entries that are empty, or too many, and not among those of the table. */
  omitted: z.int(),
});

const trace = z.strictObject({
  entries: z.array(jsonForm(traceEntry)),
  recorded: z.number(),
  recording: z.enum(['instructions', 'transfers']).nullable(),
});

/** Null: left out, or it could not be had; `problems` says which. */
const vcpu = z.strictObject({
  cpu: z.int(),
  registers: jsonForm(vcpuRegisters).nullable(),
  code: z.array(jsonForm(disassembledLine)).nullable(),
  stack: stack.nullable(),
  callStack: z.strictObject({ frames: z.array(jsonForm(stackFrame)), end: z.string() }).nullable(),
  walks: z.array(walk),
  tables: z.array(table),
  trace: trace.nullable(),
});

const output = z.strictObject({
  /** From 0. */
  number: z.int(),
  size: displaySize.nullable(),
  /** Rows of a text mode; null in a graphics mode, or left out. */
  text: z.array(z.string()).nullable(),
  /** PNG as base64; null: it shows nothing, or it is left out. */
  png: z.base64().nullable(),
});

const drive = z.strictObject({
  kind: z.enum(['floppy', 'cdrom', 'disk']),
  /** Null: left out. */
  file: z.string().nullable(),
  readOnly: z.boolean(),
});

/** A member of the pair; null: it is gone, or does not answer. `host`: the address of the host that it runs on; null: this one, or left out. */
const side = z.strictObject({ host: z.string().nullable(), member: jsonForm(pairMember).nullable() });

/** Of those resyncs that are among the events: the middle one, and the greatest. */
const spread = z.strictObject({ median: z.number(), greatest: z.number() }).nullable();

/** When the machine's state was copied, or instead of it. */
const pair = z.strictObject({
  state: pairState,
  reason: z.string(),
  primary: pairSide.nullable(),
  sides: z.strictObject({ a: side, b: side }),
  gateway: jsonForm(pairStatus.shape.gateway),
  /** `endpoints` of an etcd, which are left out with other addresses; `validity`: milliseconds for which a side goes by what etcd said. */
  lease: z.strictObject({ kind: pairStatus.shape.lease, endpoints: z.array(z.string()), validity: z.number().nullable() }),
  settings: jsonForm(pairStatus.shape.settings),
  figures: z.strictObject({
    /** Since the primary was started. */
    resyncs: z.number(),
    /** Bytes, pages of 4 KiB and milliseconds of a resync. */
    bytes: spread,
    pages: spread,
    pause: spread,
    took: spread,
    /** The last look. */
    now: jsonForm(pairSample.pick({ lag: true, held: true, heartbeat: true })),
  }),
  /** What its journal has, oldest first; resyncs are among them. */
  events: z.array(jsonForm(pairEvent)),
  /** Place among the events of the last resync whose sides differed; null: there is none. */
  lastDivergence: z.int().nullable(),
});

export const report = z.strictObject({
  format: z.literal('vitrine-report'),
  version: z.literal(REPORT_VERSION),
  /** When the machine stood still for it, and what made it. */
  made: z.strictObject({
    at: z.iso.datetime(),
    vitrine: z.string(),
    /** `node`, `v8`, and `electron` in the app. */
    versions: z.record(z.string(), z.string()),
    /** For instance "linux x64". */
    platform: z.string(),
  }),
  /** Null: nothing was left out. Else what was, a sentence each. */
  redacted: z.array(z.string()).nullable(),
  /** What a person wrote. */
  notes: z.string(),
  /** What the report is about in one line, and what is known of it, a sentence each. */
  title: z.string(),
  findings: z.array(z.string()),
  machine: z.strictObject({
    /** Its folder in the library; null for a machine of one run. */
    id: z.string().nullable(),
    name: z.string(),
    /** What it was when the report was asked for. */
    state: runState,
    reason: z.string(),
    memoryBytes: z.number(),
    cpus: z.int(),
    clock: clockMode,
    boot: z.strictObject({
      kind: z.enum([...bootKind.options, 'drives']),
      file: z.string().nullable(),
      commandLine: z.string().nullable(),
    }),
    drives: z.array(drive),
    /** Running time and instructions of all vCPUs since power-on. */
    seconds: z.number(),
    instructions: z.number(),
    /** Files of symbols that names come from. */
    symbols: z.array(loadedSymbols),
  }),
  /** Why it stands still; null: it ran, or nothing is known. */
  stop: jsonForm(stopCause).nullable(),
  /** The exceptions behind the last triple fault since power-on, first one first; empty if there was none. */
  tripleFault: z.array(jsonForm(chainedException)),
  vcpus: z.array(vcpu),
  chips: z.array(jsonForm(chipFacts)),
  smm: z.strictObject({ state: jsonForm(smmState), saveStates: z.array(jsonForm(smmSaveState)) }).nullable(),
  guard: z.strictObject({ state: jsonForm(guardState), alerts: z.array(jsonForm(guardAlert)) }).nullable(),
  /** What the displays are and who has them, and what each output that is not dark shows. */
  display: z.strictObject({ state: jsonForm(displayState).nullable(), outputs: z.array(output) }),
  /** The pair that the machine belongs to. */
  tolerance: z.union([z.literal('none'), pair]),
  /** The last that COM1 said, and how many bytes came before; null: left out, or of a pair whose gateway does not answer. */
  serial: z.strictObject({ text: z.string(), lost: z.number() }).nullable(),
  /** What could not be had, and why, a sentence each. */
  problems: z.array(z.string()),
});

export type Report = z.infer<typeof report>;
export type ReportPair = z.infer<typeof pair>;
export type ReportVcpu = Report['vcpus'][number];
