; ATA and ATAPI devices by programmed I/O on the legacy ports (ATA/ATAPI-7, volume 2).

IDE_DATA        equ 0
IDE_ERROR       equ 1
IDE_COUNT       equ 2
IDE_LBA0        equ 3
IDE_LBA1        equ 4
IDE_LBA2        equ 5
IDE_DEVICE      equ 6
IDE_STATUS      equ 7
IDE_CONTROL     equ 0x206               ; from the command block on
IDE_BUSY        equ 0x80
IDE_FAULT       equ 0x20
IDE_REQUEST     equ 0x08
IDE_FAILED      equ 0x01
NO_INTERRUPTS   equ 0x02
ATA_READ        equ 0x20
ATA_READ_EXT    equ 0x24
ATA_WRITE       equ 0x30
ATA_WRITE_EXT   equ 0x34
ATA_FLUSH       equ 0xe7
ATA_IDENTIFY    equ 0xec
ATA_PACKET      equ 0xa0
ATA_IDENTIFY_PACKET equ 0xa1
IDE_CHUNK       equ 128                 ; sectors a command
IDE_PATIENCE    equ 18 * 5              ; ticks
IDENTIFY_BUFFER equ 0x8000              ; only during POST

ide_set_up:
        mov     si, devices
.next:  call    ide_detect
        add     si, DEVICE.size
        cmp     si, devices_end
        jb      .next
        ret

; Finds out what is at the select and port of CS:SI. Keeps SI.
ide_detect:
        cmp     byte [cs:si + DEVICE.select], 0xa0
        jne     .select
        mov     dx, [cs:si + DEVICE.port]
        add     dx, IDE_CONTROL         ; a reset of both devices puts their signatures out
        mov     al, 0x04 | NO_INTERRUPTS
        out     dx, al
        mov     ecx, 2
        call    wait_refreshes
        mov     al, NO_INTERRUPTS
        out     dx, al
        mov     ecx, 140                ; 2 ms
        call    wait_refreshes
.select:
        call    ide_select
        jc      .end
        mov     dx, [cs:si + DEVICE.port]
        add     dx, IDE_COUNT           ; a register that keeps what is written: somebody is there
        mov     al, 0x5a
        out     dx, al
        in      al, dx
        cmp     al, 0x5a
        jne     .end
        add     dx, IDE_LBA1 - IDE_COUNT
        in      al, dx
        mov     ah, al
        inc     dx
        in      al, dx
        mov     bl, KIND_DISK
        mov     bh, ATA_IDENTIFY
        cmp     ax, 0x14eb
        jne     .identify
        mov     bl, KIND_CD
        mov     bh, ATA_IDENTIFY_PACKET
.identify:
        mov     al, bh
        call    ide_command
        jc      .end
        call    ide_wait_request
        jc      .end
        mov     edi, IDENTIFY_BUFFER
        mov     cx, 256
        call    ide_read_words
        cmp     bl, KIND_CD
        je      .found
        mov     eax, [IDENTIFY_BUFFER + 60 * 2]
        test    word [IDENTIFY_BUFFER + 83 * 2], 1 << 10
        jz      .size
        mov     eax, [IDENTIFY_BUFFER + 100 * 2]
        cmp     dword [IDENTIFY_BUFFER + 102 * 2], 0
        je      .size
        mov     eax, -1                 ; the part of it that 32 bits reach
.size:  mov     [cs:si + DEVICE.sectors], eax
        call    choose_geometry
        inc     byte [BDA_DISK_COUNT]
.found: mov     [cs:si + DEVICE.kind], bl
.end:   ret

; The geometry of a disk of EAX sectors: 63 sectors, so many heads that 1024 cylinders may do. Changes EAX, ECX, EDX.
choose_geometry:
        mov     cx, 16
.more:  movzx   edx, cx
        imul    edx, SECTORS_PER_TRACK * 1024
        cmp     eax, edx
        jbe     .enough
        add     cx, cx
        cmp     cx, 256
        jb      .more
        mov     cx, 255
.enough:
        mov     [cs:si + DEVICE.heads], cx
        mov     word [cs:si + DEVICE.spt], SECTORS_PER_TRACK
        movzx   ecx, cx
        imul    ecx, SECTORS_PER_TRACK
        xor     edx, edx
        div     ecx
        cmp     eax, 1024
        jbe     .fits
        mov     eax, 1024
.fits:  test    eax, eax
        jnz     .set
        inc     eax
.set:   mov     [cs:si + DEVICE.cylinders], ax
        ret

; Selects the device CS:SI. Carry and AH when it stays busy. Changes AX, DX.
ide_select:
        mov     dx, [cs:si + DEVICE.port]
        add     dx, IDE_DEVICE
        mov     al, [cs:si + DEVICE.select]
        out     dx, al

; Waits until CS:SI is not busy; AL = its status. Carry and AH = DISK_TIMEOUT when it stays so. Changes AX, DX.
ide_wait:
        push    bx
        mov     dx, [cs:si + DEVICE.port]
        add     dx, IDE_CONTROL
        in      al, dx                  ; 400 ns
        in      al, dx
        in      al, dx
        in      al, dx
        mov     bx, [BDA_TICKS]
.again: in      al, dx
        cmp     al, 0xff                ; a bus with nothing on it
        je      .late
        test    al, IDE_BUSY
        jz      .end
        mov     ax, [BDA_TICKS]
        sub     ax, bx
        cmp     ax, IDE_PATIENCE
        jb      .again
.late:  mov     ah, DISK_TIMEOUT
        stc
.end:   pop     bx
        ret

; Gives command AL to the selected device CS:SI. Carry and AH as ide_wait. Changes AX, DX.
ide_command:
        mov     dx, [cs:si + DEVICE.port]
        add     dx, IDE_STATUS
        out     dx, al
        jmp     ide_wait

; Waits until CS:SI wants data moved. Carry and AH when it failed. Changes AX, DX.
ide_wait_request:
        call    ide_wait
        jc      .end
        test    al, IDE_FAILED | IDE_FAULT
        jnz     ide_failure
        test    al, IDE_REQUEST
        jz      .silent
        clc
.end:   ret
.silent:
        mov     ah, DISK_CONTROLLER
        stc
        ret

; AH = what the error register of CS:SI says; carry. Changes AL, DX.
ide_failure:
        mov     dx, [cs:si + DEVICE.port]
        inc     dx
        in      al, dx
        mov     ah, DISK_NOT_FOUND
        test    al, 0x10                ; IDNF
        jnz     .end
        mov     ah, DISK_BAD_DATA
        test    al, 0x40                ; UNC
        jnz     .end
        mov     ah, DISK_CONTROLLER
.end:   stc
        ret

; ES:DI = linear EDI below 1 MiB + 64 KiB.
normalize:
        push    eax
        mov     eax, edi
        shr     eax, 4
        cmp     eax, 0xffff
        jbe     .low
        mov     ax, 0xffff
        movzx   eax, ax
.low:   mov     es, ax
        shl     eax, 4
        sub     edi, eax
        pop     eax
        ret

; Reads or writes CX words at linear EDI, which moves on. Change CX, DX, ES.
ide_read_words:
        push    edi
        push    cx
        call    normalize
        mov     dx, [cs:si + DEVICE.port]
        rep insw
        jmp     ide_moved
ide_write_words:
        push    edi
        push    cx
        call    normalize
        mov     dx, [cs:si + DEVICE.port]
        push    si
        mov     si, di
        es rep outsw
        pop     si
ide_moved:
        pop     cx
        pop     edi
        movzx   ecx, cx
        lea     edi, [edi + ecx * 2]
        ret

; Moves CX sectors from EAX on between the disk CS:SI and linear EDI; DL = 1 writes. BX = how many were moved, AH = status, carry if not 0.
ide_transfer:
        mov     [cs:ide_writes], dl
        xor     bx, bx
.chunk: test    cx, cx
        jz      .flush
        push    cx
        cmp     cx, IDE_CHUNK
        jbe     .start
        mov     cx, IDE_CHUNK
.start: push    eax
        call    ide_start
        jc      .failed
.sector:
        call    ide_wait_request
        jc      .failed
        push    cx
        mov     cx, 256
        cmp     byte [cs:ide_writes], 0
        jne     .write
        call    ide_read_words
        jmp     .moved
.write: call    ide_write_words
.moved: pop     cx
        inc     bx
        loop    .sector
        call    ide_wait                ; the end of a write
        jc      .failed
        test    al, IDE_FAILED | IDE_FAULT
        jz      .done
        call    ide_failure
.failed:
        mov     [cs:ide_status], ah
        pop     eax
        pop     cx
        mov     ah, [cs:ide_status]
        stc
        ret
.done:  pop     eax
        pop     cx
        push    ecx
        movzx   ecx, cx
        cmp     ecx, IDE_CHUNK
        jbe     .last
        mov     ecx, IDE_CHUNK
.last:  add     eax, ecx
        mov     dx, cx
        pop     ecx
        sub     cx, dx
        jmp     .chunk
.flush: cmp     byte [cs:ide_writes], 0
        je      .ok
        mov     al, ATA_FLUSH           ; INT 13h promises that what was written is on the disk
        call    ide_command
        jc      .end
.ok:    xor     ah, ah
.end:   ret

; Gives the command for CX sectors from EAX on, with 28 or 48 bits. Carry and AH. Changes EAX, DX.
ide_start:
        push    ebx
        mov     ebx, eax
        call    ide_select
        jc      .end
        sub     dx, IDE_CONTROL - IDE_COUNT
        cmp     ebx, 0x0fffff00
        jae     .extended
        mov     al, cl
        out     dx, al
        call    .address
        shr     ebx, 24
        mov     al, [cs:si + DEVICE.select]
        or      al, 0x40
        or      al, bl
        out     dx, al
        mov     al, ATA_READ
        mov     ah, ATA_WRITE
        jmp     .command
.extended:
        mov     al, ch
        out     dx, al
        inc     dx
        rol     ebx, 8
        mov     al, bl
        out     dx, al
        ror     ebx, 8
        inc     dx
        xor     al, al
        out     dx, al
        inc     dx
        out     dx, al
        sub     dx, IDE_LBA2 - IDE_COUNT
        mov     al, cl
        out     dx, al
        call    .address
        mov     al, [cs:si + DEVICE.select]
        or      al, 0x40
        out     dx, al
        mov     al, ATA_READ_EXT
        mov     ah, ATA_WRITE_EXT
.command:
        cmp     byte [cs:ide_writes], 0
        je      .go
        mov     al, ah
.go:    call    ide_command
.end:   pop     ebx
        ret
; The three low bytes of EBX; DX goes from the count register to the device register.
.address:
        push    ebx
        inc     dx
        mov     al, bl
        out     dx, al
        inc     dx
        mov     al, bh
        out     dx, al
        inc     dx
        shr     ebx, 16
        mov     al, bl
        out     dx, al
        inc     dx
        pop     ebx
        ret

; Reads CX blocks of 2,048 bytes from EAX on of the CD drive CS:SI to linear EDI. BX = how many came, AH = status, carry if not 0.
cdrom_read:
        xor     bx, bx
.next:  jcxz    .ok
        push    eax
        push    cx
        call    cdrom_read_block
        pop     cx
        jc      .failed
        pop     eax
        inc     eax
        inc     bx
        dec     cx
        jmp     .next
.failed:
        mov     [cs:ide_status], ah
        pop     eax
        mov     ah, [cs:ide_status]
        stc
        ret
.ok:    xor     ah, ah
        ret

; Block EAX; one failure is tried again, since the first command after a change of the medium always fails.
cdrom_read_block:
        push    eax
        push    edi
        call    .once
        pop     edi
        pop     eax
        jnc     .moved
        call    .once
        jc      .end
.moved: lea     edi, [edi + 2048]
        clc
        ret
.once:  bswap   eax
        mov     [cs:cdrom_packet + 2], eax
        push    edi
        call    .command
        pop     edi
        ret
.command:
        call    ide_select
        jc      .end
        mov     dx, [cs:si + DEVICE.port]
        inc     dx
        xor     al, al                  ; no DMA
        out     dx, al
        add     dx, IDE_LBA1 - IDE_ERROR
        out     dx, al                  ; 2,048 bytes a request
        inc     dx
        mov     al, 2048 >> 8
        out     dx, al
        mov     al, ATA_PACKET
        call    ide_command
        jc      .end
        call    ide_wait_request
        jc      .end
        push    edi
        mov     edi, (BIOS_SEGMENT << 4) + cdrom_packet
        mov     cx, 6
        call    ide_write_words
        pop     edi
.data:  call    ide_wait
        jc      .end
        test    al, IDE_FAILED | IDE_FAULT
        jnz     ide_failure
        test    al, IDE_REQUEST
        jz      .complete
        mov     dx, [cs:si + DEVICE.port]
        add     dx, IDE_LBA1
        in      al, dx
        mov     cl, al
        inc     dx
        in      al, dx
        mov     ch, al
        shr     cx, 1
        jz      .complete
        call    ide_read_words
        jmp     .data
.complete:
        clc
.end:   ret
