; Pictures of the VGA, one after the other: each announces itself by a letter on the debug console and waits for a key.
%include "start.asm"

%macro SCENE 1
        SAY     %1
        call    wait_key
%endmacro

%macro REGISTER 3               ; port, index, value
        mov     dx, %1
        mov     ax, %2 + (%3 << 8)
        out     dx, ax
%endmacro

SEQUENCER       equ 0x3c4
GRAPHICS        equ 0x3ce
CRTC            equ 0x3d4

program:
        cld
        ; A: characters in all attributes, without blinking. (QEMU's ninth dot copies the eighth of B0 to BF as well.)
        mov     ax, 3
        int     0x10
        call    steady
        push    word 0xb800
        pop     es
        xor     di, di
        xor     ax, ax
.cell:  push    ax
        call    plain
        stosw
        pop     ax
        add     ax, 0x0301              ; another attribute for each
        cmp     di, 80 * 25 * 2
        jb      .cell
        SCENE   'A'
        ; B: a second font for characters with attribute bit 3, from block 1; the cursor as a block in line 5.
        mov     ax, 0x1102
        mov     bl, 1
        int     0x10
        mov     ax, 0x1103
        mov     bl, 0x04                ; without bit 3 block 0, with it block 1
        int     0x10
        SCENE   'B'
        ; C: 50 lines of 8x8.
        mov     ax, 3
        int     0x10
        mov     ax, 0x1112
        mov     bl, 0
        int     0x10
        call    steady
        push    word 0xb800
        pop     es
        xor     di, di
        mov     ax, 0x1f00
.small: push    ax
        call    plain
        stosw
        pop     ax
        inc     al
        add     ah, 0x11
        cmp     di, 80 * 50 * 2
        jb      .small
        SCENE   'C'
        ; D: 16 colours in 320x200: write modes and functions of the graphics controller.
        mov     ax, 0x0d
        int     0x10
        call    planes
        SCENE   'D'
        ; E: the same in 640x200, F: in 640x350, G: in 640x480.
        mov     ax, 0x0e
        int     0x10
        call    planes
        SCENE   'E'
        mov     ax, 0x10
        int     0x10
        call    planes
        SCENE   'F'
        mov     ax, 0x12
        int     0x10
        call    planes
        SCENE   'G'
        ; H: other palette registers, and only some planes shown.
        mov     ax, 0x1000
        mov     bx, 0x3a05
        int     0x10
        mov     bx, 0x0709
        mov     ax, 0x1000
        int     0x10
        mov     bx, 0x0d12              ; colour plane enable
        mov     ax, 0x1000
        int     0x10
        SCENE   'H'
        ; I: 64 colours in pages of 16: page 2 of the DAC is red.
        mov     bx, 0x0f12
        mov     ax, 0x1000
        int     0x10
        mov     ax, 0x1013
        mov     bx, 0x0100
        int     0x10
        mov     ax, 0x1013
        mov     bx, 0x0201
        int     0x10
        mov     bx, 32
        mov     cx, 16
.dac:   push    cx
        mov     ax, 0x1010
        mov     dh, bl
        add     dh, dh
        and     dh, 0x3f
        mov     ch, 0
        mov     cl, bl
        int     0x10
        inc     bx
        pop     cx
        loop    .dac
        SCENE   'I'
        ; J: 256 colours.
        mov     ax, 0x13
        int     0x10
        push    word 0xa000
        pop     es
        xor     di, di
.linear:
        mov     ax, di
        xor     al, ah
        stosb
        cmp     di, 64000
        jb      .linear
        SCENE   'J'
        ; L: 320x240 with planes of pixels (mode X), written through the map mask.
        call    mode_x
        SCENE   'L'
        ; M: another start, N: and a split.
        REGISTER CRTC, 0x0c, 0x3f
        REGISTER CRTC, 0x0d, 0x28
        SCENE   'M'
        mov     cx, 2 * 150 - 1
        mov     dx, CRTC
        mov     al, 0x18
        mov     ah, cl
        out     dx, ax
        mov     al, 0x07
        out     dx, al
        inc     dx
        in      al, dx
        and     al, ~0x10 & 0xff
        or      al, 0x10                ; bit 8 of 299
        out     dx, al
        dec     dx
        mov     al, 0x09
        out     dx, al
        inc     dx
        in      al, dx
        and     al, ~0x40 & 0xff
        out     dx, al
        SCENE   'N'
        ; O: CGA's four colours, P: the other palette, Q: two colours.
        mov     ax, 4
        int     0x10
        call    cga
        SCENE   'O'
        mov     ax, 0x0b00
        mov     bx, 0x0100
        int     0x10
        mov     ax, 0x0b00
        mov     bx, 0x0011
        int     0x10
        SCENE   'P'
        mov     ax, 6
        int     0x10
        call    cga
        SCENE   'Q'
        ; R: lines longer than the screen, in 16 colours, from the middle.
        mov     ax, 0x0d
        int     0x10
        REGISTER CRTC, 0x13, 40
        REGISTER CRTC, 0x0c, 0x02
        REGISTER CRTC, 0x0d, 0x13
        call    planes
        SCENE   'R'
        ; S: text drawn by INT 10h in 16 colours, with exclusive or, and scrolled.
        mov     ax, 0x12
        int     0x10
        call    letters
        mov     ax, 0x0602
        mov     bh, 0x04
        mov     cx, 0x0208
        mov     dx, 0x0b30
        int     0x10
        SCENE   'S'
        ; T: the same in 256 colours.
        mov     ax, 0x13
        int     0x10
        call    letters
        mov     ax, 0x0701
        mov     bh, 0x21
        mov     cx, 0x0104
        mov     dx, 0x0a20
        int     0x10
        SCENE   'T'
        ; U: and in four.
        mov     ax, 4
        int     0x10
        call    letters
        mov     ax, 0x0601
        mov     bh, 0x02
        mov     cx, 0x0104
        mov     dx, 0x0a20
        int     0x10
        SCENE   'U'
        ; V to Z: VBE, 8, 15, 16, 24 and 32 bits, from another start.
        mov     bx, 0x101
        call    vbe
        SCENE   'V'
        mov     bx, 0x110
        call    vbe
        SCENE   'W'
        mov     bx, 0x111
        call    vbe
        SCENE   'X'
        mov     bx, 0x112
        call    vbe
        SCENE   'Y'
        mov     bx, 0x142
        call    vbe
        SCENE   'Z'
        mov     ax, 3
        int     0x10
        LINE    10, "end", 10
        cli
        hlt

; AL in B0 to BF becomes a space.
plain:  cmp     al, 0xb0
        jb      .end
        cmp     al, 0xbf
        ja      .end
        mov     al, ' '
.end:   ret

wait_key:
        xor     ah, ah
        int     0x16
        ret

; No blinking, no cursor.
steady: mov     ax, 0x1003
        mov     bl, 0
        int     0x10
        mov     ah, 1
        mov     cx, 0x2000
        int     0x10
        ret

; Fills all planes with every write mode and function.
planes: push    word 0xa000
        pop     es
        ; Write mode 0, plane by plane: stripes.
        mov     bl, 1
.plane: mov     dx, SEQUENCER
        mov     al, 2
        mov     ah, bl
        out     dx, ax
        xor     di, di
        mov     al, bl
        mov     cx, 0x8000
.stripe:
        stosb
        add     al, bl
        ror     al, 1
        loop    .stripe
        add     bl, bl
        cmp     bl, 16
        jb      .plane
        REGISTER SEQUENCER, 2, 0x0f
        ; Set/reset with a bit mask, rotated data, and, or, xor with the latches.
        mov     bl, 0
.function:
        REGISTER GRAPHICS, 0, 0x06
        REGISTER GRAPHICS, 1, 0x0a
        REGISTER GRAPHICS, 8, 0x7e
        mov     dx, GRAPHICS
        mov     al, 3
        mov     ah, bl
        shl     ah, 3
        or      ah, 3                   ; by three bits
        out     dx, ax
        movzx   di, bl
        imul    di, 800
        add     di, 400
        mov     cx, 300
.byte:  mov     al, [es:di]
        mov     ax, di
        stosb
        loop    .byte
        inc     bl
        cmp     bl, 4
        jb      .function
        ; Write mode 2 under the mask, write mode 3, and copies by write mode 1.
        REGISTER GRAPHICS, 0, 0x09
        REGISTER GRAPHICS, 1, 0
        REGISTER GRAPHICS, 3, 0
        REGISTER GRAPHICS, 8, 0x3c
        REGISTER GRAPHICS, 5, 2
        mov     di, 4000
        mov     cx, 500
.colour:
        mov     al, [es:di]
        mov     ax, di
        stosb
        loop    .colour
        REGISTER GRAPHICS, 5, 3
        mov     cx, 500
.mode3: mov     al, [es:di]
        mov     ax, di
        stosb
        loop    .mode3
        REGISTER GRAPHICS, 8, 0xff
        REGISTER GRAPHICS, 5, 1
        push    ds
        push    es
        pop     ds
        mov     si, 4200
        mov     di, 6000
        mov     cx, 900
        rep movsb
        pop     ds
        ; What read mode 1 finds, in plane 0.
        REGISTER GRAPHICS, 5, 8
        REGISTER GRAPHICS, 2, 5
        REGISTER GRAPHICS, 7, 0x0d
        mov     si, 0
        mov     di, 7200
        mov     cx, 400
.compare:
        push    cx
        REGISTER GRAPHICS, 5, 8
        mov     al, [es:si]
        push    ax
        REGISTER GRAPHICS, 5, 0
        pop     ax
        mov     [es:di], al
        inc     si
        inc     di
        pop     cx
        loop    .compare
        REGISTER GRAPHICS, 5, 0
        ret

mode_x: mov     ax, 0x13
        int     0x10
        REGISTER SEQUENCER, 4, 0x06     ; not chained
        REGISTER SEQUENCER, 0, 0x01
        mov     dx, 0x3c2
        mov     al, 0xe3
        out     dx, al
        REGISTER SEQUENCER, 0, 0x03
        REGISTER CRTC, 0x11, 0x0e
        REGISTER CRTC, 0x06, 0x0d
        REGISTER CRTC, 0x07, 0x3e
        REGISTER CRTC, 0x10, 0xea
        REGISTER CRTC, 0x11, 0xac
        REGISTER CRTC, 0x12, 0xdf
        REGISTER CRTC, 0x15, 0xe7
        REGISTER CRTC, 0x16, 0x06
        REGISTER CRTC, 0x14, 0x00
        REGISTER CRTC, 0x17, 0xe3
        push    word 0xa000
        pop     es
        mov     bl, 1
.plane: mov     dx, SEQUENCER
        mov     al, 2
        mov     ah, bl
        out     dx, ax
        xor     di, di
        xor     cx, cx
.byte:  mov     ax, di
        shr     ax, 4
        add     al, bl
        stosb
        loop    .byte
        add     bl, bl
        cmp     bl, 16
        jb      .plane
        ret

cga:    push    word 0xb800
        pop     es
        xor     di, di
.byte:  mov     ax, di
        imul    ax, 7
        xor     al, ah
        stosb
        cmp     di, 0x4000
        jb      .byte
        ret

letters:
        xor     dx, dx
        mov     cx, 200
        mov     bl, 1
.next:  mov     ah, 2
        mov     bh, 0
        int     0x10
        push    cx
        mov     al, cl
        mov     ah, 9
        mov     cx, 1
        int     0x10
        pop     cx
        inc     bl
        add     dl, 3
        cmp     dl, 38
        jb      .same
        sub     dl, 38
        inc     dh
.same:  loop    .next
        ; Over them, with exclusive or.
        mov     dx, 0x0104
        mov     ah, 2
        int     0x10
        mov     ax, 0x09db
        mov     bl, 0x83
        mov     cx, 20
        int     0x10
        ; Pixels of every colour.
        mov     cx, 300
        mov     dx, 10
.pixel: mov     ah, 0x0c
        mov     al, cl
        int     0x10
        mov     al, [bit]
        add     dx, 3
        cmp     dx, 150
        jb      .on
        sub     dx, 140
.on:    loop    .pixel
        ret
bit:    db 0

; Mode BX with a pattern through the window, longer lines and another start.
vbe:    mov     ax, 0x4f02
        int     0x10
        mov     ax, 0x4f06
        mov     bx, 0
        mov     cx, 704
        int     0x10
        push    word 0xa000
        pop     es
        mov     bp, 0                   ; the bank
.bank:  mov     ax, 0x4f05
        xor     bx, bx
        mov     dx, bp
        int     0x10
        cmp     ax, 0x4f
        jne     .filled
        xor     di, di
.word:  mov     ax, di
        imul    ax, 0x1235
        add     ax, bp
        mov     [es:di], ax
        add     di, 2
        jnz     .word
        inc     bp
        cmp     bp, 22
        jb      .bank
.filled:
        mov     ax, 0x4f07
        xor     bx, bx
        mov     cx, 24
        mov     dx, 7
        int     0x10
        ret
program_end:
        times 4096 - ($ - $$) db 0
