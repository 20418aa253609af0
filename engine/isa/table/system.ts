/** System instructions, I/O and odds and ends (SDM vol. 1, 5.20; vol. 2 for each). The work is done by services of cpu/. */
import { i32 } from '../../wasm/value.ts';
import type { Emitter } from '../emitter.ts';
import { setZero } from '../flags.ts';
import { form, type Instruction } from '../instruction.ts';
import type { ServiceName } from '../services.ts';
import { Exit } from '../state.ts';

const call = (name: ServiceName) => (e: Emitter) => e.call(name);
const control = (name: ServiceName) => (e: Emitter) => e.callControl(name);

/** LGDT, LIDT, SGDT, SIDT: the service reads or writes the six bytes. */
const table = (name: ServiceName) => (e: Emitter) => e.call(name, e.segment(), e.offset(0), i32.const(e.operandSize));

const system: readonly Instruction[] = [
  {
    mnemonic: 'sgdt',
    summary: 'Store global descriptor table register',
    forms: [form('0f 01 /0', 'Ms', { sized: true })],
    semantics: table('storeGlobalTable'),
  },
  {
    mnemonic: 'sidt',
    summary: 'Store interrupt descriptor table register',
    forms: [form('0f 01 /1', 'Ms', { sized: true })],
    semantics: table('storeInterruptTable'),
  },
  {
    mnemonic: 'lgdt',
    summary: 'Load global descriptor table register',
    privileged: true,
    forms: [form('0f 01 /2', 'Ms', { sized: true })],
    semantics: table('loadGlobalTable'),
  },
  {
    mnemonic: 'lidt',
    summary: 'Load interrupt descriptor table register',
    privileged: true,
    forms: [form('0f 01 /3', 'Ms', { sized: true })],
    semantics: table('loadInterruptTable'),
  },
  {
    mnemonic: 'smsw',
    summary: 'Store machine status word',
    forms: [form('0f 01 /4', 'Ev/w')],
    semantics: (e) => e.write(0, e.field('cr0')),
  },
  {
    mnemonic: 'lmsw',
    summary: 'Load machine status word',
    privileged: true,
    terminates: true,
    forms: [form('0f 01 /6', 'Ew')],
    semantics: (e) => {
      e.call('requirePrivilege');
      e.callControl('loadMachineStatusWord', e.read(0));
    },
  },
  {
    mnemonic: 'invlpg',
    summary: 'Invalidate a TLB entry',
    privileged: true,
    terminates: true,
    forms: [form('0f 01 /7', 'M')],
    semantics: (e) => e.callControl('invalidatePage', e.segment(), e.offset(0)),
  },
  {
    mnemonic: 'sldt',
    summary: 'Store local descriptor table register',
    forms: [form('0f 00 /0', 'Ev/w')],
    semantics: (e) => e.write(0, e.callFor('storeLocalTable')),
  },
  {
    mnemonic: 'str',
    summary: 'Store task register',
    forms: [form('0f 00 /1', 'Ev/w')],
    semantics: (e) => e.write(0, e.callFor('storeTaskRegister')),
  },
  {
    mnemonic: 'lldt',
    summary: 'Load local descriptor table register',
    privileged: true,
    forms: [form('0f 00 /2', 'Ew')],
    semantics: (e) => {
      e.call('requireProtected');
      e.call('requirePrivilege');
      e.call('loadLocalTable', e.read(0));
    },
  },
  {
    mnemonic: 'ltr',
    summary: 'Load task register',
    privileged: true,
    forms: [form('0f 00 /3', 'Ew')],
    semantics: (e) => {
      e.call('requireProtected');
      e.call('requirePrivilege');
      e.call('loadTaskRegister', e.read(0));
    },
  },
  {
    mnemonic: 'verr',
    summary: 'Verify a segment for reading',
    writes: 'z',
    forms: [form('0f 00 /4', 'Ew')],
    semantics: (e) => {
      e.call('requireProtected');
      e.call('verifyRead', e.read(0));
    },
  },
  {
    mnemonic: 'verw',
    summary: 'Verify a segment for writing',
    writes: 'z',
    forms: [form('0f 00 /5', 'Ew')],
    semantics: (e) => {
      e.call('requireProtected');
      e.call('verifyWrite', e.read(0));
    },
  },
  {
    mnemonic: 'lar',
    summary: 'Load access rights',
    writes: 'z',
    forms: [form('0f 02 /r', 'Gv Ew')],
    semantics: (e) => {
      e.call('requireProtected');
      e.write(0, e.callFor('loadAccessRights', e.read(1), e.read(0), i32.const(e.operandSize)));
    },
  },
  {
    mnemonic: 'lsl',
    summary: 'Load segment limit',
    writes: 'z',
    forms: [form('0f 03 /r', 'Gv Ew')],
    semantics: (e) => {
      e.call('requireProtected');
      e.write(0, e.callFor('loadSegmentLimit', e.read(1), e.read(0), i32.const(e.operandSize)));
    },
  },
  {
    mnemonic: 'arpl',
    summary: 'Adjust requested privilege level',
    writes: 'z',
    forms: [form('63 /r', 'Ew Gw')],
    semantics: (e) => {
      e.call('requireProtected');
      const wanted = e.f.let(i32.and(e.read(1), i32.const(3)));
      e.update(0, (old) => {
        const below = e.f.let(i32.ltU(i32.and(old, i32.const(3)), wanted));
        setZero(e, below);
        return i32.select(below, i32.or(i32.and(old, i32.const(~3)), wanted), old);
      });
    },
  },
  {
    mnemonic: 'clts',
    summary: 'Clear the task-switched flag',
    privileged: true,
    terminates: true,
    forms: [form('0f 06')],
    semantics: control('clearTaskSwitched'),
  },
  {
    mnemonic: 'invd',
    summary: 'Invalidate caches',
    privileged: true,
    forms: [form('0f 08')],
    semantics: call('writeBackCaches'),
  },
  {
    mnemonic: 'wbinvd',
    summary: 'Write back and invalidate caches',
    privileged: true,
    forms: [form('0f 09')],
    semantics: call('writeBackCaches'),
  },
  {
    mnemonic: 'mov',
    summary: 'Move from a control register',
    privileged: true,
    forms: [form('0f 20 /r', 'Rd Cd')],
    semantics: (e) => e.write(0, e.callFor('moveFromControl', e.read(1))),
  },
  {
    mnemonic: 'mov',
    summary: 'Move from a debug register',
    privileged: true,
    forms: [form('0f 21 /r', 'Rd Dd')],
    semantics: (e) => e.write(0, e.callFor('moveFromDebug', e.read(1))),
  },
  {
    mnemonic: 'mov',
    summary: 'Move to a control register',
    privileged: true,
    terminates: true,
    forms: [form('0f 22 /r', 'Cd Rd')],
    semantics: (e) => e.callControl('moveToControl', e.read(0), e.read(1)),
  },
  {
    mnemonic: 'mov',
    summary: 'Move to a debug register',
    privileged: true,
    terminates: true,
    forms: [form('0f 23 /r', 'Dd Rd')],
    semantics: (e) => e.callControl('moveToDebug', e.read(0), e.read(1)),
  },
  {
    mnemonic: 'wrmsr',
    summary: 'Write a model-specific register',
    privileged: true,
    terminates: true,
    forms: [form('0f 30')],
    semantics: control('writeMsr'),
  },
  { mnemonic: 'rdtsc', summary: 'Read the time-stamp counter', forms: [form('0f 31')], semantics: call('readTimestamp') },
  {
    mnemonic: 'rdmsr',
    summary: 'Read a model-specific register',
    privileged: true,
    forms: [form('0f 32')],
    semantics: call('readMsr'),
  },
  { mnemonic: 'rdpmc', summary: 'Read a performance counter', forms: [form('0f 33')], semantics: call('readPerformanceCounter') },
  { mnemonic: 'sysenter', summary: 'Fast system call', terminates: true, forms: [form('0f 34')], semantics: control('sysenter') },
  {
    mnemonic: 'sysexit',
    summary: 'Fast return from a system call',
    privileged: true,
    terminates: true,
    forms: [form('0f 35')],
    semantics: control('sysexit'),
  },
  // It serialises: what other processors have written is seen behind it, code included (SDM vol. 3, 9.3).
  { mnemonic: 'cpuid', summary: 'Processor identification', terminates: true, forms: [form('0f a2')], semantics: control('cpuid') },
  {
    mnemonic: 'rsm',
    summary: 'Resume from system management mode',
    terminates: true,
    forms: [form('0f aa')],
    // What is at the address that it leads to must not even be looked up while SMRAM is in the view.
    semantics: (e) => e.callAndExit('rsm', Exit.service),
  },
  {
    mnemonic: 'vmcall',
    summary: 'Hypercall (Intel)',
    terminates: true,
    forms: [form('0f 01 c1', '', { noPrefix: true })],
    semantics: control('hypercall'),
  },
  {
    mnemonic: 'vmmcall',
    summary: 'Hypercall (AMD)',
    terminates: true,
    forms: [form('0f 01 d9')],
    semantics: control('hypercall'),
  },
  {
    mnemonic: 'hlt',
    summary: 'Halt until an interrupt',
    privileged: true,
    terminates: true,
    forms: [form('f4')],
    semantics: (e) => {
      e.call('halt');
      e.exit(Exit.halt);
    },
  },
  {
    mnemonic: 'cli',
    summary: 'Clear the interrupt flag',
    writes: 'i',
    forms: [form('fa')],
    semantics: call('cli'),
  },
  {
    mnemonic: 'sti',
    summary: 'Set the interrupt flag',
    writes: 'i',
    terminates: true,
    forms: [form('fb')],
    semantics: control('sti'),
  },
];

const ports: readonly Instruction[] = [
  {
    mnemonic: 'in',
    summary: 'Input from a port',
    forms: [form('e4', 'AL Ib'), form('e5', 'eAX Ib'), form('ec', 'AL DX'), form('ed', 'eAX DX')],
    semantics: (e) => {
      const port = e.read(1);
      e.write(0, e.callFor('portRead', port, i32.const(e.size(0))));
    },
  },
  {
    mnemonic: 'out',
    summary: 'Output to a port',
    forms: [form('e6', 'Ib AL'), form('e7', 'Ib eAX'), form('ee', 'DX AL'), form('ef', 'DX eAX')],
    semantics: (e) => {
      const port = e.read(0);
      e.call('portWrite', port, i32.const(e.size(1)), e.read(1));
    },
  },
];

const nothing = () => undefined;

/** All eight encodings of a fence; assemblers use the first (SDM vol. 2, MFENCE: opcode NP 0F AE F0). */
const fences = (first: number) =>
  Array.from({ length: 8 }, (_, low) => form(`0f ae ${(first + low).toString(16)}`, '', { noPrefix: true, ...(low === 0 ? {} : { decodeOnly: true }) }));

const others: readonly Instruction[] = [
  // The host keeps the guest's order but for stores before loads, which is what MFENCE is for. Without SSE2 in CPUID: Linux takes them
  // for granted where the local APIC has a TSC deadline.
  { mnemonic: 'lfence', summary: 'Load fence', forms: fences(0xe8), semantics: nothing },
  { mnemonic: 'mfence', summary: 'Memory fence', forms: fences(0xf0), semantics: (e) => e.f.fence() },
  { mnemonic: 'sfence', summary: 'Store fence', forms: fences(0xf8), semantics: nothing },
  // The run loop may let another vCPU have its turn behind it.
  { mnemonic: 'pause', summary: 'Spin-wait hint', terminates: true, forms: [form('90', '', { prefix: 0xf3 })], semantics: control('pause') },
  { mnemonic: 'nop', summary: 'No operation', forms: [form('90'), form('0f 1f /0', 'Ev')], semantics: nothing },
  // The reserved hint space reads its ModRM and does nothing (SDM vol. 2, appendix A, table A-3).
  {
    mnemonic: 'nop',
    summary: 'No operation (reserved hint)',
    forms: [
      ...['19', '1a', '1b', '1c', '1d', '1e'].map((low) => form(`0f ${low} /r`, 'Ev', { decodeOnly: true })),
      ...['1', '2', '3', '4', '5', '6', '7'].map((digit) => form(`0f 1f /${digit}`, 'Ev', { decodeOnly: true })),
      ...['0', '1', '2', '3', '4', '5', '6', '7'].map((digit) => form(`0f 18 /${digit}`, 'Ev', { decodeOnly: true })),
      form('0f 0d /r', 'Ev', { decodeOnly: true }),
    ],
    semantics: nothing,
  },
];

export const systemAndOther: readonly Instruction[] = [...system, ...ports, ...others];
