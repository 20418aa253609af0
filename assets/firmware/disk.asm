; INT 13h: which drive, which function; hard disks here, the others in floppy.asm and cdrom.asm.

DISK_BAD_COMMAND equ 0x01
DISK_WRITE_PROTECTED equ 0x03
DISK_NOT_FOUND  equ 0x04
DISK_BOUNDARY   equ 0x09
DISK_BAD_DATA   equ 0x10
DISK_CONTROLLER equ 0x20
DISK_TIMEOUT    equ 0x80
FIRST_DISK      equ 0x80
CD_DRIVE        equ 0xe0

; What detection found, one each for primary master, primary slave, secondary master, secondary slave.
struc DEVICE
.kind:          resb 1                  ; KIND_
.select:        resb 1                  ; drive/head register: A0 or B0
.port:          resw 1                  ; command block; the control port is 206h above
.sectors:       resd 1
.cylinders:     resw 1                  ; as INT 13h shows them
.heads:         resw 1
.spt:           resw 1
.reserved:      resw 1
.size:
endstruc
KIND_NONE       equ 0
KIND_DISK       equ 1
KIND_CD         equ 2
SECTORS_PER_TRACK equ 63

set_up_disks:
        call    ide_set_up
        mov     si, devices
.next:  cmp     byte [cs:si + DEVICE.kind], KIND_NONE
        je      .absent
        call    describe_device
.absent:
        add     si, DEVICE.size
        cmp     si, devices_end
        jb      .next
        jmp     floppy_set_up

; A line on the device CS:SI.
describe_device:
        push    si
        cmp     byte [cs:si + DEVICE.kind], KIND_CD
        mov     ebx, [cs:si + DEVICE.sectors]
        mov     si, .cd
        je      .name
        mov     si, .disk
        call    print
        mov     eax, ebx
        shr     eax, 11
        call    print_decimal
        mov     si, .mib
.name:  call    print
        pop     si
        ret
.disk:  db "Hard disk: ", 0
.mib:   db " MiB", 10, 0
.cd:    db "CD drive", 10, 0

; SI = the device of hard disk DL; carry when there is none.
find_disk:
        push    ax
        mov     al, dl
        sub     al, FIRST_DISK
        mov     si, devices
.next:  cmp     byte [cs:si + DEVICE.kind], KIND_DISK
        jne     .other
        sub     al, 1
        jc      .found
.other: add     si, DEVICE.size
        cmp     si, devices_end
        jb      .next
        pop     ax
        stc
        ret
.found: pop     ax
        clc
        ret

int13_disk:
        ENTER_SERVICE
        sti
        cmp     dl, CD_DRIVE
        je      cdrom_services
        test    dl, dl
        jnz     .real
        cmp     byte [cs:cdrom_emulated], 0
        jne     emulated_services
.real:  cmp     dl, FIRST_DISK
        jb      floppy_services
        call    find_disk
        mov     ah, DISK_BAD_COMMAND
        jc      disk_answer
        mov     ah, [bp + F_AH]
        cmp     ah, 0x01
        je      .last
        cmp     ah, 0x02
        je      .read
        cmp     ah, 0x03
        je      .write
        cmp     ah, 0x04
        je      .verify
        cmp     ah, 0x08
        je      .parameters
        cmp     ah, 0x15
        je      .type
        cmp     ah, 0x41
        je      .extensions
        cmp     ah, 0x42
        je      .extended_read
        cmp     ah, 0x43
        je      .extended_write
        cmp     ah, 0x44
        je      .extended_verify
        cmp     ah, 0x47
        je      .extended_verify
        cmp     ah, 0x48
        je      .extended_parameters
        ; Reset, initialize, seek, recalibrate, diagnose: nothing to do.
        mov     bx, .harmless
.search:
        cmp     byte [cs:bx], 0xff
        je      .unknown
        cmp     ah, [cs:bx]
        je      disk_ok
        inc     bx
        jmp     .search
.unknown:
        mov     ah, DISK_BAD_COMMAND
        jmp     disk_answer
.harmless: db 0x00, 0x09, 0x0c, 0x0d, 0x10, 0x11, 0x14, 0xff
.last:  mov     ah, [BDA_DISK_STATUS]
        jmp     disk_answer
.read:  mov     dl, 0
        jmp     .transfer
.write: mov     dl, 1
.transfer:
        call    .chs
        jc      disk_answer
        call    caller_buffer
        call    ide_transfer
        mov     [bp + F_AL], bl
        jmp     disk_answer
.verify:
        call    .chs
        jmp     disk_answer
; EAX = the sector of the caller's CX and DH, CX = count. Carry and AH when it is not on the disk.
.chs:   push    dx
        mov     ax, cx
        mov     dl, cl
        and     dl, 0x3f
        xchg    al, ah
        shr     ah, 6                   ; the cylinder
        movzx   eax, ax
        movzx   ecx, word [cs:si + DEVICE.heads]
        push    dx
        imul    eax, ecx
        movzx   ecx, byte [bp + F_DH]
        add     eax, ecx
        movzx   ecx, word [cs:si + DEVICE.spt]
        imul    eax, ecx
        pop     dx
        movzx   ecx, dl
        dec     ecx
        js      .off
        add     eax, ecx
        pop     dx
        movzx   ecx, byte [bp + F_AL]
        jmp     check_range
.off:   pop     dx
        mov     ah, DISK_NOT_FOUND
        stc
        ret
.parameters:
        mov     ax, [cs:si + DEVICE.cylinders]
        dec     ax
        mov     [bp + F_CH], al
        shl     ah, 6
        or      ah, [cs:si + DEVICE.spt]
        mov     [bp + F_CL], ah
        mov     al, [cs:si + DEVICE.heads]
        dec     al
        mov     [bp + F_DH], al
        mov     al, [BDA_DISK_COUNT]
        mov     [bp + F_DL], al
        mov     byte [bp + F_BL], 0
        jmp     disk_ok
.type:  mov     eax, [cs:si + DEVICE.sectors]
        mov     [bp + F_DX], ax
        shr     eax, 16
        mov     [bp + F_CX], ax
        mov     byte [bp + F_AH], 3     ; a fixed disk
        jmp     answer_ok
.extensions:
        cmp     bx, 0x55aa
        jne     .unknown
        mov     word [bp + F_BX], 0xaa55
        mov     byte [bp + F_AH], 0x21  ; Enhanced Disk Drive 1.1
        mov     word [bp + F_CX], 1
        jmp     answer_ok
.extended_read:
        mov     dl, 0
        jmp     .extended
.extended_write:
        mov     dl, 1
.extended:
        call    read_packet
        jc      disk_answer
        call    check_range
        jc      disk_answer
        call    ide_transfer
        call    answer_packet
        jmp     disk_answer
.extended_verify:
        call    read_packet
        jc      disk_answer
        call    check_range
        jmp     disk_answer
.extended_parameters:
        mov     es, [bp + F_DS]
        mov     di, [bp + F_SI]
        mov     cx, 512
        mov     edx, [cs:si + DEVICE.sectors]
        mov     ax, 2                   ; the geometry is valid
        call    write_parameters
        jmp     disk_answer

; The drive parameters of INT 13h AH = 48h at ES:DI: AX flags, EDX blocks of CX bytes, geometry of CS:SI. Carry and AH on a short buffer.
write_parameters:
        cmp     word [es:di], 26
        jb      .short
        mov     word [es:di], 26
        mov     [es:di + 2], ax
        movzx   eax, word [cs:si + DEVICE.cylinders]
        mov     [es:di + 4], eax
        movzx   eax, word [cs:si + DEVICE.heads]
        mov     [es:di + 8], eax
        movzx   eax, word [cs:si + DEVICE.spt]
        mov     [es:di + 12], eax
        mov     [es:di + 16], edx
        mov     dword [es:di + 20], 0
        mov     [es:di + 24], cx
        xor     ah, ah
        ret
.short: mov     ah, DISK_BAD_COMMAND
        stc
        ret

; EDI = linear address of the caller's ES:BX.
caller_buffer:
        push    eax
        movzx   edi, word [bp + F_ES]
        shl     edi, 4
        movzx   eax, word [bp + F_BX]
        add     edi, eax
        pop     eax
        ret

; From the disk address packet at the caller's DS:SI: EAX block, CX count, EDI linear buffer. Carry and AH when we cannot do it. Keeps DL.
read_packet:
        push    si
        mov     si, [bp + F_SI]
        push    ds
        mov     ds, [bp + F_DS]
        cmp     byte [si], 16
        jb      .bad
        cmp     dword [si + 12], 0
        jne     .bad
        movzx   ecx, word [si + 2]
        movzx   eax, word [si + 4]
        movzx   edi, word [si + 6]
        shl     edi, 4
        add     edi, eax
        mov     eax, [si + 8]
        clc
        pop     ds
        pop     si
        ret
.bad:   mov     ah, DISK_BAD_COMMAND
        stc
        pop     ds
        pop     si
        ret

; Writes BX, the blocks that were transferred, to the packet. Keeps AX and the carry.
answer_packet:
        push    si
        push    es
        mov     es, [bp + F_DS]
        mov     si, [bp + F_SI]
        mov     [es:si + 2], bx
        pop     es
        pop     si
        ret

; Carry and AH unless the CX blocks from EAX on lie on the device CS:SI.
check_range:
        push    edx
        movzx   edx, cx
        add     edx, eax
        jc      .off
        cmp     [cs:si + DEVICE.sectors], edx
        jb      .off
        pop     edx
        clc
        ret
.off:   pop     edx
        mov     ah, DISK_NOT_FOUND
        stc
        ret

; The end of INT 13h for disks and CDs: status AH, carry if it is not 0.
disk_ok:
        xor     ah, ah
disk_answer:
        mov     [bp + F_AH], ah
        mov     [BDA_DISK_STATUS], ah
        test    ah, ah
        jnz     answer_error
        jmp     answer_ok

disk_absent:
        push    dx
        push    si
        mov     dl, FIRST_DISK
        call    find_disk
        pop     si
        pop     dx
        ret

; Starts the first hard disk; comes back with the reason in SI.
boot_disk:
        call    disk_absent
        mov     si, .none
        jc      .end
        mov     ax, 0x0201
        mov     cx, 1
        mov     dx, FIRST_DISK
        mov     bx, BOOT_ADDRESS
        int     0x13
        mov     si, unreadable
        jc      .end
        cmp     word [BOOT_ADDRESS + 510], 0xaa55
        mov     si, unsigned
        jne     .end
        mov     dl, FIRST_DISK
        jmp     enter_boot_sector
.end:   ret
.none:  db "there is none", 0
unreadable: db "its first sector cannot be read", 0
unsigned: db "its first sector does not end in 55 AA, so it is not a boot sector", 0
