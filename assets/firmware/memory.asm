; How much memory there is, and the map of it for INT 15h, AX = E820h.

CMOS_EXTENDED   equ 0x30                ; KiB above 1 MiB
CMOS_ABOVE_16M  equ 0x34                ; 64 KiB above 16 MiB
CMOS_ABOVE_4G   equ 0x5b                ; 64 KiB above 4 GiB, three bytes
E820_USABLE     equ 1
E820_RESERVED   equ 2

; AL = CMOS register AL; changes nothing else.
cmos_read:
        or      al, 0x80
        out     PORT_CMOS, al
        in      al, PORT_CMOS + 1
        ret

; AX = CMOS registers AL (low) and AL + 1.
cmos_read16:
        push    bx
        mov     bl, al
        inc     al
        call    cmos_read
        mov     bh, al
        mov     al, bl
        call    cmos_read
        mov     ah, bh
        pop     bx
        ret

size_memory:
        mov     al, CMOS_ABOVE_16M
        call    cmos_read16
        movzx   eax, ax
        shl     eax, 6
        jz      .small
        add     eax, 16 * 1024
        jmp     .low
.small: mov     al, CMOS_EXTENDED
        call    cmos_read16
        movzx   eax, ax
        add     eax, 1024
.low:   mov     [cs:memory_below_4g], eax
        mov     al, CMOS_ABOVE_4G + 1
        call    cmos_read16
        shl     eax, 16
        mov     al, CMOS_ABOVE_4G
        call    cmos_read
        mov     ah, al
        xor     al, al
        shr     eax, 8
        push    eax
        shr     eax, 4
        mov     [cs:memory_above_4g_mib], eax

        mov     di, e820_map
        xor     eax, eax
        mov     ecx, LOW_MEMORY_KIB * 1024
        mov     dl, E820_USABLE
        call    .add
        mov     eax, LOW_MEMORY_KIB * 1024
        mov     ecx, EBDA_KIB * 1024
        mov     dl, E820_RESERVED
        call    .add
        mov     eax, 0x100000 - BIOS_BYTES
        mov     ecx, BIOS_BYTES
        call    .add
        mov     eax, 0x100000
        mov     ecx, [cs:memory_below_4g]
        shl     ecx, 10
        sub     ecx, eax
        mov     dl, E820_USABLE
        call    .add
        cmp     dword [cs:memory_below_4g], MMCONFIG_BASE >> 10
        ja      .no_mmconfig
        mov     eax, MMCONFIG_BASE
        mov     ecx, MMCONFIG_BYTES
        mov     dl, E820_RESERVED
        call    .add
.no_mmconfig:
        mov     eax, 0x100000000 - BIOS_BYTES
        mov     ecx, BIOS_BYTES
        mov     dl, E820_RESERVED
        call    .add
        pop     eax                     ; 64 KiB above 4 GiB
        test    eax, eax
        jz      .end
        mov     dword [cs:di], 0
        mov     dword [cs:di + 4], 1
        mov     ecx, eax
        shl     eax, 16
        shr     ecx, 16
        mov     [cs:di + 8], eax
        mov     [cs:di + 12], ecx
        mov     dword [cs:di + 16], E820_USABLE
        inc     word [cs:e820_count]
.end:   ret
; Adds ECX bytes from EAX on, of kind DL.
.add:   mov     [cs:di], eax
        mov     dword [cs:di + 4], 0
        mov     [cs:di + 8], ecx
        mov     dword [cs:di + 12], 0
        mov     [cs:di + 16], dl
        add     di, 20
        inc     word [cs:e820_count]
        ret

; INT 12h: AX = KiB of memory below the extended BIOS data area. INT 11h: AX = the equipment word.
int12_memory:
        push    ds
        push    word 0
        pop     ds
        mov     ax, [BDA_MEMORY_KIB]
        pop     ds
        iret
int11_equipment:
        push    ds
        push    word 0
        pop     ds
        mov     ax, [BDA_EQUIPMENT]
        pop     ds
        iret
