/** The section of a report about the pair that the machine is. */
import { differenceSentences } from '../../contract/pair-difference.ts';
import type { Report, ReportPair } from '../../contract/report.ts';
import { formatSize } from '../memory-size.ts';
import type { Block, Section } from './blocks.ts';

const count = (value: number): string => value.toLocaleString('en-GB');
const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : count(Math.round(value))} ms`;
/** How many of the journal's events are in the table; all are in the JSON. */
const shownEvents = 200;

type Resync = NonNullable<ReportPair['events'][number]['resync']>;

const RESYNC_WORDS: Readonly<Record<Resync['reason'], string>> = {
  differs: 'output differed',
  late: 'output was late',
  asked: 'asked for',
  periodic: 'periodic',
  join: 'joined',
  refused: 'sent again',
};

const moment = (at: number): string => new Date(at).toISOString().slice(0, 23).replace('T', ' ');

function sideRow(pair: ReportPair, name: 'a' | 'b'): [string, string] {
  const { host, member } = pair.sides[name];
  const where = host === null ? '' : `, on ${host}`;
  if (member === null) return [`Side ${name}`, `does not answer${where}`];
  const { role, mode, term, generation, leaseAge, pid } = member;
  return [`Side ${name}`, `${role}, ${mode}${where}; term ${term}, generation ${generation}, process ${pid}${leaseAge === null ? '' : `; lease proved ${milliseconds(leaseAge)} before`}`];
}

function facts(pair: ReportPair): Block {
  const { gateway, lease, settings, figures } = pair;
  const spread = (values: ReportPair['figures']['bytes'], text: (value: number) => string): string =>
    values === null ? 'none yet' : `${text(values.median)} as a rule, ${text(values.greatest)} at most`;
  const now = (value: number | null, text: (value: number) => string): string => (value === null ? 'nothing to measure' : text(value));
  return {
    kind: 'facts',
    rows: [
      ['State', `${pair.state}. ${pair.reason}`],
      ['Primary', pair.primary === null ? 'none answers' : `side ${pair.primary}`],
      sideRow(pair, 'a'),
      sideRow(pair, 'b'),
      [
        'Gateway',
        gateway === null
          ? 'does not answer: clients cannot reach the guest'
          : `process ${gateway.pid}, port ${gateway.port}; ${gateway.clients} ${gateway.clients === 1 ? 'client' : 'clients'}, ${count(gateway.bytesIn)} bytes in, ${count(gateway.bytesOut)} out, ${gateway.waitingInputs} inputs waiting, ${count(gateway.lost)} bytes lost`,
      ],
      ['Lease', lease.kind === 'file' ? 'a file of this host' : `etcd${lease.endpoints.length === 0 ? '' : ` at ${lease.endpoints.join(', ')}`}${lease.validity === null ? '' : `; a proof counts for ${lease.validity} ms`}`],
      [
        'Settings',
        `a side counts as gone after ${settings.deadAfter} ms, output as late after ${settings.lateAfter} ms; a storm is more than ${settings.stormAfter} resyncs in 10 s; digests ${settings.verify ? 'are' : 'are not'} compared`,
      ],
      ['Lag, held, heartbeat', `${now(figures.now.lag, milliseconds)}; ${now(figures.now.held, (value) => `${count(value)} bytes`)}; ${now(figures.now.heartbeat, milliseconds)}`],
      ['Resyncs', `${count(figures.resyncs)} since the primary was started`],
      ['Bytes of a resync', spread(figures.bytes, formatSize)],
      ['Pages of a resync', spread(figures.pages, count)],
      ['Pause of the primary', spread(figures.pause, milliseconds)],
      ['Until the secondary had it', spread(figures.took, milliseconds)],
    ],
  };
}

/** Bytes as people compare them: hexadecimal, and as text. */
const bytes = (hex: string): string => (hex === '' ? 'left out' : `${hex.replace(/(..)(?=.)/gu, '$1 ')}  ${JSON.stringify(Buffer.from(hex, 'hex').toString('latin1'))}`);

function divergence(pair: ReportPair): Block[] {
  const event = pair.lastDivergence === null ? undefined : pair.events[pair.lastDivergence];
  const resync = event?.resync;
  if (event === undefined || resync === undefined) return [{ kind: 'heading', text: 'Last divergence' }, { kind: 'text', text: 'The sides have not differed, as far as the journal goes.' }];
  const { divergence: output, difference } = resync;
  const blocks: Block[] = [{ kind: 'heading', text: `Last divergence, ${moment(event.at)} UTC` }];
  if (output !== null) {
    blocks.push({
      kind: 'facts',
      rows: [
        ['First byte', `offset ${count(output.offset)} of ${output.channel}`],
        ['Both said before', bytes(output.before)],
        ['The primary', bytes(output.primary)],
        ['The secondary', bytes(output.secondary)],
      ],
    });
  }
  if (difference !== undefined) blocks.push({ kind: 'list', items: differenceSentences(difference) });
  return blocks;
}

function resyncs(pair: ReportPair): Block[] {
  const all = pair.events.flatMap(({ at, by, resync }) => (resync === undefined ? [] : [{ at, by, resync }])).slice(-shownEvents);
  if (all.length === 0) return [];
  return [
    { kind: 'heading', text: 'Resyncs' },
    {
      kind: 'table',
      columns: ['When (UTC)', 'By', 'Why', 'Pages', 'Bytes', 'Pause', 'Took'],
      rows: all.map(({ at, by, resync }) => [moment(at), by, RESYNC_WORDS[resync.reason], count(resync.pages), count(resync.bytes), milliseconds(resync.pause), milliseconds(resync.took)]),
      mono: true,
    },
  ];
}

function events(pair: ReportPair): Block[] {
  const all = pair.events.filter(({ resync }) => resync === undefined);
  if (all.length === 0) return [];
  return [
    { kind: 'heading', text: all.length > shownEvents ? `The last ${shownEvents} events of ${count(all.length)}` : 'Events' },
    {
      kind: 'table',
      columns: ['When (UTC)', 'By', 'Kind', 'What'],
      rows: all.slice(-shownEvents).map(({ at, by, kind, text }) => [moment(at), by, kind, text === '' ? '(left out)' : text]),
      mono: false,
    },
  ];
}

export function toleranceSection({ tolerance }: Pick<Report, 'tolerance'>): Section {
  const head = { id: 'tolerance', title: 'Fault tolerance' };
  if (tolerance === 'none') return { ...head, amount: 'none', isEmpty: true, blocks: [{ kind: 'text', text: 'The machine belongs to no pair.' }] };
  return { ...head, amount: tolerance.state, isEmpty: false, blocks: [facts(tolerance), ...divergence(tolerance), ...resyncs(tolerance), ...events(tolerance)] };
}
