/**
 * Where QEMU's TCG does not do what the manuals say. Each entry says what, with the SDM's word; a case it names is not compared.
 * A case is excluded by its number alone, so that an error of ours cannot hide behind QEMU's.
 */
interface Deviation {
  readonly what: string;
  readonly group: string;
  readonly covers: (index: number) => boolean;
}

const way = (index: number) => index >> 8;
const either = (...numbers: number[]) => (index: number) => numbers.includes(index);
const instruction = (...cases: number[]) => (index: number) => cases.includes(index >> 1);
/** v86 cases: piece of code * 8 + IOPL 3 + 2 * TF + 4 * bitmap. */
const trapping = (index: number, ...cases: number[]) => (index & 2) !== 0 && cases.includes(index >> 3);
const pagingKind = (index: number) => (index >> 7) & 7;

export const deviations: readonly Deviation[] = [
  {
    group: 'descriptor',
    what: 'Far transfers set the accessed bit of a code segment (vol. 3, 3.4.5.1); QEMU leaves it clear.',
    covers: (index) => way(index) >= 8 && way(index) <= 17 && (index & 0x19) === 0x18,
  },
  {
    group: 'call',
    what: 'A call gate to a conforming segment keeps the CPL (vol. 3, 5.8.4); QEMU makes the RPL of CS the segment\'s DPL.',
    covers: either(0x174, 0x17c),
  },
  {
    group: 'inner stack',
    what: 'An inner stack segment that is not present is #SS (vol. 2, CALL); QEMU raises #TS.',
    // Entry 7 of the 15 in gates.asm; the quotient counts gates.
    covers: (index) => index % 15 === 7,
  },
  {
    group: 'v86',
    what: 'STI does not hold back a single-step trap (vol. 3, 6.8.3); QEMU\'s shadow does.',
    covers: (index) => trapping(index, 1),
  },
  {
    group: 'v86',
    what: 'A single step over a far transfer or IRET sets BS alone in DR6 (vol. 3, 17.2.3); QEMU also sets B0-B3.',
    covers: (index) => trapping(index, 5, 6, 8, 13),
  },
  {
    group: 'v86',
    what: 'INT1 (F1) is #DB (vol. 2, INT n/INTO/INT3/INT1); QEMU raises #UD.',
    covers: (index) => index >> 3 === 22,
  },
  {
    group: 'string',
    what: 'A page fault in REPNE SCAS or CMPS leaves EFLAGS as they were before the instruction (vol. 2, REP); QEMU keeps those of the last element.',
    covers: either(0x08, 0x0a, 0x18, 0x1a, 0x2a, 0x3a),
  },
  {
    group: 'paging',
    what: 'A read-modify-write access faults as a write (vol. 3, 4.7); QEMU reports the read it makes first.',
    covers: (index) => pagingKind(index) === 6,
  },
  {
    group: 'instruction',
    what: 'RDMSR of an unknown register is #GP (vol. 2, RDMSR); QEMU reads 0.',
    covers: instruction(16),
  },
  {
    group: 'instruction',
    what: 'LOCK before MOV is #UD (vol. 2, LOCK); QEMU ignores it.',
    covers: instruction(26),
  },
  {
    group: 'instruction',
    what: 'A control register that does not exist is #UD (vol. 2, MOV CR), at any CPL; QEMU checks the CPL first.',
    covers: instruction(31),
  },
  { group: 'instruction', what: 'INT1, as above.', covers: instruction(39) },
  {
    group: 'task',
    what: 'What a task holds whose segments could not be loaded is not defined (vol. 3, 7.3).',
    covers: either(12, 13, 14, 15),
  },
  {
    group: 'debug',
    what: 'RF ends with the instruction it protects (vol. 3, 17.3.1.1); QEMU leaves it set.',
    covers: either(9),
  },
  {
    group: 'debug',
    what: 'DR7.GD makes any access to a debug register #DB (vol. 3, 17.2.4); QEMU lets reads through.',
    covers: either(10),
  },
  {
    group: 'debug',
    what: 'DR6 and DR7 have fixed bits (vol. 3, 17.2.3); QEMU stores reserved ones.',
    covers: either(13),
  },
];

export function isDeviation(key: string): boolean {
  const [group = '', number = ''] = key.split(':');
  const index = Number.parseInt(number, 16);
  return deviations.some((deviation) => deviation.group === group && deviation.covers(index));
}

const reservedBit = 1 << 3;
const presentBit = 1 << 0;

/** The RSVD flag of a page fault comes with P set (vol. 3, 4.7); QEMU leaves P clear. */
export function corrected(line: string): string {
  const match = /^v=0e e=([0-9a-f]{4})(.*)$/.exec(line);
  if (match?.[1] === undefined || match[2] === undefined) return line;
  const code = Number.parseInt(match[1], 16);
  const right = (code & reservedBit) === 0 ? code : code | presentBit;
  return `v=0e e=${right.toString(16).padStart(4, '0')}${match[2]}`;
}
