; Every processor says that it is there and then halts, with interrupts off, for ever.

%include "bring-up.asm"

main:
        lock inc dword [shared]
        test ebx, ebx
        jnz .wait
.all:
        pause
        cmp dword [shared], PROCESSORS
        jb .all
        mov al, '0' + PROCESSORS
        out DEBUG_PORT, al
.wait:
        hlt
        jmp .wait

finish:
        ret

kernel_end:
bss_end         equ kernel_end
