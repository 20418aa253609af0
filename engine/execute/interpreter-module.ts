/**
 * Generates the interpreter: one WebAssembly function with a handler per sized form of the instruction table, and dispatch by
 * one br_table. See decision 0002 for how blocks, budget and exits work.
 */
import type { ServiceName, Services } from '../isa/services.ts';
import { sizedForms } from '../isa/sized.ts';
import { Exit, vcpuState } from '../isa/state.ts';
import type { Callable } from '../wasm/function.ts';
import { ModuleBuilder } from '../wasm/module.ts';
import { i32, i64 } from '../wasm/value.ts';
import { InterpreterEmitter, type Frame } from './interpreter-emitter.ts';
import { field, neverLinked, recordBytes } from './record.ts';
import { jumpCache } from './translation-cache.ts';

/** Handlers that are not instructions. */
export const special = {
  /** #UD. */
  invalid: sizedForms.length,
  /** #GP(0): longer than 15 bytes. */
  tooLong: sizedForms.length + 1,
  /** Behind the last instruction of a block: goes on at its pageOffset. Counts nothing. */
  blockEnd: sizedForms.length + 2,
  /** Was an instruction whose bytes changed: decode again. */
  refetch: sizedForms.length + 3,
} as const;
const handlers = sizedForms.length + 4;

/** Parameters of each service; the result is i32 where `true`. */
const signatures: Readonly<Record<ServiceName, readonly [parameters: number, result: boolean]>> = {
  readSlow: [3, true],
  writeSlow: [3, true],
  updateSlow: [3, true],
  lockedSlow: [3, true],
  commitWrite: [0, false],
  probeWrite: [3, false],
  loadSegment: [2, false],
  farJump: [3, false],
  farCall: [3, false],
  farReturn: [2, false],
  interruptReturn: [1, false],
  softwareInterrupt: [2, false],
  sysenter: [0, false],
  sysexit: [0, false],
  rsm: [0, false],
  pause: [0, false],
  halt: [0, false],
  sti: [0, false],
  cli: [0, false],
  pushFlags: [1, true],
  popFlags: [2, false],
  moveToControl: [2, false],
  moveFromControl: [1, true],
  moveToDebug: [2, false],
  moveFromDebug: [1, true],
  loadMachineStatusWord: [1, false],
  clearTaskSwitched: [0, false],
  loadGlobalTable: [3, false],
  loadInterruptTable: [3, false],
  storeGlobalTable: [3, false],
  storeInterruptTable: [3, false],
  loadLocalTable: [1, false],
  loadTaskRegister: [1, false],
  storeLocalTable: [0, true],
  storeTaskRegister: [0, true],
  loadAccessRights: [3, true],
  loadSegmentLimit: [3, true],
  verifyRead: [1, false],
  verifyWrite: [1, false],
  requireProtected: [0, false],
  requirePrivilege: [0, false],
  cpuid: [0, false],
  readMsr: [0, false],
  writeMsr: [0, false],
  readTimestamp: [0, false],
  readPerformanceCounter: [0, false],
  invalidatePage: [2, false],
  writeBackCaches: [0, false],
  portRead: [2, true],
  portWrite: [3, false],
  checkPort: [2, false],
  hypercall: [0, false],
  x87Stack: [4, false],
  x87Memory: [5, false],
  x87Wait: [0, false],
};

/** What the generated module imports under "env": memory, lookupBlock and the services. */
export interface InterpreterImports extends Services {
  /** Finds or decodes the block at eip; gives its first record, or 0 with exitReason set. */
  lookupBlock(from: number): number;
}

let cached: WebAssembly.Module | undefined;

/** The compiled module; the same for every vCPU, and it may be posted to workers of this process. */
export function interpreterModule(): WebAssembly.Module {
  cached ??= new WebAssembly.Module(generateInterpreter());
  return cached;
}

/** The module's bytes; exported as `run(vcpuBlockAddress) → Exit`. */
export function generateInterpreter(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', 1, 65536);
  const lookupBlock = module.importFunction('env', 'lookupBlock', ['i32'], 'i32');
  const services = {} as Record<ServiceName, Callable>;
  for (const [name, [parameters, result]] of Object.entries(signatures) as [ServiceName, readonly [number, boolean]][]) {
    services[name] = module.importFunction('env', name, new Array<'i32'>(parameters).fill('i32'), result ? 'i32' : undefined);
  }

  const fast = defineInterpreter(module, services, 'fast');
  const careful = defineInterpreter(module, services, 'careful');

  module.defineFunction(
    ['i32'],
    'i32',
    (f) => {
      const cpu = f.parameter('i32', 0);
      const how = f.local('i32');
      f.set(how, i32.const(Handover.lookup));
      f.store(cpu.get, i32.const(0), vcpuState.offset.resumeFrom);
      f.loop((again) => {
        f.set(how, f.callFor('i32', fast, cpu.get, how.get));
        f.if(i32.eq(how.get, i32.const(Handover.careful)), () => f.set(how, f.callFor('i32', careful, cpu.get, how.get)));
        f.if(i32.eq(how.get, i32.const(Handover.miss)), () => {
          const found = f.let(f.callFor('i32', lookupBlock, i32.load(cpu.get, vcpuState.offset.resumeFrom)));
          f.if(i32.eqz(found), () => f.return(i32.load(cpu.get, vcpuState.offset.exitReason)));
          f.store(cpu.get, found, vcpuState.offset.resumeRecord);
          f.set(how, i32.const(Handover.enter));
        });
        f.brIf(again, i32.geU(how.get, i32.const(Handover.lookup)));
      });
      f.return(how.get);
    },
    'run',
  );
  return module.encode();
}

/** How one function of the interpreter asks the next to go on; values below are an Exit. */
const enum Handover {
  /** Find the block at eip, by the jump cache first if resumeFrom is 0. */
  lookup = 100,
  /** Enter the block whose first record is resumeRecord. */
  enter = 101,
  /** Go on at resumeRecord inside a block that is charged already. */
  inside = 102,
  /** The instruction at resumeRecord needs the careful function. */
  careful = 103,
  /** The jump cache does not know eip: lookupBlock has to. */
  miss = 104,
}

/**
 * The same handlers twice. The fast function has no call in it: V8 then keeps its loop in registers. Where an instruction
 * needs a service (TLB miss, device, system instruction, fault) it is handed, untouched, to the careful function, which
 * executes that one instruction and hands back. `(vcpuBlockAddress, Handover) → Handover or Exit`.
 */
function defineInterpreter(module: ModuleBuilder, services: Frame['services'], kind: 'fast' | 'careful'): Callable {
  return module.defineFunction(['i32', 'i32'], 'i32', (f) => {
    const { offset } = vcpuState;
    const cpu = f.parameter('i32', 0);
    const how = f.parameter('i32', 1);
    const record = f.local('i32');
    const budget = f.local('i32');
    const target = f.local('i32');
    const from = f.local('i32');
    f.set(budget, i32.load(cpu.get, offset.budget));
    f.set(record, i32.load(cpu.get, offset.resumeRecord));
    f.set(target, i32.load(cpu.get, offset.eip));
    f.set(from, i32.load(cpu.get, offset.resumeFrom));

    const handOver = (next: Handover) => {
      f.store(cpu.get, record.get, offset.resumeRecord);
      f.store(cpu.get, budget.get, offset.budget);
      f.return(i32.const(next));
    };
    const storeInstructionPointer = () => {
      const eip = i32.add(i32.load(cpu.get, offset.pageEip), i32.load16u(record.get, field.pageOffset));
      f.store64(cpu.get, i64.extendU(eip), offset.eip);
    };
    const storeTarget = () => {
      f.store64(cpu.get, i64.extendU(target.get), offset.eip);
      f.store(cpu.get, from.get, offset.resumeFrom);
    };
    const dispatch = (frame: Frame, next: () => void) =>
      f.switch(
        handlers,
        (labels) => f.brTable(labels, labels[special.invalid] ?? frame.fault, i32.load16u(record.get, field.handler)),
        (index) => {
          f.scope(() => emitHandler(frame, index));
          if (index >= sizedForms.length) return;
          f.set(record, i32.add(record.get, i32.const(recordBytes)));
          next();
        },
      );

    if (kind === 'careful') {
      f.block((fault) => {
        f.block((lookup) => {
          f.block((enter) => {
            const frame: Frame = { f, cpu, record, budget, target, from, services, lookup, enter, fault, careful: undefined };
            dispatch(frame, () => {
              // A chip may have raised an interrupt or armed a timer: it is served behind this very instruction, wherever blocks end.
              f.if(i32.load(cpu.get, offset.attention), () => {
                const done = i32.sub(record.get, i32.const(recordBytes));
                f.set(budget, i32.add(budget.get, i32.load8u(done, field.remaining)));
                f.set(target, i32.add(i32.load(cpu.get, offset.pageEip), i32.load16u(record.get, field.pageOffset)));
                f.set(from, i32.const(0));
                f.br(lookup);
              });
              handOver(Handover.inside);
            });
          });
          handOver(Handover.enter);
        });
        storeTarget();
        handOver(Handover.lookup);
      });
      // The instruction is not retired, and neither is the rest of its block.
      f.store(cpu.get, i32.add(budget.get, i32.add(i32.load8u(record.get, field.remaining), i32.const(1))), offset.budget);
      storeInstructionPointer();
      f.return(i32.const(Exit.fault));
      return;
    }

    f.block((careful) => {
      f.block((miss) => {
        f.loop((lookup) => {
          f.block((enterBlock) => {
            f.block((insideBlock) => {
              f.brIf(insideBlock, i32.eq(how.get, i32.const(Handover.inside)));
              f.brIf(enterBlock, i32.eq(how.get, i32.const(Handover.enter)));
              f.brIf(miss, from.get);
              f.scope(() => {
                const hash = i32.and(i32.xor(target.get, i32.shrU(target.get, i32.const(11))), i32.const(jumpCache.entries - 1));
                const entry = f.let(i32.add(i32.load(cpu.get, offset.jumpCache), i32.mul(hash, i32.const(jumpCache.entryBytes))));
                f.brIf(miss, i64.ne(i64.load(entry, jumpCache.tag), i64.extendU(target.get)));
                f.brIf(miss, i32.ne(i32.load(entry, jumpCache.context), i32.load(cpu.get, offset.codeContext)));
                f.store(cpu.get, i32.load(entry, jumpCache.pageEip), offset.pageEip);
                f.set(record, i32.load(entry, jumpCache.record));
              });
              f.br(enterBlock);
            });
          });
          f.loop((enter) => {
            f.if(i32.ne(how.get, i32.const(Handover.inside)), () => {
              const cost = i32.add(i32.load8u(record.get, field.remaining), i32.const(1));
              f.set(budget, i32.sub(budget.get, cost));
              f.if(i32.or(i32.ltS(budget.get, i32.const(0)), i32.load(cpu.get, offset.attention)), () => {
                f.store(cpu.get, i32.add(budget.get, cost), offset.budget);
                storeInstructionPointer();
                f.return(i32.select(i32.load(cpu.get, offset.attention), i32.const(Exit.attention), i32.const(Exit.budget)));
              });
            });
            f.set(how, i32.const(Handover.lookup));
            f.loop((again) => {
              const frame: Frame = { f, cpu, record, budget, target, from, services, lookup, enter, fault: careful, careful };
              dispatch(frame, () => f.br(again));
            });
          });
        });
      });
      storeTarget();
      handOver(Handover.miss);
    });
    handOver(Handover.careful);
  });
}

function emitHandler(frame: Frame, index: number): void {
  const { f, record, budget, target, from } = frame;
  const form = sizedForms[index];
  // Repeated strings use the host's copy and fill, which are calls.
  if (form && frame.careful && form.repeat !== 'none') return f.br(frame.careful);
  if (form) return form.instruction.semantics(new InterpreterEmitter(frame, form));
  if (frame.careful && (index === special.invalid || index === special.tooLong)) return f.br(frame.careful);
  const raise = (vector: number) => {
    f.store(frame.cpu.get, i32.const(vector), vcpuState.offset.faultVector);
    f.store(frame.cpu.get, i32.const(0), vcpuState.offset.faultCode);
    f.br(frame.fault);
  };
  if (index === special.invalid) return raise(6);
  if (index === special.tooLong) return raise(13);
  const eip = i32.add(i32.load(frame.cpu.get, vcpuState.offset.pageEip), i32.load16u(record.get, field.pageOffset));
  f.set(target, eip);
  if (index === special.refetch) {
    f.set(budget, i32.add(budget.get, i32.add(i32.load8u(record.get, field.remaining), i32.const(1))));
    f.set(from, i32.const(neverLinked));
  } else {
    f.set(from, i32.const(0));
  }
  f.br(frame.lookup);
}
