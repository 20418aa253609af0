; Asks the VGA BIOS for everything VBE has, and tells what it answers.
%include "start.asm"

%macro VBE 1
        mov     ax, 0x4f00 + %1
        int     0x10
%endmacro

INFORMATION equ 0x9000
MODE        equ 0x9400
BUFFER      equ 0xa000

program:
        cld
        LINE    "controller "
        mov     di, INFORMATION
        mov     dword [di], "VBE2"
        VBE     0
        TELL    ax
        TELL    word [INFORMATION + 2]  ; "SA"
        TELL    word [INFORMATION + 4]
        TELL    word [INFORMATION + 18]
        lfs     si, [INFORMATION + 6]
.oem:   mov     al, [fs:si]
        inc     si
        out     0xe9, al
        test    al, al
        jnz     .oem

        LINE    10, "modes "
        lfs     si, [INFORMATION + 14]
        xor     bx, bx                  ; how many
        xor     bp, bp                  ; the last of 2560x1600x32
.mode:  mov     cx, [fs:si]
        add     si, 2
        cmp     cx, -1
        je      .modes_end
        inc     bx
        mov     di, MODE
        VBE     1
        cmp     ax, 0x4f
        jne     .bad
        cmp     word [MODE + 18], 2560
        jne     .mode
        cmp     word [MODE + 20], 1600
        jne     .mode
        cmp     byte [MODE + 25], 32
        jne     .mode
        mov     bp, cx
        mov     [largest], cx
        jmp     .mode
.bad:   LINE    "bad "
        TELL    cx
        jmp     .mode
.modes_end:
        test    bp, bp
        jnz     .large
        LINE    "none is 2560x1600x32 "
.large: cmp     bx, 40
        ja      .many
        TELL    bx
.many:  LINE    "end", 10

        LINE    "640x480x32 "
        mov     di, MODE
        mov     cx, 0x142
        VBE     1
        TELL    ax
        TELL    word [MODE]             ; attributes
        TELL    word [MODE + 16]        ; pitch
        TELL    word [MODE + 18]
        TELL    word [MODE + 20]
        TELL    word [MODE + 24]        ; planes, bits
        TELL    word [MODE + 31]        ; red
        TELL    word [MODE + 33]
        TELL    word [MODE + 35]
        TELL    word [MODE + 37]
        TELL    word [MODE + 50]
        cmp     dword [MODE + 40], 0x100000
        ja      .placed
        LINE    "no frame buffer "
.placed:
        LINE    10, "no such mode "
        mov     cx, 0x1f7
        VBE     1
        TELL    ax
        mov     bx, 0x1f7
        VBE     2
        TELL    ax
        mov     bx, 0x4101              ; and a linear frame buffer where that is
        VBE     2
        TELL    ax
        VBE     3
        TELL    ax
        TELL    bx

        LINE    10, "windows "
        mov     bx, 0
        mov     dx, 1
        VBE     5                       ; not in a linear mode
        TELL    ax
        mov     bx, 0x0101
        VBE     2
        TELL    ax
        VBE     3
        TELL    bx
        push    word 0xa000
        pop     es
        mov     bx, 0
        mov     dx, 3
        VBE     5
        TELL    ax
        mov     word [es:0x1234], 0x5678
        mov     bx, 0
        mov     dx, 2
        VBE     5
        mov     word [es:0x1234], 0x1111
        mov     bx, 0
        mov     dx, 3
        push    cs
        call    window_far
        TELL    word [es:0x1234]
        mov     bx, 0x100
        VBE     5
        TELL    ax
        TELL    dx
        mov     bx, 1
        VBE     5                       ; there is no window B
        TELL    ax
        mov     bx, 0
        mov     dx, 0x7fff
        VBE     5                       ; nor so much memory
        TELL    ax
        push    word 0
        pop     es

        LINE    10, "lines "
        mov     bx, 1
        VBE     6
        TELL    ax
        TELL    bx
        TELL    cx
        mov     bx, 0
        mov     cx, 1024
        VBE     6
        TELL    ax
        TELL    bx
        TELL    cx
        mov     bx, 2
        mov     cx, 801
        VBE     6
        TELL    ax
        TELL    bx
        TELL    cx

        LINE    10, "start "
        mov     bx, 0
        mov     cx, 16
        mov     dx, 100
        VBE     7
        TELL    ax
        mov     bx, 1
        VBE     7
        TELL    ax
        TELL    cx
        TELL    dx
        mov     bx, 0x80                ; waits for the retrace
        mov     cx, 0
        mov     dx, 0
        VBE     7
        TELL    ax
        mov     bx, 0
        mov     cx, 0
        mov     dx, 0xfff0
        VBE     7
        TELL    ax

        LINE    10, "palette "
        mov     bx, 0x0800
        VBE     8
        TELL    ax
        TELL    bx
        mov     di, colours
        mov     bx, 0
        mov     cx, 2
        mov     dx, 7
        VBE     9
        TELL    ax
        mov     di, BUFFER
        mov     bx, 1
        mov     cx, 2
        mov     dx, 7
        VBE     9
        TELL    ax
        TELL    word [BUFFER]
        TELL    word [BUFFER + 2]
        TELL    word [BUFFER + 4]
        mov     bx, 0x0600
        VBE     8
        TELL    bx
        mov     bx, 1
        VBE     8
        TELL    bx
        mov     bx, 0x0002
        mov     cx, 1
        VBE     9                       ; no second palette
        TELL    ax

        LINE    10, "state "
        mov     dx, 0
        mov     cx, 15
        VBE     4
        TELL    ax
        mov     bx, BUFFER
        mov     dx, 1
        mov     cx, 15
        VBE     4
        TELL    ax
        mov     word [0xb800], 0        ; what the mode set must not take along
        mov     bx, 3
        VBE     2
        TELL    ax
        VBE     3
        TELL    bx
        mov     bx, BUFFER
        mov     dx, 2
        mov     cx, 15
        VBE     4
        TELL    ax
        VBE     3
        TELL    bx
        mov     bx, 1
        VBE     6
        TELL    cx
        push    word 0xa000
        pop     es
        TELL    word [es:0x1234]
        push    word 0
        pop     es

        LINE    10, "kept "
        mov     bx, 0x8101
        VBE     2
        TELL    ax
        mov     bx, 0
        mov     dx, 3
        VBE     5
        push    word 0xa000
        pop     es
        TELL    word [es:0x1234]
        push    word 0
        pop     es
        mov     bx, 0x0101
        VBE     2
        mov     bx, 0
        mov     dx, 3
        VBE     5
        push    word 0xa000
        pop     es
        TELL    word [es:0x1234]
        push    word 0
        pop     es

        LINE    10, "protected "
        mov     bx, 0
        VBE     0x0a
        TELL    ax
        mov     al, [es:di]             ; the table's first offset is beyond its four words
        cmp     word [es:di], 8
        jae     .offset
        LINE    "no table "
.offset:
        push    word 0
        pop     es

        LINE    10, "display "
        mov     bx, 0
        xor     cx, cx
        VBE     0x15
        TELL    ax
        TELL    bx
        mov     di, BUFFER
        mov     bx, 1
        xor     cx, cx
        xor     dx, dx
        VBE     0x15
        TELL    ax
        mov     si, BUFFER
        mov     cx, 64
.edid:  lodsw
        xchg    al, ah
        TELL    ax
        loop    .edid
        LINE    10, "largest "
        mov     bx, [largest]
        or      bx, 0x4000              ; with the linear frame buffer
        VBE     2
        TELL    ax
        VBE     3
        and     bx, 0x3fff
        sub     bx, [largest]
        TELL    bx
        mov     bx, 1
        VBE     6
        TELL    bx                      ; bytes of a line
        TELL    cx
        mov     ax, 3
        int     0x10
        LINE    10, "end", 10
        cli
        hlt

window_far:
        jmp     far [MODE + 12]

largest:
        dw      0
colours:
        db 0x11, 0x22, 0x33, 0, 0xff, 0x80, 0x01, 0
program_end:
        times 4096 - ($ - $$) db 0
