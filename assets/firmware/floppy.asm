; The floppy controller (Intel 82077AA) with DMA channel 2, and INT 13h for its drives.

FDC_DOR         equ 0x3f2
FDC_STATUS      equ 0x3f4
FDC_DATA        equ 0x3f5
FDC_RATE        equ 0x3f7
FDC_READY       equ 0x80                ; RQM
FDC_INPUT       equ 0x40                ; DIO: the controller has a byte
FDC_PATIENCE    equ 18 * 2              ; ticks
MOTOR_TICKS     equ 37

; Drive types of CMOS: last cylinder, sectors a track, data rate.
floppy_geometry:
        db 0, 0, 0
        db 39, 9, 2                     ; 1: 360 KiB
        db 79, 15, 0                    ; 2: 1.2 MiB
        db 79, 9, 2                     ; 3: 720 KiB
        db 79, 18, 0                    ; 4: 1.44 MiB
        db 79, 36, 3                    ; 5: 2.88 MiB
FLOPPY_TYPES    equ 5

; INT 1Eh points here: specify bytes, motor time, sector size, sectors, gaps, fill byte, settle and start times.
diskette_parameters:
        db 0xaf, 0x02, MOTOR_TICKS, 2, 18, 0x1b, 0xff, 0x6c, 0xf6, 15, 8

floppy_set_up:
        mov     al, 0x10
        call    cmos_read
        mov     [cs:floppy_types], al
        test    al, al
        jz      .end
        or      byte [BDA_EQUIPMENT], 1
        test    al, 0x0f
        jz      .one
        or      byte [BDA_EQUIPMENT], 0x40
.one:   call    floppy_reset
.end:   ret

irq6_floppy:
        push    ds
        push    ax
        xor     ax, ax
        mov     ds, ax
        or      byte [BDA_FLOPPY_SEEK], 0x80
        mov     al, END_OF_INTERRUPT
        out     PORT_PIC1, al
        pop     ax
        pop     ds
        iret

; SI = the geometry of drive DL; carry when there is no such drive. Changes AL.
floppy_drive:
        mov     al, [cs:floppy_types]
        cmp     dl, 1
        ja      .none
        je      .second
        shr     al, 4
.second:
        and     al, 15
        jz      .none
        cmp     al, FLOPPY_TYPES
        ja      .none
        movzx   si, al
        imul    si, 3
        add     si, floppy_geometry
        clc
        ret
.none:  stc
        ret
floppy_absent:
        push    ax
        push    dx
        push    si
        mov     dl, 0
        call    floppy_drive
        pop     si
        pop     dx
        pop     ax
        ret

; Sends AL to the controller. Carry: it does not take it. Changes AX.
fdc_send:
        push    dx
        push    bx
        push    ax
        mov     dx, FDC_STATUS
        mov     bx, [BDA_TICKS]
.again: in      al, dx
        and     al, FDC_READY | FDC_INPUT
        cmp     al, FDC_READY
        je      .ready
        mov     ax, [BDA_TICKS]
        sub     ax, bx
        cmp     ax, FDC_PATIENCE
        jb      .again
        pop     ax
        stc
        jmp     .end
.ready: pop     ax
        inc     dx
        out     dx, al
        clc
.end:   pop     bx
        pop     dx
        ret

; AL = a byte of the controller's result. Carry: there is none. Changes AX.
fdc_receive:
        push    dx
        push    bx
        mov     dx, FDC_STATUS
        mov     bx, [BDA_TICKS]
.again: in      al, dx
        and     al, FDC_READY | FDC_INPUT
        cmp     al, FDC_READY | FDC_INPUT
        je      .ready
        mov     ax, [BDA_TICKS]
        sub     ax, bx
        cmp     ax, FDC_PATIENCE
        jb      .again
        stc
        jmp     .end
.ready: inc     dx
        in      al, dx
        clc
.end:   pop     bx
        pop     dx
        ret

; Waits for IRQ 6. Carry: it did not come. Changes AX.
fdc_wait:
        push    bx
        sti
        mov     bx, [BDA_TICKS]
.again: test    byte [BDA_FLOPPY_SEEK], 0x80
        jnz     .came
        mov     ax, [BDA_TICKS]
        sub     ax, bx
        cmp     ax, FDC_PATIENCE
        jb      .again
        stc
        jmp     .end
.came:  and     byte [BDA_FLOPPY_SEEK], 0x7f
        clc
.end:   pop     bx
        ret

; Resets the controller. Carry: it does not answer. Changes AX, CX, DX.
floppy_reset:
        mov     byte [BDA_FLOPPY_SEEK], 0
        mov     dx, FDC_DOR
        xor     al, al
        out     dx, al
        mov     ecx, 1
        call    wait_refreshes
        mov     al, 0x0c
        out     dx, al
        and     byte [BDA_FLOPPY_MOTOR], 0xf0
        call    fdc_wait
        jc      .end
        mov     cx, 4                   ; each drive reports its change of readiness
.sense: call    fdc_sense
        jc      .end
        loop    .sense
        mov     al, 0x03                ; specify
        call    fdc_send
        jc      .end
        mov     al, [cs:diskette_parameters]
        call    fdc_send
        mov     al, [cs:diskette_parameters + 1]
        and     al, 0xfe                ; with DMA
        call    fdc_send
.end:   ret

; Sense interrupt status: AH = ST0, AL = cylinder. Carry: no answer.
fdc_sense:
        mov     al, 0x08
        call    fdc_send
        jc      .end
        call    fdc_receive
        jc      .end
        push    ax
        call    fdc_receive
        pop     dx
        mov     ah, dl
.end:   ret

; Starts the motor of drive DL and sets the data rate of CS:SI. Changes AX.
floppy_select:
        push    dx
        push    cx
        mov     byte [BDA_FLOPPY_TIMEOUT], 0xff
        mov     cl, dl
        mov     ch, 0x01
        shl     ch, cl
        or      [BDA_FLOPPY_MOTOR], ch
        mov     al, 0x10
        shl     al, cl
        or      al, 0x0c
        or      al, cl
        mov     dx, FDC_DOR
        out     dx, al
        mov     al, [cs:si + 2]
        mov     dx, FDC_RATE
        out     dx, al
        pop     cx
        pop     dx
        ret

; Moves the heads of drive DL to cylinder CH; calibrates them first if nobody did. Carry and AH. Changes AX.
floppy_seek:
        push    dx
        push    bx
        mov     bl, dl                  ; the drive
        mov     cl, dl
        mov     bh, 1
        shl     bh, cl
        test    [BDA_FLOPPY_SEEK], bh
        jnz     .seek
        mov     al, 0x07
        call    fdc_send
        jc      .late
        mov     al, bl
        call    fdc_send
        call    .finish
        jc      .late
        or      [BDA_FLOPPY_SEEK], bh
.seek:  mov     al, 0x0f
        call    fdc_send
        jc      .late
        mov     al, bl
        call    fdc_send
        mov     al, ch
        call    fdc_send
        call    .finish
        jc      .late
        pop     bx
        pop     dx
        ret
.late:  mov     ah, DISK_TIMEOUT
        pop     bx
        pop     dx
        stc
        ret
.finish:
        call    fdc_wait
        jc      .end
        call    fdc_sense
.end:   ret

; DMA channel 2 for CX bytes at linear EDI, mode AL. Carry and AH when it would cross 64 KiB or 16 MiB. Changes AX.
floppy_dma:
        push    ecx
        push    edx
        mov     ah, al
        dec     cx
        mov     dx, di
        add     dx, cx
        jc      .boundary
        mov     al, 0x06
        out     0x0a, al
        out     0x0c, al
        mov     al, ah
        out     0x0b, al
        mov     eax, edi
        out     0x04, al
        mov     al, ah
        out     0x04, al
        shr     eax, 16
        out     0x81, al
        mov     al, cl
        out     0x05, al
        mov     al, ch
        out     0x05, al
        mov     al, 0x02
        out     0x0a, al
        clc
        jmp     .end
.boundary:
        mov     ah, DISK_BOUNDARY
        stc
.end:   pop     edx
        pop     ecx
        ret

; INT 13h for DL below 80h.
floppy_services:
        call    floppy_drive
        mov     ah, [bp + F_AH]
        jc      .absent
        cmp     ah, 0x00
        je      .reset
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
        cmp     ah, 0x16
        je      .ok
        mov     ah, DISK_BAD_COMMAND
        jmp     .answer
.absent:
        cmp     ah, 0x08
        je      .no_parameters
        cmp     ah, 0x15
        je      .no_type
        mov     ah, DISK_TIMEOUT
        jmp     .answer
.no_parameters:
        mov     word [bp + F_CX], 0
        mov     word [bp + F_DX], 0
        mov     byte [bp + F_BL], 0
        jmp     .ok
.no_type:
        jmp     answer_ok_ah0
.reset: call    floppy_reset
        mov     ah, DISK_TIMEOUT
        jc      .answer
.ok:    xor     ah, ah
.answer:
        mov     [bp + F_AH], ah
        mov     [BDA_FLOPPY_STATUS], ah
        test    ah, ah
        jnz     answer_error
        jmp     answer_ok
.last:  mov     ah, [BDA_FLOPPY_STATUS]
        jmp     .answer
.type:  mov     byte [bp + F_AH], 1     ; no change line
        jmp     answer_ok
.parameters:
        mov     al, [cs:si]
        mov     [bp + F_CH], al
        mov     al, [cs:si + 1]
        mov     [bp + F_CL], al
        mov     byte [bp + F_DH], 1
        mov     al, [cs:floppy_types]
        mov     ah, al
        shr     al, 4
        and     ah, 15
        mov     bl, al
        cmp     dl, 0
        je      .drive_type
        mov     bl, ah
.drive_type:
        mov     [bp + F_BL], bl
        mov     byte [bp + F_BH], 0
        mov     dl, 1
        test    ah, ah
        jz      .drives
        inc     dl
.drives:
        mov     [bp + F_DL], dl
        mov     word [bp + F_ES], BIOS_SEGMENT
        mov     word [bp + F_DI], diskette_parameters
        mov     byte [bp + F_AL], 0
        jmp     .ok
; BL = DMA mode, BH = command: single transfers of channel 2, to memory, from it, or only looked at.
.read:  mov     bx, 0xe646
        jmp     .transfer
.write: mov     bx, 0xc54a
        jmp     .transfer
.verify:
        mov     bx, 0xe642
.transfer:
        mov     al, [bp + F_AL]
        mov     cx, [bp + F_CX]
        mov     ah, DISK_BAD_COMMAND
        test    al, al
        jz      .answer
        cmp     al, 2 * 36
        ja      .answer
        mov     ah, DISK_NOT_FOUND
        cmp     ch, [cs:si]
        ja      .answer
        cmp     cl, [cs:si + 1]
        ja      .answer
        test    cl, cl
        jz      .answer
        cmp     byte [bp + F_DH], 1
        ja      .answer
        push    bx
        mov     bx, [bp + F_BX]
        call    caller_buffer
        pop     bx
        movzx   cx, al
        shl     cx, 9
        mov     al, bl
        call    floppy_dma
        jc      .failed
        mov     dl, [bp + F_DL]
        call    floppy_select
        mov     cx, [bp + F_CX]
        call    floppy_seek
        jc      .failed
        mov     al, bh
        call    fdc_send
        jc      .timeout
        mov     al, [bp + F_DH]
        shl     al, 2
        or      al, [bp + F_DL]
        call    fdc_send
        mov     al, [bp + F_CH]
        call    fdc_send
        mov     al, [bp + F_DH]
        call    fdc_send
        mov     al, [bp + F_CL]
        call    fdc_send
        mov     al, 2                   ; 512 bytes
        call    fdc_send
        mov     al, [cs:si + 1]         ; the last sector of the track
        call    fdc_send
        mov     al, 0x1b
        call    fdc_send
        mov     al, 0xff
        call    fdc_send
        jc      .timeout
        call    fdc_wait
        jc      .timeout
        mov     di, BDA_FLOPPY_RESULT
        mov     cx, 7
.result:
        call    fdc_receive
        jc      .timeout
        mov     [di], al
        inc     di
        loop    .result
        mov     byte [BDA_FLOPPY_TIMEOUT], MOTOR_TICKS
        test    byte [BDA_FLOPPY_RESULT], 0xc0
        jz      .ok
        mov     al, [BDA_FLOPPY_RESULT + 1]
        mov     ah, DISK_WRITE_PROTECTED
        test    al, 0x02
        jnz     .failed
        mov     ah, DISK_NOT_FOUND
        test    al, 0x05                ; no data, no address mark
        jnz     .failed
        mov     ah, DISK_BAD_DATA
        test    al, 0x20
        jnz     .failed
        mov     ah, DISK_CONTROLLER
.failed:
        mov     byte [bp + F_AL], 0
        jmp     .answer
.timeout:
        call    floppy_reset
        mov     ah, DISK_TIMEOUT
        jmp     .failed

; Starts the first floppy; comes back with the reason in SI.
boot_floppy:
        call    floppy_absent
        mov     si, boot_disk.none
        jc      .end
        mov     di, 3                   ; a drive that just started may fail
.again: mov     ax, 0x0201
        mov     cx, 1
        xor     dx, dx
        mov     bx, BOOT_ADDRESS
        int     0x13
        jnc     .read
        mov     ah, 0
        int     0x13
        dec     di
        jnz     .again
        mov     si, .unreadable
        ret
.read:  mov     si, unsigned
        cmp     word [BOOT_ADDRESS + 510], 0xaa55
        jne     .end
        xor     dx, dx
        jmp     enter_boot_sector
.end:   ret
.unreadable: db "there is no disk in it, or it cannot be read", 0
