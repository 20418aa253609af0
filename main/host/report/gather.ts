/** Reads everything that a report says out of a machine that stands still. Main thread; what cannot be had is said in `problems`. */
import type { MachineConfiguration } from '../../../engine/machine/machine.ts';
import { askPeek } from '../../../engine/peek/client.ts';
import { toJson } from '../../contract/json-form.ts';
import { REPORT_VERSION, type Report, type ReportPair, type ReportVcpu } from '../../contract/report.ts';
import type { Disassemble } from '../assembler.ts';
import { vcpuMessage } from '../debug/decode.ts';
import { disassembleAround } from '../debug/disassembly.ts';
import { callStackMessage, traceMessage } from '../debug/views.ts';
import { guardMessage } from '../guard.ts';
import { chipFactsMessage, descriptorTableMessage, pageWalkMessage } from '../peek-messages.ts';
import { encodePng } from '../picture.ts';
import { packageVersion } from '../places.ts';
import type { Session } from '../session.ts';
import { conclude } from './conclude.ts';

/** How much of each is in a report. */
const CODE = { before: 12, count: 24 } as const;
const STACK_WORDS = 64;
const TRACE_ENTRIES = 1000;
const TABLE_ENTRIES = 512;
const ALERTS = 200;
const SERIAL_BYTES = 64 * 1024;
const PAGE_FAULT = 14;

/** What of the machine its engine does not know. */
interface About {
  /** Before it was held. */
  state: Report['machine']['state'];
  reason: string;
  id: string | null;
  boot: { kind: Report['machine']['boot']['kind']; file: string | null };
  /** Of each drive, where it is another than in the machine's configuration. */
  drivesReadOnly?: boolean[];
  drivesFiles?: string[];
  /** When it stood still, where that was before: an ISO date. */
  at?: string;
  /** Of a machine that runs as a pair. */
  tolerance?: ReportPair;
  /** What has left such a machine by COM1, as its gateway knows it. */
  serial?: Report['serial'] | undefined;
  /** What could not be had, and why, before the report was begun. */
  missing?: string[];
}

export interface Subject extends About {
  /** Of the machine, which is held. */
  session: Session;
  /** What outlives a run (serial history, alerts, triple fault): the session itself, or of a suspended machine that of its last run. */
  past: Session;
}

/** A pair of which no side gives its machine's state: `missing` says why. */
export interface AbsentSubject extends About {
  session: undefined;
  configuration: MachineConfiguration;
}

/** Collects why parts of the report are missing. */
class Problems {
  readonly sentences: string[];

  constructor(known: readonly string[] = []) {
    this.sentences = [...known];
  }

  /** What `question` answers; else `instead`, and the reason in the report. */
  async ask<Answer, Instead>(what: string, question: () => Promise<Answer>, instead: Instead): Promise<Answer | Instead> {
    try {
      return await question();
    } catch (error) {
      this.sentences.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return instead;
    }
  }
}

function walksWanted(
  chain: Report['tripleFault'],
  pc: number,
  cr2: number,
): { of: ReportVcpu['walks'][number]['of']; linear: number; cr3?: number }[] {
  const faults = chain.filter(({ vector }) => vector === PAGE_FAULT);
  const wanted = [
    { of: 'next instruction' as const, linear: pc },
    // 0 is what CR2 is after a reset, so nobody can say whether there was a fault at 0.
    ...(cr2 === 0 ? [] : [{ of: 'page fault' as const, linear: cr2 }]),
    ...faults.map(({ address, state }) => ({
      of: 'triple fault' as const,
      linear: address,
      ...(state === null ? {} : { cr3: state.cr3 }),
    })),
  ];
  return wanted.filter(
    ({ of, linear }, index) => wanted.findIndex((other) => other.of === of && other.linear === linear) === index,
  );
}

async function gatherVcpu(subject: Subject, disassemble: Disassemble, cpu: number, problems: Problems): Promise<ReportVcpu> {
  const { session, past } = subject;
  const { debug, machine } = session;
  const symbolAt = (address: number): string | null => debug.symbolAt(address);
  const at = (what: string): string => `${what} of vCPU ${cpu}`;
  const registers = await problems.ask(
    at('The registers'),
    async () => vcpuMessage(await machine.debug('registers', { cpu }), symbolAt, (address) => debug.symbols.lineAt(address)),
    null,
  );
  const chain = toJson(past.debug.chainMessage());
  const cr2 = Number(registers?.registers.find(({ name }) => name === 'cr2')?.value ?? 0n);
  const walks: ReportVcpu['walks'] = [];
  for (const { of, linear, cr3 } of registers === null ? [] : walksWanted(chain, registers.pc, cr2)) {
    const answer = await problems.ask(
      at(`The walk of ${linear.toString(16)}`),
      () => askPeek(machine, 'walk', { cpu, cr3, linear }),
      null,
    );
    if (answer !== null) walks.push({ of, walk: toJson(pageWalkMessage(answer.walk, answer.bytes)) });
  }
  const tables: ReportVcpu['tables'] = [];
  for (const table of ['gdt', 'idt', 'ldt'] as const) {
    const found = await problems.ask(
      at(`The ${table.toUpperCase()}`),
      () => askPeek(machine, 'descriptors', { cpu, table }),
      null,
    );
    if (found === null) continue;
    const { entries, ...whole } = descriptorTableMessage(found, symbolAt);
    const used = entries
      .filter(({ descriptor, registers: users }) => descriptor.kind !== 'none' || users.length > 0)
      .slice(0, TABLE_ENTRIES);
    tables.push({ table: toJson({ ...whole, entries: used }), omitted: entries.length - used.length });
  }
  return {
    cpu,
    registers: registers === null ? null : toJson(registers),
    code: toJson(await problems.ask(at('The code'), () => disassembleAround(debug, disassemble, { cpu, ...CODE }), null)),
    stack: registers === null ? null : await problems.ask(at('The stack'), () => readStack(session, cpu, registers), null),
    callStack: toJson(await problems.ask(at('The call stack'), () => callStackMessage(debug, cpu), null)),
    walks,
    tables,
    trace: toJson(
      await problems.ask(at('The trace'), () => traceMessage(debug, disassemble, { cpu, most: TRACE_ENTRIES }), null),
    ),
  };
}

async function readStack(
  { debug, machine }: Session,
  cpu: number,
  { stack, stackBits }: { stack: number; stackBits: 16 | 32 },
): Promise<ReportVcpu['stack']> {
  const width = stackBits === 16 ? 2 : 4;
  const length = Math.min(STACK_WORDS * width, 2 ** 32 - stack);
  const { bytes, readable } = await machine.debug('readMemory', { space: { kind: 'linear', cpu }, address: stack, length });
  const words = [];
  for (let from = 0; from + width <= length; from += width) {
    const isThere = !readable.subarray(from, from + width).includes(0);
    const value = bytes.subarray(from, from + width).reduceRight((all, byte) => all * 256 + byte, 0);
    words.push({
      address: stack + from,
      value: isThere ? value : null,
      symbol: isThere && width === 4 ? debug.symbolAt(value) : null,
    });
  }
  return { width, words };
}

async function gatherSmm({ session: { machine } }: Subject, problems: Problems): Promise<Report['smm']> {
  const state = await problems.ask('System Management Mode', () => machine.smm(), null);
  if (state === null) return null;
  const saveStates = [];
  for (const [cpu, { entries }] of state.statistics.vcpus.entries()) {
    if (entries === 0) continue;
    const saved = await problems.ask(`The save state of vCPU ${cpu}`, () => machine.smmSaveState(cpu), null);
    if (saved !== null) saveStates.push(toJson(saved));
  }
  return { state: toJson(state), saveStates };
}

async function gatherDisplay(
  { session: { machine, display, displays } }: Subject,
  problems: Problems,
): Promise<Report['display']> {
  const state = await problems.ask('The display', async () => displays.messageOf(await machine.displayState()), null);
  const text = await problems.ask('The text of the screen', () => machine.screenText(), undefined);
  const shown = state?.outputs.filter(({ output, use }) => output === 0 || use !== 'dark').map(({ output }) => output) ?? [0];
  const outputs = [];
  for (const number of shown) {
    const picture = await problems.ask(`The picture of output ${number}`, () => machine.screenshot(number), null);
    const isShown = picture !== null && picture.width > 0 && picture.height > 0;
    outputs.push({
      number,
      size: number === 0 ? display : picture === null ? null : { width: picture.width, height: picture.height, text: null },
      text: number === 0 ? (text ?? null) : null,
      png: isShown ? Buffer.from(encodePng(picture)).toString('base64') : null,
    });
  }
  return { state: state === null ? null : toJson(state), outputs };
}

/** What a report says without asking the machine. */
function known(
  at: string,
  subject: About,
  configuration: MachineConfiguration,
  { seconds, instructions }: { seconds: number; instructions: number },
  symbols: Report['machine']['symbols'],
): Pick<Report, 'format' | 'version' | 'made' | 'redacted' | 'notes' | 'machine' | 'tolerance'> {
  const { state, reason, id, boot } = subject;
  const { node, v8, electron } = process.versions;
  return {
    format: 'vitrine-report',
    version: REPORT_VERSION,
    made: {
      at,
      vitrine: packageVersion(),
      versions: { node, v8, ...(electron === undefined ? {} : { electron }) },
      platform: `${process.platform} ${process.arch}`,
    },
    redacted: null,
    notes: '',
    machine: {
      id,
      name: configuration.name,
      state,
      reason,
      memoryBytes: configuration.memoryBytes,
      cpus: configuration.cpus,
      clock: configuration.clock,
      boot: { ...boot, commandLine: configuration.boot.kind === 'kernel' ? (configuration.boot.commandLine ?? null) : null },
      drives: (configuration.drives ?? []).map(({ kind, path, readOnly = false }, index) => ({
        kind,
        file: subject.drivesFiles?.[index] ?? path,
        readOnly: kind === 'cdrom' || (subject.drivesReadOnly?.[index] ?? readOnly),
      })),
      seconds,
      instructions,
      symbols,
    },
    tolerance: subject.tolerance ?? 'none',
  };
}

/** What can be said of a pair whose machine cannot be had. */
export function gatherAbsent(subject: AbsentSubject): Report {
  const facts = {
    ...known(subject.at ?? new Date().toISOString(), subject, subject.configuration, { seconds: 0, instructions: 0 }, []),
    stop: null,
    tripleFault: [],
    vcpus: [],
    chips: [],
    smm: null,
    guard: null,
    display: { state: null, outputs: [] },
    serial: subject.serial ?? null,
    problems: [...(subject.missing ?? [])],
  };
  return { ...facts, ...conclude(facts) };
}

/** A whole report, nothing left out. */
export async function gatherReport(subject: Subject, disassemble: Disassemble): Promise<Report> {
  const { session, past, state } = subject;
  const { machine, debug } = session;
  const { configuration } = machine;
  const problems = new Problems(subject.missing);
  const at = subject.at ?? new Date().toISOString();
  const vcpus: ReportVcpu[] = [];
  for (let cpu = 0; cpu < configuration.cpus; cpu++) vcpus.push(await gatherVcpu(subject, disassemble, cpu, problems));
  const statistics = await problems.ask('The counters', () => machine.statistics(), { seconds: 0, instructions: 0 });
  const guard = await problems.ask('The guard', async () => guardMessage(await machine.guard({ kind: 'look' })), null);
  const chips = await problems.ask('The chips', async () => (await askPeek(machine, 'chips', {})).map(chipFactsMessage), []);
  const serial = past.serialHistory;
  const tail = serial.bytes.subarray(Math.max(0, serial.bytes.length - SERIAL_BYTES));
  const facts = {
    ...known(at, subject, configuration, statistics, debug.symbols.files),
    // Of a machine that was paused only to be copied there is no cause.
    stop: state === 'paused' ? past.debug.stop : null,
    tripleFault: toJson(past.debug.chainMessage()),
    vcpus,
    chips,
    smm: await gatherSmm(subject, problems),
    guard: guard === null ? null : { state: toJson(guard), alerts: toJson(past.guard.kept.slice(-ALERTS)) },
    display: await gatherDisplay(subject, problems),
    serial: subject.tolerance === undefined ? { text: Buffer.from(tail).toString('utf8'), lost: serial.lost + serial.bytes.length - tail.length } : (subject.serial ?? null),
    problems: problems.sentences,
  };
  return { ...facts, ...conclude(facts) };
}
