/**
 * What a BIOS would have left behind for a guest that is started without one: interrupt vectors, BIOS data area, and chips
 * programmed through their ports. Sources: IBM PS/2 and PC BIOS Interface Technical Reference (data areas); Intel 8259A and
 * 8254 data sheets; Intel ICH9 and Q35 data sheets for the PCI registers.
 */
import type { BootContext } from '../machine/boot-context.ts';
import { lowMemoryEnd, lowMemoryKibibytes, mebibyte } from './loadable.ts';

const kibibyte = 1024;

/** Interrupt handlers in the system BIOS segment, each so short that it does nothing but return. */
const biosSegment = 0xf000;
const stubOffset = 0xff00;
/**
 * At stubOffset, by hand:
 *   return:  iret
 *   timer:   push ds / push ax / xor ax,ax / mov ds,ax / add word [46Ch],1 / adc word [46Eh],0 / pop ax / pop ds    -> falls into
 *   master:  push ax / mov al,20h / out 20h,al / pop ax / iret
 *   slave:   push ax / mov al,20h / out 0A0h,al / out 20h,al / pop ax / iret
 */
const stubs = {
  return: [0xcf],
  timer: [
    0x1e, 0x50, 0x31, 0xc0, 0x8e, 0xd8, 0x83, 0x06, 0x6c, 0x04, 0x01, 0x83, 0x16, 0x6e, 0x04, 0x00, 0x58, 0x1f,
  ],
  master: [0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf],
  slave: [0x50, 0xb0, 0x20, 0xe6, 0xa0, 0xe6, 0x20, 0x58, 0xcf],
} as const;
const returnStub = stubOffset;
const timerStub = returnStub + stubs.return.length;
const masterStub = timerStub + stubs.timer.length;
const slaveStub = masterStub + stubs.master.length;

const vectorCount = 256;
const masterVectorBase = 0x08;
const slaveVectorBase = 0x70;
const linesPerController = 8;

/** 0000:0000, 256 far pointers; unused ones lead to an IRET, hardware ones acknowledge their interrupt. */
export function interruptVectors(): Uint8Array {
  const bytes = new Uint8Array(vectorCount * 4);
  const view = new DataView(bytes.buffer);
  const point = (vector: number, offset: number) => {
    view.setUint16(vector * 4, offset, true);
    view.setUint16(vector * 4 + 2, biosSegment, true);
  };
  for (let vector = 0; vector < vectorCount; vector++) point(vector, returnStub);
  for (let line = 0; line < linesPerController; line++) {
    point(masterVectorBase + line, masterStub);
    point(slaveVectorBase + line, slaveStub);
  }
  point(masterVectorBase, timerStub);
  return bytes;
}

const dataAreaAddress = 0x400;
const dataAreaBytes = 0x100;
/** Offsets in the BIOS data area, segment 0x40. */
const data = {
  firstSerialPort: 0x00,
  extendedSegment: 0x0e,
  equipment: 0x10,
  memoryKibibytes: 0x13,
  keyboardHead: 0x1a,
  keyboardTail: 0x1c,
  videoMode: 0x49,
  columns: 0x4a,
  pageBytes: 0x4c,
  cursorShape: 0x60,
  crtcPort: 0x63,
  crtMode: 0x65,
  crtPalette: 0x66,
  keyboardStart: 0x80,
  keyboardEnd: 0x82,
  lastRow: 0x84,
  characterHeight: 0x85,
  videoControl: 0x87,
} as const;
/** Bits 9-11: one serial port; bit 2: pointing device; bits 4-5 = 2: starts in 80x25 colour. */
const equipment = (1 << 9) | (1 << 2) | (2 << 4);
const keyboardBuffer = { start: 0x1e, end: 0x3e } as const;

/** 0040:0000: what a guest without a BIOS may still look up. */
export function biosDataArea(): Uint8Array {
  const bytes = new Uint8Array(dataAreaBytes);
  const view = new DataView(bytes.buffer);
  view.setUint16(data.firstSerialPort, 0x3f8, true);
  view.setUint16(data.extendedSegment, lowMemoryEnd >> 4, true);
  view.setUint16(data.equipment, equipment, true);
  view.setUint16(data.memoryKibibytes, lowMemoryKibibytes, true);
  view.setUint16(data.keyboardHead, keyboardBuffer.start, true);
  view.setUint16(data.keyboardTail, keyboardBuffer.start, true);
  view.setUint16(data.keyboardStart, keyboardBuffer.start, true);
  view.setUint16(data.keyboardEnd, keyboardBuffer.end, true);
  view.setUint8(data.videoMode, 3);
  view.setUint16(data.columns, 80, true);
  view.setUint16(data.pageBytes, 0x1000, true);
  view.setUint16(data.cursorShape, 0x0607, true);
  view.setUint16(data.crtcPort, 0x3d4, true);
  view.setUint8(data.crtMode, 0x29);
  view.setUint8(data.crtPalette, 0x30);
  view.setUint8(data.lastRow, 24);
  view.setUint8(data.characterHeight, 16);
  view.setUint8(data.videoControl, 0x60);
  return bytes;
}

const port = {
  picMasterCommand: 0x20,
  picMasterData: 0x21,
  pitChannel0: 0x40,
  pitControl: 0x43,
  keyboardData: 0x60,
  keyboardCommand: 0x64,
  cmosIndex: 0x70,
  cmosData: 0x71,
  systemControlA: 0x92,
  picSlaveCommand: 0xa0,
  picSlaveData: 0xa1,
  pciAddress: 0xcf8,
  pciData: 0xcfc,
} as const;

function programInterruptControllers(out: (port: number, value: number) => void): void {
  // ICW1 edge-triggered, cascaded, ICW4 follows; ICW2 vector base; ICW3 slave on line 2; ICW4 8086 mode.
  out(port.picMasterCommand, 0x11);
  out(port.picMasterData, masterVectorBase);
  out(port.picMasterData, 1 << 2);
  out(port.picMasterData, 0x01);
  out(port.picSlaveCommand, 0x11);
  out(port.picSlaveData, slaveVectorBase);
  out(port.picSlaveData, 2);
  out(port.picSlaveData, 0x01);
  // Only the timer and the cascade: no code of ours would take a key out of the keyboard controller.
  out(port.picMasterData, 0xfa);
  out(port.picSlaveData, 0xff);
}

function programTimer(out: (port: number, value: number) => void): void {
  // Channel 0, low then high byte, mode 3; count 0 is 65,536: 18.2 Hz.
  out(port.pitControl, 0x36);
  out(port.pitChannel0, 0);
  out(port.pitChannel0, 0);
}

function programKeyboard(out: (port: number, value: number) => void): void {
  out(port.keyboardCommand, 0xae);
  out(port.keyboardCommand, 0x60);
  // Translate to scancode set 1, mouse off, system flag, keyboard interrupt on.
  out(port.keyboardData, 0x65);
}

const cmos = { baseLow: 0x15, extendedLow: 0x17, extendedAgainLow: 0x30, above16Low: 0x34 } as const;

/** Bit 0: a kernel is in memory, for our own firmware to enter. */
const cmosKernel = 0x61;

/** CMOS memory sizes, where a BIOS without another source looks for them. Also done before firmware runs. */
export function applyMemorySize(context: BootContext): void {
  const put = (index: number, value: number) => {
    context.portWrite(port.cmosIndex, 1, index);
    context.portWrite(port.cmosData, 1, value & 0xff);
  };
  const putWord = (index: number, value: number) => {
    put(index, value);
    put(index + 1, value >> 8);
  };
  const largest = 0xffff;
  const extended = Math.min(largest, (context.ramBytes - mebibyte) / kibibyte);
  putWord(cmos.baseLow, 640);
  putWord(cmos.extendedLow, extended);
  putWord(cmos.extendedAgainLow, extended);
  putWord(cmos.above16Low, Math.min(largest, Math.max(0, context.ramBytes - 16 * mebibyte) / (64 * kibibyte)));
}

/** Tells our firmware whether there is a kernel in memory for it to enter (assets/firmware/kernel.asm). */
export function announceKernel(context: BootContext, isThere: boolean): void {
  context.portWrite(port.cmosIndex, 1, cmosKernel);
  context.portWrite(port.cmosData, 1, isThere ? 1 : 0);
}

/** Bus 0, device 31, function 0. */
const lpcBridge = 0x8000_0000 + (31 << 11);
const hostBridge = 0x8000_0000;
/** ICH9, 13.1: PMBASE with its I/O space bit, and ACPI_CNTL's enable. */
const lpcRegister = { powerManagementBase: 0x40, acpiControl: 0x44 } as const;
export const powerManagementBase = 0x600;
const acpiEnable = 0x80;
/** Q35, 5.1.18: PAM0 routes 0xF0000-0xFFFFF; reads from RAM, writes dropped. */
const pam0 = 0x90;
const pamReadRam = 0x10;

function programBridges(context: BootContext): void {
  const write = (address: number, value: number, width: 1 | 4) => {
    context.portWrite(port.pciAddress, 4, (address & 0xfffffffc) >>> 0);
    context.portWrite(port.pciData + (address & 3), width, value);
  };
  write(lpcBridge + lpcRegister.powerManagementBase, powerManagementBase | 1, 4);
  write(lpcBridge + lpcRegister.acpiControl, acpiEnable, 1);
  write(hostBridge + pam0, pamReadRam, 1);
}

/** Leaves memory and chips as a BIOS leaves them to a boot loader; the processor is the loader's affair. */
export function applyLegacyState(context: BootContext): void {
  const out = (at: number, value: number) => context.portWrite(at, 1, value);
  context.writeRam(0, interruptVectors());
  context.writeRam(dataAreaAddress, biosDataArea());
  context.writeRam(
    (biosSegment << 4) + stubOffset,
    Uint8Array.from([...stubs.return, ...stubs.timer, ...stubs.master, ...stubs.slave]),
  );
  programBridges(context);
  programInterruptControllers(out);
  programTimer(out);
  programKeyboard(out);
  // A20 open, without touching the reset bit.
  out(port.systemControlA, 0x02);
  context.setTextMode();
}
