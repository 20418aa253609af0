; Every processor counts with locked instructions within, and across, cache lines and pages, with CMPXCHG8B and under locks; and once without LOCK, for
; comparison. Then the bootstrap processor sends each of the others a fixed interrupt, and all of them one by shorthand.

%include "bring-up.asm"

VECTOR          equ 0x40
counter         equ shared + 0x000
split           equ shared + 0x13e      ; across a cache line
across          equ shared + 0xffe      ; across a page
carried         equ shared + 0x180      ; ADC and SBB
queue           equ shared + 0x200      ; cmpxchg8b
queue_across    equ shared + 0x1ffd     ; the same across a page
ticket_next     equ shared + 0x300
ticket_served   equ shared + 0x340
guarded         equ shared + 0x380      ; counted without LOCK, under the ticket lock
interrupts      equ shared + 0x400
spin_lock       equ shared + 0x53f      ; XCHG, which locks by itself, across a cache line
exchanged       equ shared + 0x580      ; counted without LOCK, under that lock
unlocked        equ shared + 0x600      ; counted without LOCK

; Adds 0x10_00000001 to the eight bytes at %1.
%macro count_wide 1
        mov eax, [%1]
        mov edx, [%1 + 4]
%%retry:
        push ebx
        mov ebx, eax
        mov ecx, edx
        add ebx, 1
        adc ecx, 0x10
        lock cmpxchg8b [%1]
        pop ebx
        jnz %%retry
%endmacro

main:
        mov edi, ROUNDS
.again:
        lock inc dword [counter]
        mov eax, 1
        lock xadd [split], eax
        lock add dword [across], 1
        stc
        lock adc dword [carried], 1     ; 2
        stc
        lock sbb dword [carried], 0     ; -1
        count_wide queue
        count_wide queue_across
        mov eax, 1
        lock xadd [ticket_next], eax
.spin:
        cmp [ticket_served], eax
        je .mine
        pause
        jmp .spin
.mine:
        inc dword [guarded]
        inc dword [ticket_served]
.enter:
        mov eax, 1
        xchg [spin_lock], eax
        test eax, eax
        jz .entered
        pause
        jmp .enter
.entered:
        inc dword [exchanged]
        mov dword [spin_lock], 0
        dec edi
        jnz .again
        mov edi, 100 * ROUNDS
.plain:
        inc dword [unlocked]
        dec edi
        jnz .plain
        ret

handler:
        lock inc dword [interrupts]
        mov dword [APIC_EOI], 0
        iret

finish:
        report "processors ", started
        report " counter ", counter
        report " split ", split
        report " across ", across
        report " queue ", queue
        report " carry ", queue + 4
        report " carried ", carried
        report " wide ", queue_across
        report " wide carry ", queue_across + 4
        report " guarded ", guarded
        report " exchanged ", exchanged
        mov ecx, VECTOR
        mov eax, handler
        call set_gate
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | 0x4000 | VECTOR
.others:
        pause
        cmp dword [interrupts], PROCESSORS - 1
        jb .others
        sti
        mov dword [APIC_COMMAND], IPI_ALL | 0x4000 | VECTOR
.all:
        pause
        cmp dword [interrupts], 2 * PROCESSORS - 1
        jb .all
        report " interrupts ", interrupts
        report " unlocked ", unlocked
        ret

kernel_end:
bss_end         equ kernel_end
