; CDs: starting from them without emulation (El Torito 1.0), and INT 13h for the drive they start as.

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
        test    byte [CATALOG_BUFFER + 33], 15
        jnz     .failed
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
        mov     dl, CD_DRIVE
        ; Loaders want segment 0 when they fit in it.
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
.emulation: db "the disc wants a floppy or hard disk emulated, which this firmware does not do", 0

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
        jmp     disk_ok
