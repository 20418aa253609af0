; What several processors are worth, and what they cost each other: a Multiboot kernel that brings two of them up (test/boot/smp/bring-up.asm) and does
; fixed work. For each row it writes the row's letter to the debug console when the work begins and the same again when it ends.

PROCESSORS      equ 2
%include "bring-up.asm"

PARALLEL_WORK   equ 60000000
LOCKED_WORK     equ 4000000
SPLIT_WORK      equ 5000
MESSAGES        equ 5000
VECTOR          equ 0x40
phase           equ shared + 0x000      ; the row that both may begin
arrived         equ shared + 0x040
counter         equ shared + 0x080      ; locked by both
own             equ shared + 0x100      ; a line for each
split           equ shared + 0x23e      ; across a line
answered        equ shared + 0x280      ; interrupts that came
wanted          equ shared + 0x2c0      ; what the other does while it waits for them: 1 spins, 2 halts, 3 ends

; Begins row %1 (phase %2) for both processors.
%macro begin 2
        mov edi, %2
        mov al, %1
        out DEBUG_PORT, al
        mov dword [phase], %2
%endmacro

%macro end_of 1
        mov al, %1
        out DEBUG_PORT, al
%endmacro

main:
        test ebx, ebx
        jnz other
        mov ecx, VECTOR
        mov eax, handler
        call set_gate
        ; Once before it counts: translators warm up, and the second row would profit from the first. Then one alone, then both.
        call work
        call work
        xor ebx, ebx
        mov al, 'a'
        out DEBUG_PORT, al
        call work
        end_of 'a'
        begin 'b', 1
        call work
        call join
        end_of 'b'
        begin 'c', 2
        call count_shared
        call join
        end_of 'c'
        begin 'd', 3
        call count_own
        call join
        end_of 'd'
        begin 'e', 4
        call count_split
        call join
        end_of 'e'
        ; Interrupts: to one that spins, and to one that halts.
        mov dword [wanted], 1
        begin 'f', 5
        call send_all
        end_of 'f'
        mov dword [wanted], 2
        mov al, 'g'
        out DEBUG_PORT, al
        call send_all
        end_of 'g'
        mov dword [wanted], 3
        call send_one
        ret

other:
        call work                       ; it warms up as well
        mov edi, 1
        call await
        call work
        call join
        inc edi
        call await
        call count_shared
        call join
        inc edi
        call await
        call count_own
        call join
        inc edi
        call await
        call count_split
        call join
        inc edi
        call await
        sti
.listen:
        cmp dword [wanted], 2
        ja .end
        jb .listen
        hlt
        jmp .listen
.end:
        cli
        ret

; Waits for phase EDI.
await:
        pause
        cmp [phase], edi
        jne await
        ret

; Both have ended the work of phase EDI. The count goes on: who set it back could overtake the other, who then waits for ever.
join:
        lock inc dword [arrived]
        lea eax, [edi + edi]
.wait:
        cmp [arrived], eax
        jb .wait
        ret

; Arithmetic and a store to a line of the processor's own.
work:
        mov esi, ebx
        shl esi, 6
        mov ecx, PARALLEL_WORK
        mov eax, 1
.next:
        imul eax, eax, 1664525
        add eax, 1013904223
        xor edx, eax
        rol edx, 5
        mov [own + esi], edx
        dec ecx
        jnz .next
        ret

%macro counting 2
        mov esi, ebx
        shl esi, 6
        mov ecx, %2
%%next:
        lock inc dword [%1]
        dec ecx
        jnz %%next
        ret
%endmacro

count_shared:
        counting counter, LOCKED_WORK
count_own:
        counting own + esi, LOCKED_WORK
count_split:
        counting split, SPLIT_WORK

send_all:
        mov ebp, MESSAGES
.next:
        call send_one
        dec ebp
        jnz .next
        ret

; An interrupt to the other processor; comes back when that has answered.
send_one:
        mov edx, [answered]
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | 0x4000 | VECTOR
.wait:
        cmp [answered], edx
        je .wait
        ret

handler:
        inc dword [answered]
        mov dword [APIC_EOI], 0
        iret

finish:
        cmp dword [counter], 2 * LOCKED_WORK
        jne .wrong
        cmp dword [split], 2 * SPLIT_WORK
        jne .wrong
        ret
.wrong:
        mov al, '!'
        out DEBUG_PORT, al
        ret

kernel_end:
bss_end         equ kernel_end
