/** What a report shows of one vCPU. */
import type { ReportVcpu } from '../../contract/report.ts';
import type { Block } from './blocks.ts';

type Registers = NonNullable<ReportVcpu['registers']>;

const hex = (value: number): string => value.toString(16).padStart(8, '0');
const spaced = (bytes: string): string => bytes.replace(/(..)(?=.)/gu, '$1 ');
const ROW = 4;

/** Registers in full width, four in a row, then what flags and segments mean. */
export function registerBlock({ registers, segments, x87 }: Registers): Block[] {
  const value = (name: string, digits: number): string => {
    const found = registers.find((register) => register.name === name);
    return (found?.value.slice(2) ?? '').padStart(digits, '0');
  };
  const rows = (names: readonly string[], digits: number): string[] => {
    const cells = names.map((name) => `${name.padEnd(4)} ${value(name, digits)}`);
    return Array.from({ length: Math.ceil(cells.length / ROW) }, (_, row) => cells.slice(row * ROW, row * ROW + ROW).join('  '));
  };
  const named = (group: string): string[] => registers.filter((register) => register.group === group).map(({ name }) => name);
  const fields = (name: string): string => {
    const of = registers.find((register) => register.name === name)?.fields ?? [];
    const set = of
      .filter((field) => field.value !== 0)
      .map((field) => (field.width === 1 ? field.name : `${field.name}=${field.value.toString(16)}`));
    return `${name.padEnd(7)} ${set.join(' ') || '–'}`;
  };
  return [
    {
      kind: 'code',
      lines: [
        ...rows([...named('general'), 'eflags'], 8),
        ...rows(named('control'), 8),
        ...rows(named('debug'), 8),
        `gdtr ${value('gdtr_base', 8)} limit ${value('gdtr_limit', 4)}  idtr ${value('idtr_base', 8)} limit ${value('idtr_limit', 4)}`,
        ...['eflags', 'cr0', 'cr4'].map(fields),
      ].map((text) => ({ text })),
    },
    {
      kind: 'table',
      columns: ['Segment', 'Selector', 'Base', 'Limit', 'What it is'],
      rows: segments.map(({ name, selector, base, limit, text }) => [
        name,
        selector.toString(16).padStart(4, '0'),
        hex(base),
        hex(limit),
        text,
      ]),
      mono: true,
    },
    {
      kind: 'table',
      columns: ['MSR', 'Value'],
      rows: named('msr').map((name) => [name, value(name, 16)]),
      mono: true,
    },
    ...(x87.stack.every(({ tag }) => tag === 'empty')
      ? []
      : [
          {
            kind: 'table' as const,
            columns: ['x87', 'Bytes, lowest first', 'Tag'],
            rows: x87.stack.map(({ bytes, tag }, index) => [`st${index}`, spaced(bytes), tag]),
            mono: true,
          },
        ]),
  ];
}

export function codeBlock(lines: NonNullable<ReportVcpu['code']>): Block {
  return {
    kind: 'code',
    lines: lines.flatMap(({ address, bytes, text, labels, target, current }) => [
      ...labels.map((label) => ({ text: `${label}:` })),
      {
        text: `${hex(address)}  ${spaced(bytes).padEnd(24)}  ${text}${target?.symbol ? `  ; ${target.symbol}` : ''}`,
        isCurrent: current,
      },
    ]),
  };
}

export function stackBlock({ width, words }: NonNullable<ReportVcpu['stack']>): Block {
  return {
    kind: 'code',
    lines: words.map(({ address, value, symbol }) => ({
      text: `${hex(address)}  ${value === null ? '?'.repeat(2 * width) : value.toString(16).padStart(2 * width, '0')}${symbol === null ? '' : `  ${symbol}`}`,
    })),
  };
}

const WALK_OF = {
  'next instruction': 'the next instruction',
  'page fault': 'CR2',
  'triple fault': 'a fault on the way to the triple fault',
} as const;

export function walkBlocks(cpu: number, { of, walk }: ReportVcpu['walks'][number]): Block[] {
  const { mode, linear, cr3, entries, text, physical, verdicts, bytes } = walk;
  const rows = entries.map(({ level, index, address, value, flags, target }) => [
    level,
    String(index),
    address === null ? '' : hex(address),
    value.slice(2).padStart(8, '0'),
    flags
      .filter(({ set }) => set)
      .map(({ name }) => name)
      .join(' '),
    hex(target),
  ]);
  const refused = verdicts
    .filter(({ fault }) => fault !== null)
    .map(({ access, user, fault }) => `${access} by ${user ? 'user' : 'supervisor'} (error ${(fault ?? 0).toString(16)})`);
  return [
    { kind: 'heading', text: `${hex(linear)} of vCPU ${cpu}: ${WALK_OF[of]}` },
    { kind: 'text', text: `${text}${mode === 'none' ? '' : ` Paging is ${mode}, CR3 ${hex(cr3)}.`}` },
    ...(rows.length === 0
      ? []
      : [{ kind: 'table' as const, columns: ['Level', 'Index', 'At', 'Entry', 'Flags', 'Leads to'], rows, mono: true }]),
    ...(refused.length === 0 ? [] : [{ kind: 'text' as const, text: `A page fault for: ${refused.join(', ')}.` }]),
    ...(physical === null || bytes === ''
      ? []
      : [{ kind: 'code' as const, lines: [{ text: `${hex(physical)}  ${spaced(bytes)}` }] }]),
  ];
}

export function tableBlocks(cpu: number, { table, omitted }: ReportVcpu['tables'][number]): Block[] {
  const { entries, base, limit, problem } = table;
  const rows = entries.map(({ index, address, value, name, descriptor, registers }) => {
    const { kind, type, properties, base: from, limit: last, target, privilege, present, problem: wrong } = descriptor;
    const where =
      target !== null
        ? `${target.selector.toString(16).padStart(4, '0')}${target.offset === null ? '' : `:${hex(target.offset)}`}${target.symbol === null ? '' : ` ${target.symbol}`}`
        : from === null
          ? ''
          : `${hex(from)} limit ${hex(last ?? 0)}`;
    const what = [name ?? '', kind === 'none' ? 'nothing' : type, ...properties].filter((part) => part !== '').join(', ');
    return [
      table.table === 'idt' ? String(index) : (index * table.entryBytes).toString(16).padStart(4, '0'),
      hex(address),
      value.slice(2).padStart(2 * table.entryBytes, '0'),
      what,
      where,
      kind === 'none' ? '' : `DPL ${privilege}${present ? '' : ', not present'}`,
      [registers.map((register) => `${register.name}${register.isStale ? ' (stale)' : ''}`).join(' '), wrong ?? '']
        .filter((part) => part !== '')
        .join('; '),
    ];
  });
  return [
    { kind: 'heading', text: `${table.table.toUpperCase()} of vCPU ${cpu} at ${hex(base)}, limit ${limit.toString(16)}` },
    ...(problem === null ? [] : [{ kind: 'callout' as const, text: `${problem}.` }]),
    ...(rows.length === 0
      ? []
      : [
          {
            kind: 'table' as const,
            columns: [
              table.table === 'idt' ? 'Vector' : 'Selector',
              'At',
              'Value',
              'What',
              'Where',
              'Rights',
              'Used by, problems',
            ],
            rows,
            mono: true,
          },
        ]),
    ...(omitted > 0 ? [{ kind: 'text' as const, text: `${omitted} entries that are empty, or too many, are not shown.` }] : []),
  ];
}
