; INT 10h, AH = 0Bh and 10h: attribute controller and DAC; and the DAC of each mode.

; AH = 0Bh: BH = 0: border BL (in text modes), background and intensity (in mode 4); BH = 1: CGA's palette BL.
video_cga_palette:
        mov     cl, [bp + F_BL]
        cmp     byte [bp + F_BH], 0
        je      .background
        cmp     byte [bp + F_BH], 1
        jne     leave_service
        ; Entries 1 to 3: green, red, brown or cyan, magenta, white; bit 4 is their intensity.
        mov     bl, 1
        and     byte [BDA_CRT_PALETTE], ~0x20 & 0xff
        and     cl, 1
        jz      .entry
        or      byte [BDA_CRT_PALETTE], 0x20
.entry: call    read_attribute
        and     bh, 0x10
        mov     al, bl
        add     al, al
        add     al, cl
        or      bh, al
        call    write_attribute
        inc     bl
        cmp     bl, 4
        jb      .entry
        jmp     leave_service
.background:
        mov     al, [BDA_CRT_PALETTE]
        and     al, 0xe0
        mov     ah, cl
        and     ah, 0x1f
        or      al, ah
        mov     [BDA_CRT_PALETTE], al
        mov     bh, cl
        and     bh, 0x0f
        test    bh, 8
        jz      .dark
        add     bh, 8                   ; bright colours begin at 10h
.dark:  mov     bl, 0x11
        call    write_attribute
        call    mode_kind
        cmp     al, KIND_CGA4
        jb      leave_service
        mov     bl, 0
        call    write_attribute
        and     cl, 0x10
        mov     bl, 1
.intensity:
        call    read_attribute
        and     bh, ~0x10 & 0xff
        or      bh, cl
        call    write_attribute
        inc     bl
        cmp     bl, 4
        jb      .intensity
        jmp     leave_service

; AH = 10h.
palette_functions:
        dw video_palette.one, video_palette.overscan, video_palette.all, video_palette.blink
        dw leave_service, leave_service, leave_service, video_palette.read_one
        dw video_palette.read_overscan, video_palette.read_all, leave_service, leave_service
        dw leave_service, leave_service, leave_service, leave_service
        dw video_palette.dac_one, leave_service, video_palette.dac_block, video_palette.page
        dw leave_service, video_palette.dac_read, leave_service, video_palette.dac_read_block
        dw video_palette.mask, video_palette.read_mask, video_palette.read_page, video_palette.greys
video_palette:
        mov     al, [bp + F_AL]
        DISPATCH palette_functions, 0x1b
        jmp     leave_service
.one:   mov     bx, [bp + F_BX]
        cmp     bl, 0x14
        ja      leave_service
        call    write_attribute
        jmp     leave_service
.overscan:
        mov     bl, 0x11
        mov     bh, [bp + F_BH]
        call    write_attribute
        jmp     leave_service
.all:   mov     es, [bp + F_ES]
        mov     si, [bp + F_DX]
        xor     bl, bl
.next:  mov     bh, [es:si]
        call    write_attribute
        inc     si
        inc     bl
        cmp     bl, 16
        jb      .next
        mov     bl, 0x11
        mov     bh, [es:si]
        call    write_attribute
        jmp     leave_service
.blink: mov     bl, 0x10
        call    read_attribute
        and     bh, ~8 & 0xff
        test    byte [bp + F_BL], 1
        jz      .steady
        or      bh, 8
.steady:
        call    write_attribute
        jmp     leave_service
.read_one:
        mov     bl, [bp + F_BL]
        jmp     .answer_bh
.read_overscan:
        mov     bl, 0x11
.answer_bh:
        call    read_attribute
        mov     [bp + F_BH], bh
        jmp     leave_service
.read_all:
        mov     es, [bp + F_ES]
        mov     di, [bp + F_DX]
        xor     bl, bl
.next_read:
        call    read_attribute
        mov     [es:di], bh
        inc     di
        inc     bl
        cmp     bl, 16
        jb      .next_read
        mov     bl, 0x11
        call    read_attribute
        mov     [es:di], bh
        jmp     leave_service
.dac_one:
        mov     dx, PORT_DAC_WRITE
        mov     al, [bp + F_BL]
        out     dx, al
        inc     dx
        mov     al, [bp + F_DH]
        out     dx, al
        mov     al, [bp + F_CH]
        out     dx, al
        mov     al, [bp + F_CL]
        out     dx, al
        jmp     leave_service
.dac_block:
        mov     dx, PORT_DAC_WRITE
        mov     al, [bp + F_BL]
        out     dx, al
        inc     dx
        mov     si, [bp + F_DX]
        mov     cx, [bp + F_CX]
        imul    cx, 3
        mov     ds, [bp + F_ES]
        rep outsb
        jmp     leave_service
.dac_read:
        mov     dx, PORT_DAC_READ
        mov     al, [bp + F_BL]
        out     dx, al
        mov     dx, PORT_DAC
        in      al, dx
        mov     [bp + F_DH], al
        in      al, dx
        mov     [bp + F_CH], al
        in      al, dx
        mov     [bp + F_CL], al
        jmp     leave_service
.dac_read_block:
        mov     dx, PORT_DAC_READ
        mov     al, [bp + F_BL]
        out     dx, al
        mov     dx, PORT_DAC
        mov     di, [bp + F_DX]
        mov     cx, [bp + F_CX]
        imul    cx, 3
        mov     es, [bp + F_ES]
        rep insb
        jmp     leave_service
; BL = 0: BH chooses 4 pages of 64 registers or 16 of 16; BL = 1: BH is the page.
.page:  mov     bl, 0x10
        call    read_attribute
        mov     cl, [bp + F_BH]
        cmp     byte [bp + F_BL], 0
        jne     .select
        and     bh, 0x7f
        shl     cl, 7
        or      bh, cl
        call    write_attribute
        jmp     leave_service
.select:
        test    bh, 0x80
        jnz     .sixteen
        shl     cl, 2
.sixteen:
        mov     bh, cl
        and     bh, 0x0f
        mov     bl, 0x14
        call    write_attribute
        jmp     leave_service
.mask:  mov     dx, PORT_DAC_MASK
        mov     al, [bp + F_BL]
        out     dx, al
        jmp     leave_service
.read_mask:
        mov     dx, PORT_DAC_MASK
        in      al, dx
        mov     [bp + F_BL], al
        jmp     leave_service
.read_page:
        mov     bl, 0x10
        call    read_attribute
        mov     cl, bh
        shr     cl, 7
        mov     [bp + F_BL], cl
        mov     bl, 0x14
        call    read_attribute
        test    cl, cl
        jnz     .sixteen_read
        shr     bh, 2
.sixteen_read:
        mov     [bp + F_BH], bh
        jmp     leave_service
; CX registers from BX on become grey: 30 % red, 59 % green, 11 % blue.
.greys: mov     bx, [bp + F_BX]
        mov     si, [bp + F_CX]
.grey:  test    si, si
        jz      leave_service
        mov     dx, PORT_DAC_READ
        mov     al, bl
        out     dx, al
        mov     dx, PORT_DAC
        in      al, dx
        mov     ah, 77
        mul     ah
        mov     cx, ax
        in      al, dx
        mov     ah, 151
        mul     ah
        add     cx, ax
        in      al, dx
        mov     ah, 28
        mul     ah
        add     cx, ax
        add     cx, 0x80
        mov     dx, PORT_DAC_WRITE
        mov     al, bl
        out     dx, al
        inc     dx
        mov     al, ch
        out     dx, al
        out     dx, al
        out     dx, al
        inc     bx
        dec     si
        jmp     .grey

; The next write to the attribute controller is an index. Changes AL, DX.
reset_attribute_index:
        mov     dx, [BDA_CRTC_PORT]
        add     dl, PORT_STATUS - PORT_CRTC
        in      al, dx
        ret

; Attribute register BL = BH, and back; the picture stays on. Change AX, DX.
write_attribute:
        call    reset_attribute_index
        mov     dx, PORT_ATTRIBUTE
        mov     al, bl
        out     dx, al
        mov     al, bh
        out     dx, al
        mov     al, 0x20
        out     dx, al
        ret
read_attribute:
        call    reset_attribute_index
        mov     dx, PORT_ATTRIBUTE
        mov     al, bl
        out     dx, al
        inc     dx
        in      al, dx
        mov     bh, al
        call    reset_attribute_index
        mov     dx, PORT_ATTRIBUTE
        mov     al, 0x20
        out     dx, al
        ret

; The DAC of the mode at CS:SI: 64 colours or 248, then black. Changes AX, BX, CX, DX, DI.
program_palette:
        mov     dx, PORT_DAC_MASK
        mov     al, 0xff
        out     dx, al
        mov     dx, PORT_DAC_WRITE
        xor     ax, ax
        out     dx, al
        inc     dx
        cmp     byte [cs:si + MODE.dac], DAC_256
        je      .colours256
        xor     bl, bl
.next:  mov     bh, bl
        cmp     byte [cs:si + MODE.dac], DAC_64
        je      .rgb
        call    dac_of_old_index
.rgb:   call    dac_of_index
        inc     bl
        cmp     bl, 64
        jb      .next
        mov     cx, 192 * 3
        xor     al, al
.black: out     dx, al
        loop    .black
        ret
.colours256:
        ; 16 text colours, 16 greys, then three intensities of three saturations of 24 hues.
        xor     di, di
.text:  mov     bh, [cs:di + modes + MODE.size + MODE.attribute]
        call    dac_of_index
        inc     di
        cmp     di, 16
        jb      .text
        xor     di, di
.grey:  mov     al, [cs:di + greys]
        out     dx, al
        out     dx, al
        out     dx, al
        inc     di
        cmp     di, 16
        jb      .grey
        mov     bx, hue_levels
.set:   xor     cx, cx                  ; the hue
.hue:   mov     al, cl
        call    .component              ; red
        mov     al, cl
        add     al, 16
        call    .component              ; green
        mov     al, cl
        add     al, 8
        call    .component              ; blue
        inc     cx
        cmp     cx, 24
        jb      .hue
        add     bx, 5
        cmp     bx, hue_levels_end
        jb      .set
        mov     cx, 8 * 3
        xor     al, al
        jmp     .black
.component:
        xor     ah, ah
        cmp     al, 24
        jb      .inside
        sub     al, 24
.inside:
        mov     di, ax
        mov     al, [cs:di + hue_steps]
        mov     di, ax
        mov     al, [cs:bx + di]
        out     dx, al
        ret

; Writes the colour of BH (bits rgbRGB; the small ones are a third) to the DAC. Changes AX, CX, BH.
dac_of_index:
        mov     cx, 3
.next:  xor     al, al
        test    bh, 0x04
        jz      .weak
        mov     al, 0x2a
.weak:  test    bh, 0x20
        jz      .out
        add     al, 0x15
.out:   out     dx, al
        add     bh, bh
        loop    .next
        ret

; BH, an index of a DAC that is not rgbRGB, becomes the rgbRGB of its colour.
dac_of_old_index:
        cmp     byte [cs:si + MODE.dac], DAC_MONO
        je      .mono
        mov     al, bh
        and     bh, 7
        cmp     bh, 6
        jne     .not_brown
        test    al, 0x10
        jnz     .not_brown
        mov     bh, 0x14                ; red and half of green
        ret
.not_brown:
        test    al, 0x10
        jz      .end
        or      bh, 0x38
.end:   ret
.mono:  and     bh, 0x18                ; 08h is white, 18h bright
        cmp     bh, 0x08
        je      .white
        cmp     bh, 0x18
        je      .bright
        mov     bh, 0
        ret
.white: mov     bh, 0x07
        ret
.bright:
        mov     bh, 0x3f
        ret

greys:  db 0x00, 0x05, 0x08, 0x0b, 0x0e, 0x11, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2d, 0x32, 0x38, 0x3f
; Which of the five levels red has at each hue, from blue on; the others are shifted by a third of the circle.
hue_steps:
        db 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0
hue_levels:
        db 0x00, 0x10, 0x1f, 0x2f, 0x3f,  0x1f, 0x27, 0x2f, 0x37, 0x3f,  0x2d, 0x31, 0x36, 0x3a, 0x3f
        db 0x00, 0x07, 0x0e, 0x15, 0x1c,  0x0e, 0x11, 0x15, 0x18, 0x1c,  0x14, 0x16, 0x18, 0x1a, 0x1c
        db 0x00, 0x04, 0x08, 0x0c, 0x10,  0x08, 0x0a, 0x0c, 0x0e, 0x10,  0x0b, 0x0c, 0x0d, 0x0f, 0x10
hue_levels_end:
