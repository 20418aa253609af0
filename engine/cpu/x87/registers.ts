/** The x87's registers in a vCPU block: stack, control, status and tag word (SDM vol. 1, 8.1). No rule of any instruction is here. */
import type { VcpuState } from '../../isa/state.ts';
import { tagOf } from './arithmetic.ts';
import type { Extended } from './extended.ts';

/** Bits of the status word (SDM vol. 1, 8.1.3). The low six are Exception. */
export const Status = {
  exceptions: 0x3f,
  stackFault: 1 << 6,
  /** An unmasked exception is pending. */
  errorSummary: 1 << 7,
  c0: 1 << 8,
  c1: 1 << 9,
  c2: 1 << 10,
  c3: 1 << 14,
  /** The same as the error summary since the 80387. */
  busy: 1 << 15,
} as const;
export const topShift = 11;
const topMask = 7 << topShift;
export const conditionCodes = Status.c0 | Status.c1 | Status.c2 | Status.c3;
/** Control word after FNINIT: all exceptions masked, nearest, extended precision. */
export const initialControl = 0x37f;
/** Bit 6 reads as 1; bits 7 and 13-15 are reserved and read as 0. Bit 12 (infinity control) is kept. */
const controlWritable = 0x1f3f;
const controlFixed = 0x40;

const signBit = 1 << 15;

export class X87Registers {
  constructor(private readonly block: VcpuState) {}

  get control(): number {
    return this.block.fpuControl;
  }
  set control(value: number) {
    this.block.fpuControl = (value & controlWritable) | controlFixed;
    this.summarise();
  }

  get status(): number {
    return this.block.fpuStatus;
  }
  /** Error summary and busy follow from the exceptions and their masks. */
  set status(value: number) {
    this.block.fpuStatus = value & 0xffff;
    this.summarise();
  }

  private summarise(): void {
    const { block } = this;
    const pending = (block.fpuStatus & ~block.fpuControl & Status.exceptions) !== 0;
    const rest = block.fpuStatus & ~(Status.errorSummary | Status.busy);
    block.fpuStatus = pending ? rest | Status.errorSummary | Status.busy : rest;
  }

  get top(): number {
    return (this.block.fpuStatus & topMask) >> topShift;
  }
  set top(value: number) {
    this.block.fpuStatus = (this.block.fpuStatus & ~topMask) | ((value & 7) << topShift);
  }

  /** ST(index); index -1 is what a push would use. */
  isEmpty(index: number): boolean {
    return (this.block.fpuTags & (1 << this.physical(index))) === 0;
  }
  free(index: number): void {
    this.block.fpuTags &= ~(1 << this.physical(index));
  }
  read(index: number): Extended {
    const at = 2 * this.physical(index);
    const { fpuRegisters } = this.block;
    const high = Number(fpuRegisters[at + 1] ?? 0n);
    return { sign: (high & signBit) === 0 ? 0 : 1, exponent: high & ~signBit, mantissa: fpuRegisters[at] ?? 0n };
  }
  /** Fills ST(index), and tags it. */
  write(index: number, value: Extended): void {
    const register = this.physical(index);
    const { block } = this;
    block.fpuRegisters[2 * register] = value.mantissa;
    block.fpuRegisters[2 * register + 1] = BigInt(value.exponent | (value.sign === 1 ? signBit : 0));
    block.fpuTags |= 1 << register;
  }
  push(value: Extended): void {
    this.top = this.top - 1;
    this.write(0, value);
  }
  pop(): void {
    this.free(0);
    this.top = this.top + 1;
  }

  /** The tag word in full, two bits per physical register. */
  get tagWord(): number {
    let word = 0;
    for (let register = 0; register < 8; register++) {
      const index = register - this.top;
      word |= (this.isEmpty(index) ? 3 : tagOf(this.read(index))) << (2 * register);
    }
    return word;
  }
  /** Only empty or not is taken; the rest follows from what the registers hold (SDM vol. 1, 8.1.7). */
  set tagWord(word: number) {
    let tags = 0;
    for (let register = 0; register < 8; register++) if (((word >> (2 * register)) & 3) !== 3) tags |= 1 << register;
    this.block.fpuTags = tags;
  }

  /** FNINIT; the contents of the data registers stay. */
  initialise(): void {
    const { block } = this;
    block.fpuControl = initialControl;
    block.fpuStatus = 0;
    block.fpuTags = 0;
    block.fpuOpcode = 0;
    block.fpuInstructionSelector = 0;
    block.fpuInstructionOffset = 0n;
    block.fpuDataSelector = 0;
    block.fpuDataOffset = 0n;
  }

  private physical(index: number): number {
    return (this.top + index) & 7;
  }
}

/** Power-on and RESET (SDM vol. 3, table 10-1). INIT leaves the x87 alone. */
export function resetX87(block: VcpuState): void {
  new X87Registers(block).initialise();
  block.fpuRegisters.fill(0n);
  block.fpuControl = 0x40;
  // All registers hold +0 and say so: tag word 5555h.
  block.fpuTags = 0xff;
}
