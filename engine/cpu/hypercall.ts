/** VMCALL and VMMCALL: a call of the guest's kernel to what listens behind the processor (docs/formats/hypercalls.md). */
import { Reg } from '../isa/state.ts';
import type { Cpu } from './core.ts';
import { Vector } from './faults.ts';

/** Services.hypercall. #UD when nobody listens, #GP(0) outside of CPL 0 (SDM vol. 3, VMCALL). */
export function hypercall(cpu: Cpu): void {
  const { hypercalls } = cpu.platform;
  if (hypercalls === undefined) cpu.raise(Vector.invalidOpcode);
  cpu.requirePrivilege();
  const { state } = cpu;
  const registers = {
    eax: state.register(Reg.eax),
    ebx: state.register(Reg.ebx),
    ecx: state.register(Reg.ecx),
    edx: state.register(Reg.edx),
    esi: state.register(Reg.esi),
    edi: state.register(Reg.edi),
  };
  hypercalls.call(registers);
  state.setRegister(Reg.eax, registers.eax);
  state.setRegister(Reg.ebx, registers.ebx);
  state.setRegister(Reg.ecx, registers.ecx);
  state.setRegister(Reg.edx, registers.edx);
  state.setRegister(Reg.esi, registers.esi);
  state.setRegister(Reg.edi, registers.edi);
}
