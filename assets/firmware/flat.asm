; Reaching all of memory from real mode.

; DS and ES become flat 4 GiB segments, in protected mode without interrupts, and back to real mode's. CS and SS stay. Change AX.
enter_flat:
        o32 lgdt [cs:gdt_low_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        mov     ax, SELECT_FLAT
        mov     ds, ax
        mov     es, ax
        ret
leave_flat:
        mov     ax, SELECT_DATA16
        mov     ds, ax
        mov     es, ax
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        ret
