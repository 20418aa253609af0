; Gives commands to the first IDE disk at its ports, and tells a line for each: command, status, error, count, address registers, device;
; then how many blocks it gave or took, and the first word of each.
%include "start.asm"

BASE    equ 0x1f0
CONTROL equ 0x3f6

; Features, count, LBA low, mid and high, device, command, then what comes: 0 nothing, 1 data to us, 2 data from us.
%macro COMMAND 8
        db %1, %2, %3, %4, %5, %6, %7, %8
%endmacro
NOTHING equ 0
FROM_DISK equ 1
TO_DISK equ 2
LBA     equ 0xe0
CHS     equ 0xa0

commands:
        COMMAND 0, 0, 0, 0, 0, LBA, 0x00, NOTHING               ; NOP
        COMMAND 0, 1, 5, 0, 0, LBA, 0x20, FROM_DISK                    ; read
        COMMAND 0, 3, 6, 0, 0, LBA, 0x21, FROM_DISK
        COMMAND 0, 1, 0, 0x10, 0, LBA, 0x20, FROM_DISK                 ; right behind the last sector
        COMMAND 0, 4, 0xfe, 0x0f, 0, LBA, 0x20, FROM_DISK              ; across the end
        COMMAND 0, 1, 0, 0, 0x40, LBA + 1, 0x20, FROM_DISK             ; far away
        COMMAND 0, 1, 1, 0, 0, CHS, 0x20, FROM_DISK                    ; CHS
        COMMAND 0, 2, 63, 0, 0, CHS + 2, 0x20, FROM_DISK
        COMMAND 0, 1, 0, 0, 0, CHS, 0x20, FROM_DISK                    ; there is no sector 0
        COMMAND 0, 5, 9, 0, 0, LBA, 0xc4, FROM_DISK                    ; multiple, not set yet
        COMMAND 0, 3, 0, 0, 0, LBA, 0xc6, NOTHING               ; no power of two
        COMMAND 0, 4, 0, 0, 0, LBA, 0xc6, NOTHING
        COMMAND 0, 6, 9, 0, 0, LBA, 0xc4, FROM_DISK
        COMMAND 0, 0, 0, 0, 0, LBA, 0xc6, NOTHING
        COMMAND 0, 2, 7, 0, 0, LBA, 0x40, NOTHING               ; verify
        COMMAND 0, 1, 0, 0, 0, LBA, 0x10, NOTHING               ; recalibrate
        COMMAND 0, 0, 0, 0, 0, LBA, 0xf8, NOTHING               ; native maximum
        COMMAND 0, 0, 0, 0, 0, LBA, 0xe7, NOTHING               ; flush
        COMMAND 0, 0, 0, 0, 0, LBA, 0xea, NOTHING
        COMMAND 0x02, 0, 0, 0, 0, LBA, 0xef, NOTHING            ; write cache on
        COMMAND 0x82, 0, 0, 0, 0, LBA, 0xef, NOTHING
        COMMAND 0x03, 0x0c, 0, 0, 0, LBA, 0xef, NOTHING         ; PIO 4
        COMMAND 0x03, 0x45, 0, 0, 0, LBA, 0xef, NOTHING         ; Ultra DMA 5
        COMMAND 0x99, 0, 0, 0, 0, LBA, 0xef, NOTHING            ; no such feature
        COMMAND 0, 0, 0, 0, 0, LBA, 0xe5, NOTHING               ; check power
        COMMAND 0, 0, 0, 0, 0, LBA, 0xa0, FROM_DISK                    ; it takes no packets
        COMMAND 0, 0, 0, 0, 0, LBA, 0xa1, FROM_DISK
        COMMAND 0, 0, 0, 0, 0, LBA, 0xfe, NOTHING               ; no such command
        COMMAND 0, 2, 40, 0, 0, LBA, 0x30, TO_DISK                  ; write
        COMMAND 0, 3, 39, 0, 0, LBA, 0x20, FROM_DISK
        COMMAND 0, 2, 0, 0, 0, LBA, 0xc6, NOTHING
        COMMAND 0, 3, 50, 0, 0, LBA, 0xc5, TO_DISK                  ; write multiple
        COMMAND 0, 4, 50, 0, 0, LBA, 0xc4, FROM_DISK
        COMMAND 0, 1, 0, 0x10, 0, LBA, 0x30, TO_DISK                ; behind the end
        COMMAND 0, 0, 0, 0, 0, LBA, 0xec, FROM_DISK                    ; identify
commands_end:

program:
        mov     al, 2
        mov     dx, CONTROL
        out     dx, al                  ; no interrupts
        mov     si, commands
.next:  mov     dx, BASE + 6
        mov     al, [si + 5]
        out     dx, al
        call    wait_ready
        mov     di, si
        mov     dx, BASE + 1
        mov     cx, 5
.register:
        mov     al, [di]
        out     dx, al
        inc     di
        inc     dx
        loop    .register
        mov     dx, BASE + 7
        mov     al, [si + 6]
        xor     ah, ah
        TELL    ax
        out     dx, al
        xor     bp, bp                  ; blocks
        mov     bx, firsts
.data:  call    wait_ready
        mov     dx, BASE + 7
        in      al, dx
        test    al, 8
        jz      .done
        inc     bp
        mov     dx, BASE
        mov     cx, 256
        cmp     byte [si + 7], TO_DISK
        je      .out
        in      ax, dx
        mov     [bx], ax
        dec     cx
.in:    in      ax, dx
        loop    .in
        jmp     .more
.out:   mov     ax, bp
        or      ax, 0xbe00
        mov     [bx], ax
.out_word:
        out     dx, ax
        loop    .out_word
.more:  add     bx, 2
        cmp     bp, 20
        jb      .data
.done:  mov     dx, BASE + 7
        in      al, dx
        and     al, ~2 & 0xff           ; the index is nobody's
        xor     ah, ah
        TELL    ax
        mov     dx, BASE + 1
        in      al, dx
        TELL    ax
        inc     dx
.tell:  in      al, dx
        TELL    ax
        inc     dx
        cmp     dx, BASE + 6
        jbe     .tell
        TELL    bp
        mov     di, firsts
.first: cmp     di, bx
        jae     .told
        cmp     byte [si + 6], 0xec     ; what a disk says of itself is its own
        je      .told
        TELL    word [di]
        add     di, 2
        jmp     .first
.told:  SAY     10
        add     si, 8
        cmp     si, commands_end
        jb      .next
        ; Nobody is there.
        mov     dx, BASE + 6
        mov     al, 0xb0
        out     dx, al
        inc     dx
        in      al, dx
        xor     ah, ah
        LINE    "absent "
        TELL    ax
        LINE    10, "end", 10
        cli
        hlt

; Not for ever.
wait_ready:
        push    cx
        mov     dx, CONTROL
        mov     cx, 15
.settle:
        in      al, dx
        loop    .settle
        xor     ecx, ecx
        mov     ecx, 3000000
.busy:  in      al, dx
        test    al, 0x80
        a32 loopnz .busy
        pop     cx
        ret
firsts: times 24 dw 0
program_end:
        times 2048 - ($ - $$) db 0
