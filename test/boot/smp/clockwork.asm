; Every processor has a periodic timer of its own pace, and at each tick interrupts the next processor; one number tells in which order all of it
; came. Meanwhile some halt, some spin with PAUSE and some without.

%include "bring-up.asm"

TICK            equ 0x50
NUDGE           equ 0x51
APIC_ID         equ APIC + 0x20
APIC_DESTINATION equ APIC + 0x310
APIC_TIMER      equ APIC + 0x320
APIC_INITIAL    equ APIC + 0x380
APIC_DIVIDE     equ APIC + 0x3e0
PERIODIC        equ 1 << 17
MASKED          equ 1 << 16
ready           equ shared + 0x000
ticks           equ shared + 0x040
nudges          equ shared + 0x080
order           equ shared + 0x0c0

main:
        test ebx, ebx
        jnz .wait
        mov ecx, TICK
        mov eax, tick
        call set_gate
        mov ecx, NUDGE
        mov eax, nudge
        call set_gate
        mov dword [ready], 1
.wait:
        pause
        cmp dword [ready], 1
        jne .wait
        mov dword [APIC_DIVIDE], 0xb    ; by 1
        mov dword [APIC_TIMER], PERIODIC | TICK
        imul eax, ebx, 3700
        add eax, 50000                  ; nanoseconds
        mov [APIC_INITIAL], eax
        sti
.idle:
        cmp dword [ticks], ROUNDS * PROCESSORS
        jae .end
        test ebx, 1
        jnz .spin
        hlt
        jmp .idle
.spin:
        test ebx, 2
        jnz .idle
        pause
        jmp .idle
.end:
        cli
        mov dword [APIC_TIMER], MASKED
        ret

%macro note_order 1
        imul eax, [order], %1
        add eax, ebx
        inc eax
        mov [order], eax
%endmacro

; EBX is the number of the processor, whatever is interrupted.
tick:
        push eax
        push edx
        note_order 31
        lock inc dword [ticks]
        mov eax, [APIC_ID]
        shr eax, 24
        inc eax
        cmp eax, PROCESSORS
        jb .next
        xor eax, eax
.next:
        shl eax, 24
        mov [APIC_DESTINATION], eax
        mov dword [APIC_COMMAND], 0x4000 | NUDGE
        mov dword [APIC_EOI], 0
        pop edx
        pop eax
        iret

nudge:
        push eax
        note_order 17
        lock inc dword [nudges]
        mov dword [APIC_EOI], 0
        pop eax
        iret

finish:
        report "ticks ", ticks
        report " nudges ", nudges
        report " order ", order
        ret

kernel_end:
bss_end         equ kernel_end
