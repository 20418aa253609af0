; CDs: starting from them (El Torito 1.0), without emulation or with a floppy emulated, and INT 13h for the drive they start as.

DESCRIPTOR_BLOCK equ 17
CATALOG_BUFFER  equ 0x8000
CD_BLOCK        equ 2048

; SI = the first CD drive; carry when there is none.
find_cdrom:
        mov     si, devices
.next:  cmp     byte [cs:si + DEVICE.kind], KIND_CD
        je      .end
        add     si, DEVICE.size
        cmp     si, devices_end
        jb      .next
        stc
.end:   ret
cdrom_absent:
        push    si
        call    find_cdrom
        pop     si
        ret

boot_cdrom:
        call    find_cdrom
        mov     ax, .none
        jc      .failed
        mov     edi, CATALOG_BUFFER
        mov     eax, DESCRIPTOR_BLOCK
        mov     cx, 1
        call    cdrom_read
        mov     ax, .unreadable
        jc      .failed
        mov     ax, .not_bootable
        cmp     dword [CATALOG_BUFFER], 0x30444300      ; a boot record, "CD0"
        jne     .failed
        cmp     dword [CATALOG_BUFFER + 7], 0x54204c45  ; "EL T"
        jne     .failed
        cmp     dword [CATALOG_BUFFER + 11], 0x5449524f ; "ORIT"
        jne     .failed
        mov     edi, CATALOG_BUFFER
        mov     eax, [CATALOG_BUFFER + 0x47]
        mov     cx, 1
        call    cdrom_read
        mov     ax, .unreadable
        jc      .failed
        mov     ax, .not_bootable
        cmp     word [CATALOG_BUFFER + 30], 0xaa55
        jne     .failed
        cmp     byte [CATALOG_BUFFER + 32], 0x88
        jne     .failed
        mov     ax, .emulation
        mov     bl, [CATALOG_BUFFER + 33]
        and     bx, 15
        cmp     bl, EMULATED_TYPES
        ja      .failed
        mov     bl, [cs:bx + emulated_sectors]
        mov     [cs:cdrom_emulated], bl
        movzx   edi, word [CATALOG_BUFFER + 34]
        test    di, di
        jnz     .segment
        mov     di, BOOT_ADDRESS >> 4
.segment:
        mov     [cs:cdrom_segment], di
        shl     edi, 4
        movzx   ecx, word [CATALOG_BUFFER + 38]
        mov     [cs:cdrom_count], cx
        add     ecx, 3
        shr     ecx, 2
        mov     eax, [CATALOG_BUFFER + 40]
        mov     [cs:cdrom_image], eax
        call    cdrom_read
        mov     ax, .unreadable
        jc      .failed
        mov     byte [cs:cdrom_started], 1
        mov     dl, 0
        cmp     byte [cs:cdrom_emulated], 0
        jne     .drive
        mov     dl, CD_DRIVE
.drive: ; Loaders want segment 0 when they fit in it.
        mov     ax, [cs:cdrom_segment]
        mov     bx, ax
        and     bx, 0x0fff
        shl     bx, 4
        and     ax, 0xf000
        push    ax
        push    bx
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        retf
.failed:
        mov     si, ax
        ret
.none:  db "there is none", 0
.unreadable: db "there is no disc, or it cannot be read", 0
.not_bootable: db "the disc has no El Torito boot record", 0
.emulation: db "the disc wants a hard disk emulated, which this firmware does not do", 0

; INT 13h for DL = E0.
cdrom_services:
        call    find_cdrom
        mov     ah, DISK_BAD_COMMAND
        jc      disk_answer
        mov     ah, [bp + F_AH]
        cmp     ah, 0x00
        je      disk_ok
        cmp     ah, 0x01
        je      .last
        cmp     ah, 0x15
        je      .type
        cmp     ah, 0x41
        je      .extensions
        cmp     ah, 0x42
        je      .read
        cmp     ah, 0x44
        je      disk_ok
        cmp     ah, 0x47
        je      disk_ok
        cmp     ah, 0x48
        je      .parameters
        cmp     ah, 0x4b
        je      .emulation
        cmp     ah, 0x03
        je      .protected
        cmp     ah, 0x43
        je      .protected
        mov     ah, DISK_BAD_COMMAND
        jmp     disk_answer
.protected:
        mov     ah, DISK_WRITE_PROTECTED
        jmp     disk_answer
.last:  mov     ah, [BDA_DISK_STATUS]
        jmp     disk_answer
.type:  mov     byte [bp + F_AH], 2
        jmp     answer_ok
.extensions:
        mov     word [bp + F_BX], 0xaa55
        mov     byte [bp + F_AH], 0x21
        mov     word [bp + F_CX], 1
        jmp     answer_ok
.read:  call    read_packet
        jc      disk_answer
        call    cdrom_read
        call    answer_packet
        jmp     disk_answer
.parameters:
        mov     es, [bp + F_DS]
        mov     di, [bp + F_SI]
        mov     cx, CD_BLOCK
        mov     edx, -1
        mov     ax, 0x74                ; removable, lockable, no change line; no valid geometry
        call    write_parameters
        jmp     disk_answer
; AL = 0 ends an emulation, AL = 1 only tells: the specification packet at DS:SI.
.emulation:
        cmp     byte [cs:cdrom_started], 0
        mov     ah, DISK_BAD_COMMAND
        je      disk_answer
        mov     es, [bp + F_DS]
        mov     di, [bp + F_SI]
        mov     cx, 0x13
        push    di
        xor     al, al
        rep stosb
        pop     di
        mov     byte [es:di], 0x13
        mov     byte [es:di + 2], CD_DRIVE
        mov     eax, [cs:cdrom_image]
        mov     [es:di + 4], eax
        mov     ax, [cs:cdrom_segment]
        mov     [es:di + 12], ax
        mov     ax, [cs:cdrom_count]
        mov     [es:di + 14], ax
        cmp     byte [bp + F_AL], 0
        jne     disk_ok
        mov     byte [cs:cdrom_emulated], 0
        jmp     disk_ok

; Sectors a track of what is emulated, by El Torito's media type: none, 1.2 MiB, 1.44 MiB, 2.88 MiB. All have 80 cylinders and 2 heads.
emulated_sectors: db 0, 15, 18, 36
EMULATED_TYPES  equ 3
; A block of the CD, in RAM behind the fonts.
BLOCK_BUFFER    equ (TABLES_SEGMENT << 4) + 0x8000

; INT 13h for drive 0 while it is an image on the CD. It is write-protected.
emulated_services:
        call    find_cdrom
        mov     ah, [bp + F_AH]
        cmp     ah, 0x00
        je      disk_ok
        cmp     ah, 0x01
        je      cdrom_services.last
        cmp     ah, 0x02
        je      .read
        cmp     ah, 0x03
        je      cdrom_services.protected
        cmp     ah, 0x04
        je      disk_ok
        cmp     ah, 0x08
        je      .parameters
        cmp     ah, 0x15
        je      .type
        cmp     ah, 0x4b
        je      cdrom_services.emulation
        mov     ah, DISK_BAD_COMMAND
        jmp     disk_answer
.type:  mov     byte [bp + F_AH], 1
        jmp     answer_ok
.parameters:
        mov     byte [bp + F_CH], 79
        mov     al, [cs:cdrom_emulated]
        mov     [bp + F_CL], al
        mov     word [bp + F_DX], 0x0101
        mov     byte [bp + F_BL], 4
        mov     word [bp + F_ES], BIOS_SEGMENT
        mov     word [bp + F_DI], diskette_parameters
        jmp     disk_ok
.read:  movzx   eax, ch
        add     ax, ax
        add     al, dh
        adc     ah, 0
        movzx   ebx, byte [cs:cdrom_emulated]
        mov     ah, 0
        cmp     ch, 79
        ja      .off
        cmp     dh, 1
        ja      .off
        cmp     cl, bl
        ja      .off
        dec     cl
        js      .off
        mul     bl
        movzx   eax, ax
        movzx   ecx, cl
        add     eax, ecx                ; the sector of 512 bytes
        movzx   cx, byte [bp + F_AL]
        xor     bx, bx
        push    bx
        mov     bx, [bp + F_BX]
        call    caller_buffer
        pop     bx
.sector:
        jcxz    .done
        push    eax
        push    cx
        push    bx
        push    edi
        mov     edi, BLOCK_BUFFER
        push    eax
        shr     eax, 2
        add     eax, [cs:cdrom_image]
        mov     cx, 1
        call    cdrom_read
        pop     edx
        pop     edi
        pop     bx
        pop     cx
        jc      .failed
        and     dx, 3
        shl     dx, 9
        add     dx, BLOCK_BUFFER & 0xffff
        push    si
        push    ds
        push    cx
        push    edi
        mov     si, dx
        call    normalize
        mov     ax, TABLES_SEGMENT
        mov     ds, ax
        mov     cx, 512 / 2
        rep movsw
        pop     edi
        pop     cx
        pop     ds
        pop     si
        add     edi, 512
        inc     bx
        pop     eax
        inc     eax
        dec     cx
        jmp     .sector
.failed:
        mov     [cs:ide_status], ah
        pop     eax
        mov     ah, [cs:ide_status]
        jmp     .end
.off:   xor     bx, bx
        mov     ah, DISK_NOT_FOUND
        jmp     .end
.done:  xor     ah, ah
.end:   mov     [bp + F_AL], bl
        jmp     disk_answer
