/** The state of a vCPU after power-on, RESET and INIT (SDM vol. 3, 10.1.1 and table 10-1). */
import { Attention, Reg, Seg } from '../isa/state.ts';
import { ApicBase, defaultApicBase } from './apic/state.ts';
import { Control0 } from './control-bits.ts';
import { processorSignature } from './cpuid.ts';
import { debug6Fixed, debug7Fixed } from './debug-registers.ts';
import { writeEflags } from './flags.ts';
import { CpuState, realModeRights, rights } from './registers.ts';
import { resetX87 } from './x87/registers.ts';

const resetCodeSelector = 0xf000;
const resetCodeBase = 0xffff0000;
const resetEip = 0xfff0;
const limit64K = 0xffff;
/** SMBASE after RESET (SDM vol. 3, 31.4). INIT leaves it. */
export const resetSmbase = 0x30000;
const resetControl0 = Control0.cacheDisable | Control0.notWriteThrough | Control0.extensionType;
/** Rights of LDTR and TR after reset: present LDT, present busy 32-bit TSS. */
const resetLdtRights = rights.present | 2;
const resetTrRights = rights.present | 11;
/** PAT after reset: WB, WT, UC-, UC, twice. */
const resetPat = 0x0007040600070406n;

export const enum Activity {
  running,
  halted,
  waitForSipi,
  shutdown,
}

/**
 * Puts a vCPU block in its power-on state: real mode at F000:FFF0 with the base 0xFFFF0000. `retired` and the counters go
 * to zero; the attention word and the addresses of caches stay. The bootstrap processor runs, any other one waits for a SIPI (SDM vol. 3,
 * 9.4). The caller may be any thread while the vCPU stands still; the vCPU calls Vcpu.synchronise before it runs again.
 */
export function resetState(buffer: SharedArrayBuffer, base: number, bootstrap = true): void {
  const state = new CpuState(buffer, base);
  const { block } = state;
  block.apicBase = BigInt(defaultApicBase + ApicBase.enable + (bootstrap ? ApicBase.bootstrap : 0));
  initialise(state);
  resetX87(block);
  block.sysenterCs = 0;
  block.sysenterEsp = 0n;
  block.sysenterEip = 0n;
  block.tscOffset = 0n;
  block.smbase = resetSmbase;
  block.patMsr = resetPat;
  block.retired = 0n;
  block.exits.fill(0);
  block.exceptions.fill(0);
  block.interrupts = 0;
}

/** INIT#: as reset, but MSRs, counters and the cache bits of CR0 stay (SDM vol. 3, 10.1, table 10-1). Only the bootstrap processor goes on. */
export function initState(state: CpuState): void {
  const caching = state.cr0 & (Control0.cacheDisable | Control0.notWriteThrough);
  initialise(state);
  state.cr0 = (caching | Control0.extensionType) >>> 0;
}

/** Start-up IPI: real mode at the page that `vector` names (SDM vol. 3, 9.4.4.2). The vCPU waits for one. */
export function startUp(state: CpuState, vector: number): void {
  state.setSegment(Seg.cs, vector << 8, vector << 12, limit64K, realModeRights);
  state.eip = 0;
  state.activity = Activity.running;
}

/** Events that cannot be served yet are kept in `latched`. An INIT among them is later than what is kept: it ends a start-up IPI before it. */
export function latch(state: { latched: number }, bits: number): void {
  if ((bits & Attention.init) !== 0) state.latched &= ~Attention.sipi;
  state.latched |= bits;
}

function initialise(state: CpuState): void {
  for (let number = 0; number < 8; number++) state.setRegister(number, 0);
  state.setRegister(Reg.edx, processorSignature);
  writeEflags(state, 0);
  state.eip = resetEip;
  state.cpl = 0;
  state.setSegment(Seg.cs, resetCodeSelector, resetCodeBase, limit64K, realModeRights);
  for (const seg of [Seg.es, Seg.ss, Seg.ds, Seg.fs, Seg.gs]) state.setSegment(seg, 0, 0, limit64K, realModeRights);
  state.setSegment(Seg.ldt, 0, 0, limit64K, resetLdtRights);
  state.setSegment(Seg.tr, 0, 0, limit64K, resetTrRights);
  state.gdtBase = 0;
  state.gdtLimit = limit64K;
  state.idtBase = 0;
  state.idtLimit = limit64K;
  state.cr0 = resetControl0 >>> 0;
  state.cr2 = 0;
  state.cr3 = 0;
  state.cr4 = 0;
  state.efer = 0;
  for (let number = 0; number < 4; number++) {
    state.setDebugRegister(number, 0);
    state.setPdpte(number, 0, 0);
  }
  state.setDebugRegister(6, debug6Fixed);
  state.setDebugRegister(7, debug7Fixed);
  state.faultVector = -1;
  state.interruptShadow = 0;
  state.activity = (Number(state.block.apicBase) & ApicBase.bootstrap) !== 0 ? Activity.running : Activity.waitForSipi;
  state.nmiBlocked = 0;
  state.inSmm = 0;
  state.latched = 0;
  state.debugPending = 0;
}
