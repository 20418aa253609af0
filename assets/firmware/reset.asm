; From the reset vector to code in RAM.

PAM_COUNT       equ 7
PAM_RAM         equ 0x33                ; both halves: reads and writes go to RAM (Q35 datasheet, PAM0-PAM6)
PAM_ROM         equ 0
HOST_Q35        equ 0x29c08086
HOST_I440FX     equ 0x12378086
PAM_Q35         equ 0x90
PAM_I440FX      equ 0x59

SELECT_FLAT     equ 8
SELECT_HIGH     equ 16
SELECT_DATA16   equ 24
ROM_HIGH        equ 0xffff0000          ; where segment F000 is in the ROM below 4 GiB

        align 8
gdt:    dq 0
        dq 0x00cf93000000ffff           ; flat data
        dq 0xff009bff0000ffff           ; 16-bit code in the ROM below 4 GiB
        dq 0x000093000000ffff           ; 16-bit data, base 0: what real mode has
gdt_end:
gdt_high_pointer:
        dw gdt_end - gdt - 1
        dd ROM_HIGH + gdt
gdt_low_pointer:
        dw gdt_end - gdt - 1
        dd (BIOS_SEGMENT << 4) + gdt

; Runs in the ROM below 4 GiB: CS still has the base it got at reset. The ROM below 1 MiB goes away while its RAM is filled.
reset:
        cli
        cld
        o32 lgdt [cs:gdt_high_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     SELECT_HIGH:.protected
.protected:
        mov     ax, SELECT_FLAT
        mov     ds, ax
        mov     es, ax
        mov     eax, 0x80000000
        mov     dx, PORT_PCI
        out     dx, eax
        mov     dx, PORT_PCI_DATA
        in      eax, dx
        mov     ebx, 0x80000000 + PAM_Q35
        cmp     eax, HOST_Q35
        je      .shadow
        mov     ebx, 0x80000000 + PAM_I440FX
        cmp     eax, HOST_I440FX
        je      .shadow
        mov     si, unknown_board
        mov     dx, PORT_DEBUG
.say:   mov     al, [cs:si]
        out     dx, al
        inc     si
        cmp     byte [cs:si], 0
        jne     .say
.stop:  hlt
        jmp     .stop
.shadow:
        mov     cx, PAM_COUNT
.pam:   mov     eax, ebx
        and     al, 0xfc
        mov     dx, PORT_PCI
        out     dx, eax
        mov     dl, bl
        and     dl, 3
        add     dl, PORT_PCI_DATA & 0xff
        mov     al, PAM_RAM
        out     dx, al
        inc     ebx
        loop    .pam
        mov     esi, -BIOS_BYTES & 0xffffffff
        mov     edi, 0x100000 - BIOS_BYTES
        mov     ecx, BIOS_BYTES / 4
        a32 rep movsd
        mov     ax, SELECT_DATA16
        mov     ds, ax
        mov     es, ax
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
        jmp     BIOS_SEGMENT:post

unknown_board:
        db "Vitrine BIOS: the board is unknown: no Q35 or i440FX host bridge at PCI 00:00.0.", 10, 0

        times 0xfff0 - ($ - code_start) db 0
        jmp     near reset
        times 0xfff5 - ($ - code_start) db 0
        db "11/22/26"                   ; the date of the BIOS
        db 0, 0xfc, 0                   ; FFFFE: model PC AT
