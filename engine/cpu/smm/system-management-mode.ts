/** Entering System Management Mode and RSM (SDM vol. 3, 31.4 to 31.12; AMD64 APM vol. 2, chapter 10). */
import { Attention, Seg, segmentBytes, segmentField, vcpuState } from '../../isa/state.ts';
import { Control0, Control4, Efer } from '../control-bits.ts';
import { cr4Implemented } from '../control.ts';
import type { Cpu } from '../core.ts';
import { debug7Fixed } from '../debug-registers.ts';
import { Vector } from '../faults.ts';
import { readEflags, writeEflags } from '../flags.ts';
import { loadPdptes } from '../paging.ts';
import type { SystemManagementPlatform } from '../platform.ts';
import { Activity, latch } from '../reset.ts';
import { decodeSaveState, encodeSaveState, saveStateEnd, saveStateStart, Slot, smmEntryOffset } from './save-state.ts';
import { amdIoState, intelIoState } from './smi-io.ts';

const pageBytes = 4096;
const areaBytes = saveStateEnd - saveStateStart;
/** Present, writable, accessed, granular, 16 bits: what segments are in SMM, with a limit of 4 GiB. */
const smmRights = 0x8093;
const fourGibibytes = 0xffffffff;
const restartRequested = 0xff;

/** Scratch of both directions. */
const image = new Uint32Array(Slot.count);
const scratch = new DataView(new ArrayBuffer(areaBytes));

/** Where the whole area lies in memory, or 0: it does not lie in one page, or not in RAM. */
function areaInMemory(cpu: Cpu, base: number, kind: 'readable' | 'writable'): number {
  const offset = base % pageBytes;
  if (offset + areaBytes > pageBytes) return 0;
  const memory = cpu.memory[kind](Math.floor(base / pageBytes));
  return memory === 0 ? 0 : memory + offset;
}

function readArea(cpu: Cpu, { map }: SystemManagementPlatform, base: number): void {
  const { memory } = cpu;
  const address = areaInMemory(cpu, base, 'readable');
  if (address !== 0) return decodeSaveState(map, memory.view, address, image);
  for (let at = 0; at < areaBytes; at++) {
    const byte = base + at;
    scratch.setUint8(at, memory.read(Math.floor(byte / pageBytes), byte % pageBytes, 1));
  }
  decodeSaveState(map, scratch, 0, image);
}

function writeArea(cpu: Cpu, { map }: SystemManagementPlatform, base: number): void {
  const { memory } = cpu;
  const address = areaInMemory(cpu, base, 'writable');
  if (address !== 0) {
    const page = Math.floor(base / pageBytes);
    const isShared = memory.noteWrite(page, base % pageBytes, areaBytes);
    encodeSaveState(map, image, memory.view, address);
    if (isShared) memory.noteStored(page, base % pageBytes, areaBytes);
    return;
  }
  encodeSaveState(map, image, scratch, 0);
  for (const { offset, bytes } of map.entries) {
    for (let at = offset - saveStateStart; at < offset - saveStateStart + bytes; at++) {
      const byte = base + at;
      memory.write(Math.floor(byte / pageBytes), byte % pageBytes, 1, scratch.getUint8(at));
    }
  }
}

const blockAt = vcpuState.offset;
const [baseWord, limitWord, rightsWord] = [segmentField.base >>> 2, segmentField.limit >>> 2, segmentField.attributes >>> 2];
const eightWords = (slot: number, offset: number, step: number) => Array.from({ length: 8 }, (_, number) => [slot + number, offset + step * number] as const);
/** What RSM takes as it is: slots, and where in the vCPU block they come from. */
const plainWords: (readonly [slot: number, offset: number])[] = [
  ...eightWords(Slot.general, blockAt.registers, 8),
  [Slot.eip, blockAt.eip],
  [Slot.cr3, blockAt.cr3],
  [Slot.cr4, blockAt.cr4],
  [Slot.dr6, blockAt.dr + 8 * 6],
  [Slot.dr7, blockAt.dr + 8 * 7],
  [Slot.gdtBase, blockAt.gdtBase],
  [Slot.idtBase, blockAt.idtBase],
  [Slot.debugPending, blockAt.debugPending],
];
/** And what it looks at more closely. */
const otherWords: typeof plainWords = [
  [Slot.cr0, blockAt.cr0],
  [Slot.efer, blockAt.efer],
  [Slot.gdtLimit, blockAt.gdtLimit],
  [Slot.idtLimit, blockAt.idtLimit],
  [Slot.smbase, blockAt.smbase],
  [Slot.nmiBlocked, blockAt.nmiBlocked],
  [Slot.activity, blockAt.activity],
  [Slot.cpl, blockAt.cpl],
  ...eightWords(Slot.pdptes, blockAt.pdptes, 4),
  [Slot.pdptesFrom, blockAt.cr3],
];
const pairs = (words: typeof plainWords) => Int32Array.from(words.flatMap(([slot, offset]) => [slot, offset >>> 2]));
const captured = pairs([...plainWords, ...otherWords]);
const restored = pairs(plainWords);

function capture(cpu: Cpu, { cpu: number, io, map }: SystemManagementPlatform): void {
  const { state } = cpu;
  const { u32 } = state;
  for (let index = 0; index < captured.length; index += 2) image[captured[index]!] = u32[captured[index + 1]!]!;
  for (let seg = Seg.es; seg <= Seg.tr; seg++) {
    const word = (blockAt.segments + segmentBytes * seg) >>> 2;
    const rights = u32[word + rightsWord]!;
    image[Slot.segments + 4 * seg] = rights >>> 16;
    image[Slot.segments + 4 * seg + 1] = rights & 0xffff;
    image[Slot.segments + 4 * seg + 2] = u32[word + limitWord]!;
    image[Slot.segments + 4 * seg + 3] = u32[word + baseWord]!;
  }
  image[Slot.eflags] = readEflags(state);
  image[Slot.revision] = map.revision;
  image[Slot.ioRestart] = 0;
  image[Slot.haltRestart] = state.activity === Activity.halted ? 1 : 0;
  const width = io.width[number] ?? 0;
  const [kind, port] = [io.kind[number] ?? 0, io.port[number] ?? 0];
  image[Slot.ioState] = map.name === 'intel32' ? intelIoState(width, kind, port) : amdIoState(width, kind, port);
  image[Slot.ioAddress] = width === 0 ? 0 : (io.address[number] ?? 0);
  image[Slot.ioEip] = width === 0 ? 0 : (io.eip[number] ?? 0);
  image[Slot.ioEcx] = width === 0 ? 0 : (io.ecx[number] ?? 0);
  image[Slot.ioEsi] = width === 0 ? 0 : (io.esi[number] ?? 0);
  image[Slot.ioEdi] = width === 0 ? 0 : (io.edi[number] ?? 0);
  io.width[number] = 0;
  image[Slot.shadow] = cpu.shadowHolds() ? state.interruptShadow : 0;
}

/**
 * The vCPU enters SMM: between two instructions, as a member of the rendezvous, so that SMRAM is in the view. Its state goes to SMBASE + 0xFE00,
 * and it goes on at SMBASE + 0x8000 (SDM vol. 3, table 31-4).
 */
export function enterSystemManagementMode(cpu: Cpu, platform: SystemManagementPlatform): void {
  const { state } = cpu;
  const { smbase } = state.block;
  cpu.pagingAtSmi = paging(cpu);
  capture(cpu, platform);
  writeArea(cpu, platform, smbase + saveStateStart);
  state.inSmm = 1;
  writeEflags(state, 0);
  state.cr0 = (state.cr0 & ~(Control0.protectionEnable | Control0.emulation | Control0.taskSwitched | Control0.paging)) >>> 0;
  state.cr4 = 0;
  // The SDM's processors leave EFER; what long mode needs to be left is in AMD's map.
  if (platform.map.name === 'amd64') state.efer = 0;
  state.setDebugRegister(7, debug7Fixed);
  state.cpl = 0;
  for (const seg of [Seg.es, Seg.ss, Seg.ds, Seg.fs, Seg.gs]) state.setSegment(seg, 0, 0, fourGibibytes, smmRights);
  state.setSegment(Seg.cs, (smbase >>> 4) & 0xffff, smbase, fourGibibytes, smmRights);
  state.eip = smmEntryOffset;
  state.interruptShadow = 0;
  state.debugPending = 0;
  // Until IRET or RSM (SDM vol. 3, 31.8).
  state.nmiBlocked = 1;
  state.activity = Activity.running;
  cpu.debug.update();
  // What was executed in SMM before was so without paging, or CR0 has been written since.
  cpu.tlb.flushAll();
  cpu.updateContext();
  cpu.hooks?.systemManagement(true);
}

function paging({ state }: Cpu): readonly [number, number, number, number] {
  return [state.cr0, state.cr3, state.cr4, state.efer];
}

/** Why RSM shuts the processor down (SDM vol. 3, 31.5), or undefined. */
function illegal(map: SystemManagementPlatform['map']): string | undefined {
  const cr0 = image[Slot.cr0] ?? 0;
  const has = (bit: number) => (cr0 & bit) !== 0;
  if (has(Control0.paging) && !has(Control0.protectionEnable)) return 'CR0 has PG without PE';
  if (has(Control0.notWriteThrough) && !has(Control0.cacheDisable)) return 'CR0 has NW without CD';
  if (((image[Slot.cr4] ?? 0) & ~cr4Implemented) !== 0) return 'a reserved bit of CR4 is set';
  if (map.name === 'amd64' && ((image[Slot.efer] ?? 0) & ~Efer.noExecuteEnable) !== 0) return 'a reserved bit of EFER is set';
  return undefined;
}

/** Services.rsm. */
export function resumeFromSystemManagementMode(cpu: Cpu): void {
  const { state, platform } = cpu;
  const management = platform.systemManagement;
  if (state.inSmm === 0 || management === undefined) cpu.raise(Vector.invalidOpcode);
  const { map } = management;
  const before = state.block.smbase;
  readArea(cpu, management, before + saveStateStart);
  const why = illegal(map);
  if (why !== undefined) {
    // Still in SMM: only RESET leads out, which the board does.
    state.activity = Activity.shutdown;
    state.requestAttention(Attention.step);
    management.shutdown(
      `RSM found an illegal state at 0x${(before + saveStateStart).toString(16)} (${why}) and shut the processor down.`,
    );
    return;
  }
  restore(cpu, management);
  state.inSmm = 0;
  cpu.hooks?.systemManagement(false);
  // An INIT that came in this very block is later than what was kept.
  latch(state, state.takeAttention(Attention.init));
  const waiting = state.latched & (Attention.smi | Attention.init | Attention.sipi);
  state.latched &= ~waiting;
  state.requestAttention(waiting);
  // The run loop ends SMM before the next instruction, and looks at what has become pending.
  state.requestAttention(Attention.step);
}

function restore(cpu: Cpu, { map }: SystemManagementPlatform): void {
  const { state } = cpu;
  const leavesPaging = (state.cr0 & Control0.paging) !== 0;
  const at = (slot: number) => image[slot] ?? 0;
  const { u32 } = state;
  for (let index = 0; index < restored.length; index += 2) u32[restored[index + 1]!] = image[restored[index]!]!;
  state.cr0 = (at(Slot.cr0) | Control0.extensionType) >>> 0;
  if (map.name === 'amd64') state.efer = at(Slot.efer);
  for (let seg = Seg.es; seg <= Seg.tr; seg++) {
    const first = Slot.segments + 4 * seg;
    state.setSegment(seg, at(first) & 0xffff, at(first + 3), at(first + 2), at(first + 1) & 0xf0ff);
  }
  state.gdtLimit = at(Slot.gdtLimit) & 0xffff;
  state.idtLimit = at(Slot.idtLimit) & 0xffff;
  state.cpl = at(Slot.cpl) & 3;
  if ((at(Slot.ioRestart) & restartRequested) === restartRequested && at(Slot.ioState) !== 0) restartIo(cpu);
  cpu.setFlags(at(Slot.eflags));
  const activity: Activity = at(Slot.activity) & 3;
  // A handler that clears the auto-halt flag lets the program go on behind HLT (SDM vol. 3, 31.10).
  state.activity = activity === Activity.halted && (at(Slot.haltRestart) & 1) === 0 ? Activity.running : activity;
  state.nmiBlocked = at(Slot.nmiBlocked) & 1;
  const shadow = at(Slot.shadow);
  if (shadow === 1 || shadow === 2) cpu.castShadow(shadow);
  // The revision says that SMBASE can be relocated.
  state.block.smbase = at(Slot.smbase);
  restorePdptes(cpu);
  cpu.debug.update();
  cpu.tlb.flushAll();
  const before = cpu.pagingAtSmi;
  const now = paging(cpu);
  // Where the program goes on with what it had, the same code is behind the same addresses.
  if (leavesPaging || before === undefined || now.some((value, index) => value !== before[index])) cpu.executor.flushJumpCache();
  cpu.updateContext();
}

/** The I/O instruction is executed again (SDM vol. 3, 31.12). */
function restartIo(cpu: Cpu): void {
  const { state } = cpu;
  state.eip = image[Slot.ioEip] ?? 0;
  state.setRegister(1, image[Slot.ioEcx] ?? 0);
  state.setRegister(6, image[Slot.ioEsi] ?? 0);
  state.setRegister(7, image[Slot.ioEdi] ?? 0);
}

/** With PAE paging the handler may have given the program other tables; else it finds those that it had loaded. */
function restorePdptes(cpu: Cpu): void {
  const { state } = cpu;
  const extended = (state.cr0 & Control0.paging) !== 0 && (state.cr4 & Control4.physicalAddressExtension) !== 0;
  if (extended && state.cr3 !== image[Slot.pdptesFrom]) {
    loadPdptes(state, cpu.memory, state.cr3);
    return;
  }
  for (let entry = 0; entry < 4; entry++) {
    state.setPdpte(entry, image[Slot.pdptes + 2 * entry] ?? 0, image[Slot.pdptes + 2 * entry + 1] ?? 0);
  }
}
