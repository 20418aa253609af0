; Draws a ticket for each byte that comes on COM1: "NUMBER LAST TICKET", each in eight hexadecimal digits. A ticket is the time-stamp counter, stirred, and
; LAST is the one before. So two of this guest never say the same, and whoever was told a ticket by one of them sees it when the other goes on.

%include "bring-up.asm"

TICK            equ 0x50
APIC_TIMER      equ APIC + 0x320
APIC_INITIAL    equ APIC + 0x380
APIC_DIVIDE     equ APIC + 0x3e0
PERIODIC        equ 1 << 17

main:
        mov ecx, TICK
        mov eax, tick
        call set_gate
        mov dword [APIC_DIVIDE], 0xb    ; by 1
        mov dword [APIC_TIMER], PERIODIC | TICK
        mov dword [APIC_INITIAL], 1000000       ; nanoseconds
        xor ebp, ebp                    ; number
        xor edi, edi                    ; the last ticket
.next:
        cli
        mov dx, COM1 + 5
        in al, dx
        test al, 1
        jnz .asked
        sti
        hlt
        jmp .next
.asked:
        sti
        mov dx, COM1
        in al, dx
        inc ebp
        mov edx, ebp
        call hex
        mov al, ' '
        call send
        mov edx, edi
        call hex
        mov al, ' '
        call send
        rdtsc
        imul edi, eax, 0x9e3779b1
        mov eax, edi
        shr eax, 15
        xor edi, eax
        imul edi, edi, 0x85ebca6b
        mov edx, edi
        call hex
        mov al, 10
        call send
        jmp .next

tick:
        mov dword [APIC_EOI], 0
        iret

finish: ret

%include "serial-hex.asm"

kernel_end:
bss_end         equ kernel_end
