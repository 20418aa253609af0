/** What a report is about, in a line, and what can be said of it without guessing. */
import type { Report } from '../../contract/report.ts';

type Facts = Omit<Report, 'title' | 'findings'>;

const hex = (value: number): string => value.toString(16).padStart(8, '0');
const DOUBLE_FAULT = 8;
const PAGE_FAULT = 14;

function title({ machine, stop, tripleFault, guard, tolerance }: Facts): string {
  if (stop?.kind === 'tripleFault') return `Triple fault on vCPU ${stop.cpu}`;
  if (machine.state === 'crashed') return 'The machine crashed';
  if (stop?.kind === 'breakpoint') return `Stopped by a breakpoint on vCPU ${stop.cpu}`;
  if (stop?.kind === 'step') return `Behind a step of vCPU ${stop.cpu}`;
  if (tripleFault.length > 0) return 'After a triple fault';
  if (guard !== null && guard.alerts.length > 0)
    return guard.alerts.length === 1 ? 'A write that the guard caught' : 'Writes that the guard caught';
  if (tolerance !== 'none') return PAIR_TITLES[tolerance.state];
  return {
    off: 'Off',
    running: 'A running machine',
    paused: 'A paused machine',
    crashed: 'Crashed',
    suspended: 'A suspended machine',
  }[machine.state];
}

const PAIR_TITLES = {
  preparing: 'A pair that is being made',
  protected: 'A pair that is protected',
  degraded: 'A pair that is protected by periodic checkpoints',
  unprotected: 'A pair that is not protected',
  lost: 'A pair that is lost',
} as const;

/** Why the first exceptions of a chain could not be delivered, as far as the tables that still stand say so. */
function undelivered({ stop, tripleFault, vcpus }: Facts): string[] {
  const vcpu = stop?.kind === 'tripleFault' ? vcpus.find(({ cpu }) => cpu === stop.cpu) : undefined;
  const idt = vcpu?.tables.find(({ table }) => table.table === 'idt')?.table;
  if (idt === undefined) return [];
  const wanted = [...new Set([...tripleFault.map(({ vector }) => vector), DOUBLE_FAULT])];
  // Where several gates are wrong, the first one would have been enough.
  const wrong = wanted.flatMap((vector) => {
    const offset = vector * idt.entryBytes;
    if (offset + idt.entryBytes - 1 > idt.limit) {
      return [
        `Look at first: the IDT at ${hex(idt.base)} ends (limit ${idt.limit.toString(16)}) before gate ${vector}, so vector ${vector} has no handler.`,
      ];
    }
    const entry = idt.entries.find(({ index }) => index === vector);
    const where = `gate ${vector} of the IDT at ${hex(idt.base + offset)}`;
    if (entry === undefined) return [`Look at first: ${where} is empty.`];
    return entry.descriptor.problem === null ? [] : [`Look at first: ${where}: ${entry.descriptor.problem}.`];
  });
  return wrong.slice(0, 1);
}

function findings(facts: Facts): string[] {
  const { stop, tripleFault, machine, guard, vcpus, tolerance } = facts;
  const sentences: string[] = [];
  if (machine.reason !== '') sentences.push(machine.reason);
  if (tolerance !== 'none') {
    const { lastDivergence, events } = tolerance;
    const found = lastDivergence === null ? undefined : events[lastDivergence]?.resync?.divergence;
    if (found !== undefined && found !== null) sentences.push(`The sides last said different things on ${found.channel}, from offset ${found.offset} on.`);
  }
  if (stop?.kind === 'breakpoint') sentences.push(...stop.hits.map(({ text }) => `${text.replace(/\.$/u, '')}.`));
  if (tripleFault.length > 0) {
    const steps = tripleFault.map(({ name, eip, symbol }) => `${name} at ${symbol ?? hex(eip)}`);
    sentences.push(`${steps.join(', then ')}; then nothing could be delivered any more.`);
    if (stop?.kind !== 'tripleFault')
      sentences.push('The machine was reset since then: what follows, but for the chain, is of now.');
  }
  sentences.push(...undelivered(facts));
  for (const { cpu, walks } of vcpus) {
    for (const { of, walk } of walks) {
      if (of === 'next instruction' && walk.reason !== 'mapped')
        sentences.push(`The next instruction of vCPU ${cpu} cannot be fetched. ${walk.text}`);
      else if (of === 'triple fault' && stop?.kind === 'tripleFault' && stop.cpu === cpu) {
        const what = tripleFault.find(({ vector, address }) => vector === PAGE_FAULT && address === walk.linear);
        if (what !== undefined) sentences.push(`The page fault at ${hex(walk.linear)}: ${walk.text}`);
      }
    }
  }
  const alerts = guard?.alerts.length ?? 0;
  if (alerts > 0)
    sentences.push(alerts === 1 ? 'The guard caught one write.' : `The guard caught ${alerts} writes that are listed here.`);
  return [...new Set(sentences)];
}

export function conclude(facts: Facts): Pick<Report, 'title' | 'findings'> {
  return { title: title(facts), findings: findings(facts) };
}
