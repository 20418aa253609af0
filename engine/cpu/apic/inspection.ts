/** The state of a local APIC in words (SDM vol. 3, chapter 11). Reads registers by `peek` alone: no side effects, any thread, no lock. */
import { digits, flagsOf, setNames, type ChipFacts, type Fact } from '../../layout/facts.ts';
import type { LocalApics } from './local-apic.ts';
import { ApicError, ApicRegister, Delivery, LocalVector, Shorthand, Spurious, TimerMode } from './registers.ts';
import { ApicBase } from './state.ts';
import { divisorOf } from './timer.ts';

const deliveries: Readonly<Record<number, string>> = {
  [Delivery.fixed]: 'fixed',
  [Delivery.lowestPriority]: 'lowest priority',
  [Delivery.smi]: 'SMI',
  [Delivery.nmi]: 'NMI',
  [Delivery.init]: 'INIT',
  [Delivery.startUp]: 'start-up',
  [Delivery.external]: 'ExtINT',
};
const shorthands: Readonly<Record<number, string>> = {
  [Shorthand.self]: 'to itself',
  [Shorthand.all]: 'to all',
  [Shorthand.others]: 'to all others',
};
const timerModes: Readonly<Record<number, string>> = {
  [TimerMode.oneShot]: 'one-shot',
  [TimerMode.periodic]: 'periodic',
  [TimerMode.deadline]: 'TSC deadline',
};
const entries = [
  ['Timer', ApicRegister.localTimer],
  ['Thermal', ApicRegister.localThermal],
  ['Performance', ApicRegister.localPerformance],
  ['LINT0', ApicRegister.localLint0],
  ['LINT1', ApicRegister.localLint1],
  ['Error', ApicRegister.localError],
] as const;
const errors = {
  redirectable: ApicError.redirectable,
  'send vector': ApicError.sendIllegalVector,
  'receive vector': ApicError.receiveIllegalVector,
  register: ApicError.illegalRegister,
};

const deliveryOf = (entry: number): string => deliveries[(entry & LocalVector.mode) >>> LocalVector.modeShift] ?? 'reserved';

/** `apicBase`: IA32_APIC_BASE of the vCPU. */
export function inspectLocalApic(apics: LocalApics, cpu: number, apicBase: number): ChipFacts {
  const read = (offset: number): number => apics.peek(cpu, offset) ?? 0;
  /** Vectors of IRR, ISR or TMR in hexadecimal. */
  const vectors = (first: number): string => {
    const found = Array.from({ length: 256 }, (_, vector) => vector).filter(
      (vector) => ((read(first + 16 * (vector >>> 5)) >>> (vector & 31)) & 1) !== 0,
    );
    return found.map((vector) => digits(vector, 2)).join(' ') || '-';
  };
  const isExtended = (apicBase & ApicBase.x2apic) !== 0;
  const isEnabled = (apicBase & ApicBase.enable) !== 0;
  const spurious = read(ApicRegister.spurious);
  const id = read(ApicRegister.id);
  const facts: Fact[] = [
    {
      name: 'IA32_APIC_BASE',
      value: digits(apicBase, 8),
      flags: flagsOf(apicBase, { BSP: ApicBase.bootstrap, x2APIC: ApicBase.x2apic, EN: ApicBase.enable }),
    },
    { name: 'ID', value: isExtended ? digits(id, 8) : digits(id >>> 24, 2) },
    {
      name: 'TPR',
      value: digits(read(ApicRegister.taskPriority), 2),
      note: `PPR ${digits(read(ApicRegister.processorPriority), 2)}: vectors from ${digits((read(ApicRegister.processorPriority) & 0xf0) + 0x10, 2)} on are taken`,
    },
    { name: 'IRR', value: vectors(ApicRegister.requested), note: 'requested' },
    { name: 'ISR', value: vectors(ApicRegister.inService), note: 'in service' },
    { name: 'TMR', value: vectors(ApicRegister.levelTriggered), note: 'level-triggered' },
    {
      name: 'SVR',
      value: digits(spurious, 3),
      flags: flagsOf(spurious, { EN: Spurious.enable, 'no EOI broadcast': Spurious.suppressBroadcast }),
    },
    { name: 'ESR', value: digits(read(ApicRegister.errorStatus), 2), flags: flagsOf(read(ApicRegister.errorStatus), errors) },
    command(read, isExtended),
    {
      name: 'LDR',
      value: digits(read(ApicRegister.logicalDestination), 8),
      note: isExtended
        ? 'cluster model of x2APIC'
        : read(ApicRegister.destinationFormat) >>> 28 === 0xf
          ? 'flat model'
          : 'cluster model',
    },
    ...(isExtended ? [] : [{ name: 'DFR', value: digits(read(ApicRegister.destinationFormat), 8) }]),
    timer(read),
  ];
  return {
    id: `lapic${cpu}`,
    title: `Local APIC of vCPU ${cpu}`,
    place: isEnabled ? (isExtended ? 'MSRs 800-8ff' : `memory ${digits(apicBase & ~0xfff, 8)}`) : 'switched off',
    group: 'interrupts',
    facts,
    tables: [{ title: 'Local vector table', columns: ['Entry', 'Vector', 'Delivery', 'State'], rows: localVectorRows(read) }],
  };
}

function localVectorRows(read: (offset: number) => number): string[][] {
  return entries.map(([name, offset]) => {
    const entry = read(offset);
    const hasMode = offset !== ApicRegister.localTimer && offset !== ApicRegister.localError;
    const states = { masked: LocalVector.masked, pending: LocalVector.pending, level: LocalVector.level };
    return [name, digits(entry & LocalVector.number, 2), hasMode ? deliveryOf(entry) : 'fixed', setNames(entry, states)];
  });
}

function command(read: (offset: number) => number, isExtended: boolean): Fact {
  const low = read(ApicRegister.commandLow);
  const high = read(ApicRegister.commandHigh);
  const shorthand = shorthands[(low >>> LocalVector.shorthandShift) & 3];
  const destination = `to ${low & LocalVector.logical ? 'logical ' : ''}${digits(high >>> 24, 2)}`;
  const where = shorthand ?? (isExtended ? '' : destination);
  return {
    name: 'ICR',
    value: `${isExtended ? '' : `${digits(high, 8)} `}${digits(low, 8)}`,
    note: `last sent: ${deliveryOf(low)} ${digits(low & LocalVector.number, 2)} ${where}`.trimEnd(),
  };
}

function timer(read: (offset: number) => number): Fact {
  const mode = (read(ApicRegister.localTimer) >>> TimerMode.shift) & 3;
  const initial = read(ApicRegister.timerInitial);
  return {
    name: 'Timer',
    value: `${read(ApicRegister.timerCurrent)} of ${initial}`,
    note: `${timerModes[mode] ?? 'reserved mode'}, divided by ${divisorOf(read(ApicRegister.timerDivide))}`,
  };
}
