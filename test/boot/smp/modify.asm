; Cross-modifying code (SDM vol. 3, 9.1.3): in each round one processor changes the immediate operand of an instruction and says so; the others see
; that, serialise, and call it. They have to get the new value. The operand is in a page with code, in a line of its own and across lines.

%include "bring-up.asm"

VALUE_AT        equ 1                   ; of "mov eax, imm32"
said            equ shared + 0x000
acknowledged    equ shared + 0x040
stale           equ shared + 0x080
rounds_done     equ shared + 0x0c0

main:
        xor ebp, ebp
        test ebx, ebx
        jnz reader
.round:
        inc ebp
        mov [changed + VALUE_AT], ebp
        mov [crossing + VALUE_AT], ebp
        mov [said], ebp
.wait:
        pause
        cmp dword [acknowledged], PROCESSORS - 1
        jb .wait
        mov dword [acknowledged], 0
        cmp ebp, ROUNDS
        jb .round
        mov [rounds_done], ebp
        ret

reader:
        inc ebp
.wait:
        pause
        cmp [said], ebp
        jne .wait
        push ebx
        xor eax, eax
        cpuid                           ; serialises
        pop ebx
        call changed
        cmp eax, ebp
        je .first
        lock inc dword [stale]
.first:
        call crossing
        cmp eax, ebp
        je .second
        lock inc dword [stale]
.second:
        lock inc dword [acknowledged]
        cmp ebp, ROUNDS
        jb reader
        ret

        align 64
changed:
        mov eax, 0
        ret
        align 64
        times 61 nop
crossing:
        mov eax, 0
        ret
        align 64

finish:
        report "rounds ", rounds_done
        report " stale ", stale
        ret

kernel_end:
bss_end         equ kernel_end
