/** A report as sections of plain blocks, from which HTML and Markdown are made: both say the same. */
import type { Report, ReportVcpu } from '../../contract/report.ts';
import { formatSize } from '../memory-size.ts';
import type { Block, Section } from './blocks.ts';
import { toleranceSection } from './tolerance-blocks.ts';
import { codeBlock, registerBlock, stackBlock, tableBlocks, walkBlocks } from './vcpu-blocks.ts';

const hex = (value: number): string => value.toString(16).padStart(8, '0');
const code = (lines: string[]): Block => ({ kind: 'code', lines: lines.map((text) => ({ text })) });
const plural = (count: number, what: string): string => `${count.toLocaleString('en-GB')} ${what}${count === 1 ? '' : 's'}`;

function section(id: string, title: string, amount: string, blocks: Block[], whyEmpty: string): Section {
  const isEmpty = blocks.length === 0;
  return { id, title, amount: isEmpty ? 'none' : amount, isEmpty, blocks: isEmpty ? [{ kind: 'text', text: whyEmpty }] : blocks };
}

function whatHappened({ findings, notes, redacted }: Report): Section {
  const look = findings.filter((text) => text.startsWith('Look at first: '));
  const rest = findings.filter((text) => !look.includes(text));
  const blocks: Block[] = [
    ...rest.map((text): Block => ({ kind: 'text', text })),
    ...look.map((text): Block => ({ kind: 'callout', text })),
  ];
  if (notes !== '')
    blocks.push({ kind: 'heading', text: 'Notes' }, ...notes.split(/\n{2,}/u).map((text): Block => ({ kind: 'text', text })));
  if (redacted !== null) blocks.push({ kind: 'heading', text: 'Left out of this report' }, { kind: 'list', items: redacted });
  return section('what-happened', 'What happened', plural(findings.length, 'finding'), blocks, 'Nothing in particular.');
}

/** What only the program that runs a machine keeps. */
const unkept = ({ tolerance }: Report, otherwise: string): string =>
  tolerance === 'none' ? otherwise : 'Not included: the machine runs as a pair, whose processes do not keep this.';

function chain(report: Report): Section {
  const { tripleFault, stop } = report;
  const steps = tripleFault.map(({ name, code: error, eip, address, vector, symbol, state }) => ({
    title: name,
    tag: `error ${error.toString(16).padStart(4, '0')}`,
    text: `At ${symbol === null ? '' : `${symbol}, `}eip ${hex(eip)}${state === null ? '' : `, cs ${state.cs.toString(16).padStart(4, '0')}, cpl ${state.cpl}`}.`,
    aside: vector === 14 ? `cr2 ${hex(address)}` : '',
    isLast: false,
  }));
  if (steps.length === 0) return section('chain', 'Chain of exceptions', '', [], unkept(report, 'There was no triple fault since power-on.'));
  const end = stop?.kind === 'tripleFault' ? 'It stands at this moment.' : 'It was reset.';
  const blocks: Block[] = [
    {
      kind: 'chain',
      steps: [
        ...steps,
        { title: 'Triple fault', tag: 'shutdown', text: `The processor could not go on. ${end}`, aside: '', isLast: true },
      ],
    },
  ];
  const names = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'];
  for (const [index, { state, eip }] of tripleFault.entries()) {
    if (state === null) continue;
    const general = names.map((name, number) => `${name} ${hex(state.registers[number] ?? 0)}`);
    blocks.push(
      { kind: 'heading', text: `Registers at exception ${index + 1}` },
      code([
        general.slice(0, 4).join('  '),
        general.slice(4).join('  '),
        `eip ${hex(eip)}  eflags ${hex(state.eflags)}  cs ${state.cs.toString(16).padStart(4, '0')}  ss ${state.ss.toString(16).padStart(4, '0')}  cr0 ${hex(state.cr0)}  cr3 ${hex(state.cr3)}`,
      ]),
    );
  }
  return section('chain', 'Chain of exceptions', plural(steps.length, 'exception'), blocks, '');
}

function machineFacts({ machine, made, redacted }: Report): Section {
  const { boot, drives } = machine;
  const hidden = redacted === null ? 'none' : '(left out)';
  const rows: [string, string][] = [
    ['State', `${machine.state}. ${machine.reason}`],
    ['Memory', formatSize(machine.memoryBytes)],
    ['Processors', String(machine.cpus)],
    ['Clock', machine.clock],
    ['Ran for', `${machine.seconds.toFixed(3)} s, ${plural(machine.instructions, 'instruction')}`],
    ['Starts from', `${boot.kind}: ${boot.file ?? hidden}`],
    ...(boot.commandLine === null ? [] : [['Command line', boot.commandLine] as [string, string]]),
    ...drives.map(({ kind, file, readOnly }): [string, string] => [
      'Drive',
      `${kind}${readOnly ? ', read-only' : ''}: ${file ?? hidden}`,
    ]),
    ...machine.symbols.map(({ name, symbols, bias }): [string, string] => [
      'Symbols',
      `${name}, ${plural(symbols, 'name')}${bias === 0 ? '' : `, moved by ${bias.toString(16)}`}`,
    ]),
    [
      'Vitrine',
      `${made.vitrine} on ${made.platform}; ${Object.entries(made.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')}`,
    ],
    ['Machine stood still', made.at],
  ];
  return section('machine', 'Machine', plural(machine.cpus, 'vCPU'), [{ kind: 'facts', rows }], '');
}

function vcpuSection(vcpu: ReportVcpu): Section {
  const { cpu, registers, code: lines, stack, callStack } = vcpu;
  const blocks: Block[] = [];
  if (registers !== null) {
    const { mode, activity, cpl, inSmm, pc, source } = registers;
    const line = source ? `, ${source.file}:${source.line}` : '';
    blocks.push({
      kind: 'text',
      text: `${mode}, CPL ${cpl}, ${activity}${inSmm ? ', in System Management Mode' : ''}. The next instruction is at ${hex(pc)}${line}.`,
    });
    blocks.push(...registerBlock(registers));
  }
  if (lines !== null && lines.length > 0) blocks.push({ kind: 'heading', text: 'Code' }, codeBlock(lines));
  if (callStack !== null) {
    const frames = callStack.frames.map(
      ({ linear, kind, symbol, source }) =>
        `${hex(linear)}  ${kind.padEnd(9)}  ${symbol ?? ''}${source === null ? '' : `  ${source.file}:${source.line}`}`,
    );
    blocks.push({ kind: 'heading', text: 'Call stack' }, code([...frames, callStack.end]));
  }
  if (stack !== null) blocks.push({ kind: 'heading', text: 'Stack' }, stackBlock(stack));
  return section(`vcpu-${cpu}`, `vCPU ${cpu}`, registers?.activity ?? '', blocks, 'Its registers could not be read.');
}

function walks({ vcpus }: Report): Section {
  const blocks = vcpus.flatMap(({ cpu, walks: all }) => all.flatMap((walk) => walkBlocks(cpu, walk)));
  const number = vcpus.reduce((sum, vcpu) => sum + vcpu.walks.length, 0);
  return section('walks', 'Page walks', String(number), blocks, 'No address could be walked.');
}

function tables({ vcpus }: Report): Section {
  const shown = new Set<string>();
  const blocks = vcpus.flatMap(({ cpu, tables: all }) =>
    all.flatMap((table) => {
      const text = JSON.stringify(table);
      if (shown.has(text) || table.table.entries.length + table.omitted === 0) return [];
      shown.add(text);
      return tableBlocks(cpu, table);
    }),
  );
  const names = [
    ...new Set(
      vcpus.flatMap((vcpu) =>
        vcpu.tables.filter(({ table }) => table.entries.length > 0).map(({ table }) => table.table.toUpperCase()),
      ),
    ),
  ];
  return section('tables', 'Descriptor tables', names.join(', '), blocks, 'None has an entry.');
}

function traces(report: Report): Section {
  const { vcpus } = report;
  const blocks = vcpus.flatMap(({ cpu, trace }): Block[] => {
    if (trace === null || trace.entries.length === 0) return [];
    const rows = trace.entries.map(({ linear, text, symbol, instruction, mode }) => [
      String(instruction),
      hex(linear),
      text,
      symbol ?? '',
      mode,
    ]);
    return [
      { kind: 'heading', text: `vCPU ${cpu}: the last ${trace.entries.length} of ${trace.recorded.toLocaleString('en-GB')}` },
      { kind: 'table', columns: ['Instruction', 'Address', 'Text', 'Symbol', 'Mode'], rows, mono: true },
    ];
  });
  const number = vcpus.reduce((sum, { trace }) => sum + (trace?.entries.length ?? 0), 0);
  return section('trace', 'Trace', plural(number, 'record'), blocks, unkept(report, 'Nothing was recorded. The panel Trace begins a recording.'));
}

function devices({ chips }: Report): Section {
  const blocks = chips.flatMap(({ title, place, facts, tables: lists }): Block[] => [
    { kind: 'heading', text: place === '' ? title : `${title} (${place})` },
    {
      kind: 'facts',
      rows: facts.map(({ name, value, note, flags }) => {
        const set = flags.filter((flag) => flag.set).map((flag) => flag.name);
        return [name, [value, note ?? '', set.length > 0 ? `[${set.join(' ')}]` : ''].filter((part) => part !== '').join('  ')];
      }),
    },
    ...lists.flatMap((list): Block[] => [
      { kind: 'text', text: `${list.title}:` },
      { kind: 'table', columns: list.columns, rows: list.rows, mono: true },
    ]),
  ]);
  return section('devices', 'Devices', String(chips.length), blocks, 'No chip could be asked.');
}

function management({ smm }: Report): Section {
  if (smm === null) return section('smm', 'System Management Mode', '', [], 'It could not be asked.');
  const { state, saveStates } = smm;
  const { statistics } = state;
  const ranges = state.ranges.map(({ name, base, size }) => `${name} ${hex(base)}–${hex(base + size - 1)}`);
  const blocks: Block[] = [
    {
      kind: 'facts',
      rows: [
        [
          'SMRAM',
          ranges.length === 0
            ? 'not enabled'
            : `${ranges.join(', ')}; ${state.locked ? 'locked' : 'not locked'}${state.open ? ', open to everybody' : ''}${state.mapped ? ', in the view of memory' : ''}`,
        ],
        [
          'SMIs',
          `${statistics.smis.toLocaleString('en-GB')}, ${statistics.latched.toLocaleString('en-GB')} of them fell together with one that was pending`,
        ],
        [
          'Entries',
          `${statistics.entries.toLocaleString('en-GB')} in ${plural(statistics.rendezvous, 'rendezvous').replace(/ss$/u, 's')}`,
        ],
      ],
    },
    {
      kind: 'table',
      columns: ['vCPU', 'Now', 'Entries', 'Stopped for others', 'SMBASE'],
      rows: statistics.vcpus.map((vcpu, cpu) => [
        String(cpu),
        vcpu.inSmm ? 'in SMM' : vcpu.stopped ? 'stopped' : 'outside',
        String(vcpu.entries),
        String(vcpu.stops),
        hex(vcpu.smbase),
      ]),
      mono: true,
    },
    ...saveStates.flatMap(({ cpu, inSmm, fields }): Block[] => [
      { kind: 'heading', text: `Save state of vCPU ${cpu}, ${inSmm ? 'which RSM will find' : 'from its last SMI'}` },
      code(
        fields
          .filter(({ hidden }) => !hidden)
          .map(({ name, offset, value }) => `${offset.toString(16)}  ${name.padEnd(14)} ${value}`),
      ),
    ]),
  ];
  return {
    ...section('smm', 'System Management Mode', plural(statistics.smis, 'SMI'), blocks, ''),
    isEmpty: statistics.smis === 0,
  };
}

function guarded({ guard }: Report): Section {
  if (guard === null) return section('guard', 'Guard', '', [], 'It could not be asked.');
  const { state, alerts } = guard;
  if (state.ranges.length === 0 && alerts.length === 0) return section('guard', 'Guard', '', [], 'No page is guarded.');
  const bytes = (text: string): string => text.replace(/(..)(?=.)/gu, '$1 ');
  const blocks: Block[] = [
    {
      kind: 'table',
      columns: ['Range', 'Action', 'By'],
      rows: state.ranges.map(({ address, bytes: size, action, byHost }) => [
        `${hex(address)}–${hex(address + size - 1)}`,
        action,
        byHost ? 'host' : (state.agent ?? 'agent'),
      ]),
      mono: true,
    },
  ];
  if (alerts.length > 0) {
    blocks.push(
      { kind: 'heading', text: `The last ${plural(alerts.length, 'alert')} of ${state.alerts.toLocaleString('en-GB')}` },
      {
        kind: 'table',
        columns: ['No.', 'Kind', 'Physical', 'Writer', 'Before', 'After', 'Action', 'Outcome'],
        rows: alerts.map(({ sequence, kind, physical, writer, before, after, action, outcome }) => [
          String(sequence),
          kind,
          hex(physical),
          writer === null ? 'a device' : `vCPU ${writer.cpu} at ${writer.symbol ?? hex(writer.linear)}`,
          bytes(before),
          after === null ? '' : bytes(after),
          action,
          outcome,
        ]),
        mono: true,
      },
    );
  }
  return section('guard', 'Guard', plural(alerts.length, 'alert'), blocks, '');
}

function screens({ display, redacted }: Report): Section {
  const blocks = display.outputs.flatMap(({ number, size, text, png }): Block[] => {
    const words =
      size === null
        ? 'no size'
        : `${size.width} × ${size.height}${size.text === null ? '' : `, text of ${size.text.columns} × ${size.text.rows}`}`;
    const shown: Block[] = [];
    if (png !== null) shown.push({ kind: 'picture', png, description: `Output ${number}: ${words}` });
    // Empty rows at the end are only empty.
    const last = text?.findLastIndex((row) => row.trim() !== '') ?? -1;
    if (text !== null && last >= 0) shown.push(code(text.slice(0, last + 1).map((row) => row.trimEnd())));
    return shown.length === 0 ? [] : [{ kind: 'heading', text: `Output ${number}: ${words}` }, ...shown];
  });
  const number = display.outputs.filter(({ png }) => png !== null).length;
  const connected = display.state?.outputs.filter(({ properties, use }) => properties !== null || use !== 'dark') ?? [];
  if (connected.length > 0) {
    blocks.push(
      {
        kind: 'heading',
        text: `Displays, ${display.state?.session === null ? 'nobody’s' : `of ${display.state?.session.name ?? ''}`}`,
      },
      {
        kind: 'table',
        columns: ['Output', 'Pixels', 'Millimetres', 'Scale', 'Turned', 'At', 'Shows', 'Remark'],
        rows: connected.map(({ output, properties, use, shown, refusal }) => [
          String(output),
          properties === null ? 'off' : `${properties.width} × ${properties.height}`,
          properties?.millimetres
            ? `${properties.millimetres.width} × ${properties.millimetres.height}${properties.millimetres.estimated ? ' (estimated)' : ''}`
            : '',
          properties === null ? '' : `${properties.scale} %`,
          properties === null ? '' : `${properties.orientation}°`,
          properties === null ? '' : `${properties.x}, ${properties.y}${properties.primary ? ', primary' : ''}`,
          use === 'dark' ? 'nothing' : `${use}, ${shown.width} × ${shown.height}`,
          refusal,
        ]),
        mono: true,
      },
    );
  }
  return section(
    'screens',
    'Screens',
    plural(number, 'screen'),
    blocks,
    redacted === null ? 'The machine shows nothing.' : 'Left out.',
  );
}

function serialLog(report: Report): Section {
  const { serial, redacted } = report;
  if (serial === null || serial.text === '')
    return section(
      'serial',
      'Serial port',
      '',
      [],
      serial !== null ? 'The guest said nothing on COM1.' : redacted !== null ? 'Left out.' : 'Not included: the gateway of the pair, which has it, does not answer.',
    );
  const lines = serial.text.split(/\r\n|\n|\r/u);
  const blocks: Block[] = [code(lines)];
  if (serial.lost > 0) blocks.unshift({ kind: 'text', text: `${plural(serial.lost, 'byte')} came before these.` });
  return section('serial', 'Serial port', plural(lines.length, 'line'), blocks, '');
}

function problems({ problems: sentences }: Report): Section {
  return section(
    'problems',
    'What could not be had',
    String(sentences.length),
    sentences.length === 0 ? [] : [{ kind: 'list', items: sentences }],
    'Everything could be read.',
  );
}

/** All sections, in the order in which they are read. */
export function sectionsOf(report: Report): Section[] {
  return [
    whatHappened(report),
    chain(report),
    screens(report),
    machineFacts(report),
    ...report.vcpus.map(vcpuSection),
    walks(report),
    tables(report),
    traces(report),
    devices(report),
    management(report),
    guarded(report),
    toleranceSection(report),
    serialLog(report),
    problems(report),
  ];
}
