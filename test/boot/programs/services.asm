; What the firmware's services answer, a line of numbers each: to be the same under every firmware, or what the test says of it.
%include "start.asm"

MARK    equ 0x4f0                       ; the area between programs: says that we have been here before
BUFFER  equ 0x9000

; A line with AX and whether carry was set.
%macro ANSWER 0
        call    answer
%endmacro

program:
        cmp     word [MARK], 0x5e1f
        jne     .first
        LINE    10, "again", 10
        cli
        hlt
.first: LINE    10, "equipment "
        int     0x11
        TELL    ax
        LINE    10, "conventional "
        int     0x12
        TELL    ax
        LINE    10, "extended "
        mov     ah, 0x88
        int     0x15
        ANSWER
        LINE    10, "two sizes "
        mov     ax, 0xe801
        xor     cx, cx
        xor     dx, dx
        int     0x15
        jc      .sizes
        TELL    ax
        TELL    bx
        TELL    cx
        TELL    dx
.sizes: xor     ebx, ebx
.map:   LINE    10, "map "
        mov     eax, 0xe820
        mov     edx, 0x534d4150
        mov     ecx, 24
        mov     di, BUFFER
        int     0x15
        jc      .mapped
        mov     si, BUFFER
        mov     cx, 10
.words: lodsw
        TELL    ax
        loop    .words
        test    ebx, ebx
        jnz     .map
.mapped:
        LINE    10, "bad map "
        mov     eax, 0xe820
        xor     edx, edx
        xor     ebx, ebx
        mov     ecx, 20
        int     0x15
        mov     al, 0
        ANSWER
        LINE    10, "unknown "
        mov     ax, 0xfe00
        int     0x15
        mov     al, 0
        ANSWER
        LINE    10, "configuration "
        mov     ah, 0xc0
        int     0x15
        mov     al, 0
        ANSWER
        TELL    word [es:bx + 2]
        push    ds
        pop     es
        call    block_move
        call    keyboard
        call    clock
        call    disks
        call    serial
        LINE    10, "printer "
        mov     ah, 2
        mov     dx, 3                   ; there are fewer
        int     0x17
        ANSWER
        LINE    10, "bootstrap "
        mov     word [MARK], 0x5e1f
        int     0x19

; AX and carry; keeps all.
answer: pushf
        pusha
        TELL    ax
        popa
        popf
        pushf
        push    ax
        mov     al, '-'
        jnc     .out
        mov     al, 'c'
.out:   out     0xe9, al
        mov     al, ' '
        out     0xe9, al
        pop     ax
        popf
        ret

block_move:
        mov     di, BUFFER
        mov     cx, 512
        mov     ax, 0x1234
.fill:  stosw
        imul    ax, ax, 3
        loop    .fill
        LINE    10, "block up "
        mov     dword [descriptors + 0x12], 0x93000000 | BUFFER
        mov     dword [descriptors + 0x1a], 0x93200000
        call    .move
        mov     byte [BUFFER + 700], 0
        LINE    10, "block down "
        mov     dword [descriptors + 0x12], 0x93200000
        mov     dword [descriptors + 0x1a], 0x93000000 | (BUFFER + 1024)
        call    .move
        mov     ax, [BUFFER + 1024 + 700]
        TELL    ax
        mov     ax, [BUFFER + 1024 + 1022]
        TELL    ax
        ret
.move:  mov     ah, 0x87
        mov     cx, 512
        mov     si, descriptors
        int     0x15
        mov     al, 0
        ANSWER
        ret

keyboard:
        LINE    10, "no key "
        mov     ah, 1
        int     0x16
        call    .zero
        LINE    10, "stored key "
        mov     ah, 5
        mov     cx, 0x1051
        int     0x16
        mov     ah, 0
        ANSWER
        mov     ah, 1
        int     0x16
        call    .zero
        TELL    ax
        mov     ah, 0
        int     0x16
        TELL    ax
        mov     ah, 1
        int     0x16
        call    .zero
        LINE    10, "full buffer "
        mov     bp, 0
.more:  mov     ah, 5
        mov     cx, 0x1e61
        int     0x16
        test    al, al
        jnz     .full
        inc     bp
        cmp     bp, 100
        jb      .more
.full:  TELL    bp
.drain: mov     ah, 1
        int     0x16
        jz      .empty
        mov     ah, 0
        int     0x16
        jmp     .drain
.empty: LINE    10, "typed "
        mov     ah, 0
        int     0x16
        TELL    ax
        mov     ah, 0x10
        int     0x16
        TELL    ax
        mov     ah, 0x10
        int     0x16
        TELL    ax
        LINE    10, "shift held "
.held:  mov     ah, 2
        int     0x16
        test    al, 3
        jz      .held
        mov     ah, 0
        TELL    ax
        ret
.zero:  push    ax
        mov     al, 'z'
        jz      .out
        mov     al, 'n'
.out:   out     0xe9, al
        mov     al, ' '
        out     0xe9, al
        pop     ax
        ret

clock:  LINE    10, "date "
        mov     ah, 4
        int     0x1a
        TELL    cx
        TELL    dx
        LINE    10, "hour "
        mov     ah, 2
        int     0x1a
        mov     al, ch
        mov     ah, 0
        TELL    ax
        LINE    10, "set time "
        mov     ah, 3
        mov     cx, 0x2154
        mov     dx, 0x3200
        int     0x1a
        call    .carry
        mov     ah, 2
        int     0x1a
        TELL    cx
        LINE    10, "set date "
        mov     ah, 5
        mov     cx, 0x2031
        mov     dx, 0x1207
        int     0x1a
        call    .carry
        mov     ah, 4
        int     0x1a
        TELL    cx
        TELL    dx
        LINE    10, "set ticks "
        mov     ah, 1
        mov     cx, 7
        mov     dx, 0x8000
        int     0x1a
        mov     ah, 0
        int     0x1a
        TELL    cx
        mov     al, 0
        and     dx, 0xff00
        TELL    dx
        LINE    10, "ticks go on "
        mov     ah, 0
        int     0x1a
        mov     bp, dx
.tick:  mov     ah, 0
        int     0x1a
        cmp     dx, bp
        je      .tick
        SAY     'y'
        LINE    10, "alarm "
        mov     word [0x4a * 4], rung
        mov     word [0x4a * 4 + 2], 0
        mov     ah, 6
        mov     cx, 0x2154
        mov     dx, 0x3400
        int     0x1a
        call    .carry
        mov     ah, 6                   ; one is set already
        int     0x1a
        call    .carry
.ring:  hlt
        cmp     byte [rings], 0
        je      .ring
        mov     ah, 7
        int     0x1a
        call    .carry
        LINE    10, "event "
        mov     ax, 0x8300
        mov     cx, 0
        mov     dx, 30000
        mov     bx, flag
        int     0x15
        call    .carry
        mov     ax, 0x8300              ; one is waited for
        int     0x15
        call    .carry
.event: hlt
        test    byte [flag], 0x80
        jz      .event
        LINE    10, "waits "
        mov     ah, 0x86
        xor     cx, cx
        mov     dx, 20000
        int     0x15
        call    .carry
        ret
.carry: mov     al, '-'
        jnc     .out
        mov     al, 'c'
.out:   out     0xe9, al
        SAY     ' '
        ret
rung:   inc     byte [cs:rings]
        iret
rings:  db 0
flag:   db 0

disks:  LINE    10, "floppy "
        mov     ah, 0
        mov     dl, 0
        int     0x13
        mov     al, 0
        ANSWER
        mov     ah, 8
        mov     dl, 0
        xor     di, di
        mov     es, di
        int     0x13
        push    ds
        pop     es
        mov     al, 0
        ANSWER
        mov     bh, 0
        TELL    bx
        TELL    cx
        TELL    dx
        LINE    10, "floppy sector "
        mov     ax, 0x0201
        mov     cx, 1
        mov     dx, 0
        mov     bx, BUFFER
        int     0x13
        ANSWER
        TELL    word [BUFFER + 510]
        LINE    10, "floppy beyond "
        mov     ax, 0x0201
        mov     cx, 0x7f01
        mov     dx, 0
        mov     bx, BUFFER
        int     0x13
        call    clock.carry
        LINE    10, "disk "
        mov     ah, 8
        mov     dl, 0x80
        int     0x13
        mov     al, 0
        ANSWER
        TELL    cx
        TELL    dx
        push    ds
        pop     es
        LINE    10, "disk kind "
        mov     ah, 0x15
        mov     dl, 0x80
        int     0x13
        mov     al, 0
        ANSWER
        TELL    cx
        TELL    dx
        LINE    10, "extensions "
        mov     ah, 0x41
        mov     bx, 0x55aa
        mov     dl, 0x80
        int     0x13
        call    clock.carry
        TELL    bx
        and     cx, 1
        TELL    cx
        LINE    10, "parameters "
        mov     word [BUFFER], 26
        mov     ah, 0x48
        mov     dl, 0x80
        mov     si, BUFFER
        int     0x13
        mov     al, 0
        ANSWER
        TELL    word [BUFFER + 16]
        TELL    word [BUFFER + 18]
        TELL    word [BUFFER + 24]
        LINE    10, "extended write and read "
        mov     word [BUFFER], 0xc0de
        mov     word [BUFFER + 510], 0xfeed
        mov     ax, 0x4300
        mov     dl, 0x80
        mov     si, packet
        int     0x13
        mov     al, 0
        ANSWER
        mov     ax, 0x0201              ; block 63 * 16 + 2 is cylinder 1, head 0, sector 3
        mov     cx, 0x0103
        mov     dx, 0x80
        mov     bx, BUFFER + 512
        int     0x13
        ANSWER
        TELL    word [BUFFER + 512]
        TELL    word [BUFFER + 1022]
        LINE    10, "beyond the end "
        mov     dword [packet + 8], 0x00ffffff
        mov     ah, 0x42
        mov     dl, 0x80
        mov     si, packet
        int     0x13
        call    clock.carry
        LINE    10, "no such disk "
        mov     ax, 0x0201
        mov     cx, 1
        mov     dx, 0x87
        mov     bx, BUFFER
        int     0x13
        call    clock.carry
        LINE    10, "unknown disk service "
        mov     ah, 0xee
        mov     dl, 0x80
        int     0x13
        mov     al, 0
        ANSWER
        ret

serial: LINE    10, "serial "
        mov     ax, 0x00e3              ; 9600 baud, 8 bits, no parity
        xor     dx, dx
        int     0x14
        and     ah, 0x9e                ; without what depends on the moment
        mov     al, 0
        TELL    ax
        mov     ax, 0x0156              ; 'V'
        int     0x14
        and     ah, 0x80
        TELL    ax
        LINE    10, "received "
.look:  mov     ah, 3
        int     0x14
        test    ah, 1
        jz      .look
        mov     ah, 2
        int     0x14
        and     ah, 0x80
        TELL    ax
        LINE    10, "no such port "
        mov     ah, 3
        mov     dx, 3
        int     0x14
        mov     al, 0
        and     ah, 0x80
        TELL    ax
        ret

        align   8
packet: db      16, 0
        dw      1, BUFFER, 0
        dd      1010, 0
; For the block move: a null entry, the table itself, source, destination, and two for the firmware.
descriptors:
        times   16 db 0
        dw      0xffff, 0, 0x9300, 0
        dw      0xffff, 0, 0x9300, 0
        times   16 db 0
program_end:
        times   (($ - $$ + 511) / 512) * 512 - ($ - $$) db 0
