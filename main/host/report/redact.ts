import type { Report } from '../../contract/report.ts';
import { conclude } from './conclude.ts';
import { redactTolerance } from './tolerance.ts';

/** What a redacted report lacks; docs/formats/report.md explains each. */
export const LEFT_OUT = [
  'Contents of memory: stacks, the bytes behind page walks and code, values before and after guarded writes. Instructions are kept as text.',
  'Screens: pictures and text; who looks at them.',
  'What the guest said on its serial port, and the kernel’s command line.',
  'What chips hold of input and data: tables of chips.',
  'Paths of the host: drives, what the machine starts from, files of symbols and sources.',
  'Of a pair: bytes that its sides said or had in memory, notes of its journal, addresses of hosts.',
  'Register contents that a guest computes with: x87 and save states of System Management Mode.',
] as const;

/** The last part of a path, for what is named by a file. */
const lastPart = (path: string): string => path.split(/[/\\]/u).at(-1) ?? '';

/** The report without what may be private to the guest or the host. Notes stay: they were written for whoever reads it. */
export function redact(report: Report): Report {
  const { machine, stop } = report;
  const bare = {
    ...report,
    redacted: [...LEFT_OUT],
    machine: {
      ...machine,
      boot: { ...machine.boot, file: null, commandLine: null },
      drives: machine.drives.map((drive) => ({ ...drive, file: null })),
      symbols: machine.symbols.map((file) => ({ ...file, name: lastPart(file.name) })),
    },
    // A hit says which values were read or written.
    stop:
      stop?.kind === 'breakpoint' ? { ...stop, hits: stop.hits.map((hit) => ({ ...hit, text: `Breakpoint ${hit.id}` })) } : stop,
    vcpus: report.vcpus.map((vcpu) => ({
      ...vcpu,
      stack: null,
      registers: vcpu.registers === null ? null : { ...vcpu.registers, source: null, x87: { ...vcpu.registers.x87, stack: [] } },
      code: vcpu.code?.map((line) => ({ ...line, bytes: '', source: null })) ?? null,
      callStack:
        vcpu.callStack === null
          ? null
          : { ...vcpu.callStack, frames: vcpu.callStack.frames.map((frame) => ({ ...frame, source: null })) },
      walks: vcpu.walks.map(({ of, walk }) => ({ of, walk: { ...walk, bytes: '' } })),
    })),
    chips: report.chips.map((chip) => ({ ...chip, tables: [] })),
    smm: report.smm === null ? null : { ...report.smm, saveStates: [] },
    guard:
      report.guard === null
        ? null
        : {
            ...report.guard,
            alerts: report.guard.alerts.map((alert) => ({ ...alert, before: '', after: alert.after === null ? null : '' })),
          },
    display: {
      state: report.display.state === null ? null : { ...report.display.state, session: null, viewers: [] },
      outputs: report.display.outputs.map((output) => ({ ...output, text: null, png: null })),
    },
    tolerance: report.tolerance === 'none' ? report.tolerance : redactTolerance(report.tolerance),
    serial: null,
  };
  return { ...bare, ...conclude(bare) };
}
