; The modes of our INT 10h and drawing in the two that show graphics.

; A mode: columns, last row, cell height, page bytes; then the registers as IBM's table has them.
struc MODE
.number:        resb 1
.columns:       resb 1
.last_row:      resb 1
.height:        resb 1
.page_bytes:    resw 1
.misc:          resb 1
.sequencer:     resb 4                  ; 1 to 4
.crtc:          resb 25
.graphics:      resb 9
.attribute:     resb 20
.size:
endstruc

modes:
        db 1, 40, 24, 16
        dw 0x0800
        db 0x67
        db 0x08, 0x03, 0x00, 0x02
        db 0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0
        db 0x9c, 0x8e, 0x8f, 0x14, 0x1f, 0x96, 0xb9, 0xa3, 0xff
        db 0, 0, 0, 0, 0, 0x10, 0x0e, 0x00, 0xff
        db 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08

        db 3, 80, 24, 16
        dw 0x1000
        db 0x67
        db 0x00, 0x03, 0x00, 0x02
        db 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0
        db 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff
        db 0, 0, 0, 0, 0, 0x10, 0x0e, 0x00, 0xff
        db 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0x00, 0x0f, 0x08

        db 0x12, 80, 29, 16
        dw 0xa000
        db 0xe3
        db 0x01, 0x0f, 0x00, 0x06
        db 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0, 0, 0, 0, 0, 0
        db 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff
        db 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff
        db 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x01, 0x00, 0x0f, 0x00

        db 0x13, 40, 24, 8
        dw 0xfa00
        db 0x63
        db 0x01, 0x0f, 0x00, 0x0e
        db 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0, 0, 0, 0, 0, 0
        db 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff
        db 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff
        db 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0x00, 0x0f, 0x00
modes_end:

; AH = 0: AL mode; bit 7 keeps the screen's memory. Modes we do not have are left alone.
video_set_mode:
        mov     al, [bp + F_AL]
        mov     cl, al
        and     al, 0x7f
        mov     ah, al
        cmp     al, 7
        je      .eighty
        cmp     al, 3
        ja      .search
        or      al, 1                   ; modes without colour burst
        cmp     al, 3
        je      .search
        jmp     .search
.eighty:
        mov     al, 3
        mov     ah, 3
.search:
        mov     si, modes
.next:  cmp     al, [cs:si + MODE.number]
        je      .found
        add     si, MODE.size
        cmp     si, modes_end
        jb      .next
        jmp     leave_service
.found: mov     [BDA_VIDEO_MODE], ah
        and     cl, 0x80
        or      cl, 0x60                ; 256 KiB
        mov     [BDA_VIDEO_CONTROL], cl
        mov     byte [BDA_VIDEO_SWITCHES], 0xf9
        mov     byte [BDA_VIDEO_FLAGS], 0x51
        mov     byte [BDA_DISPLAY_CODE], 0x08
        mov     al, [cs:si + MODE.columns]
        xor     ah, ah
        mov     [BDA_COLUMNS], ax
        mov     al, [cs:si + MODE.last_row]
        mov     [BDA_LAST_ROW], al
        mov     al, [cs:si + MODE.height]
        mov     [BDA_CHARACTER_HEIGHT], ax
        mov     ax, [cs:si + MODE.page_bytes]
        mov     [BDA_PAGE_BYTES], ax
        xor     ax, ax
        mov     [BDA_PAGE_START], ax
        mov     [BDA_PAGE], al
        mov     word [BDA_CRTC_PORT], PORT_CRTC
        mov     byte [BDA_CRT_MODE], 0x29
        mov     byte [BDA_CRT_PALETTE], 0x30
        mov     word [BDA_CURSOR_SHAPE], 0x0607
        push    ds
        pop     es
        mov     di, BDA_CURSOR
        mov     cx, 8
        rep stosw
        call    program_mode
        call    is_text
        jne     .palette
        push    si
        mov     bh, 16
        mov     si, FONT_8X16
        mov     cx, 256
        xor     dx, dx
        push    ds
        mov     ax, TABLES_SEGMENT
        mov     ds, ax
        call    load_glyphs
        pop     ds
        pop     si
.palette:
        call    program_palette
        mov     eax, (TABLES_SEGMENT << 16) + FONT_8X16
        cmp     byte [BDA_CHARACTER_HEIGHT], 16
        je      .font
        mov     ax, FONT_8X8
.font:  mov     [0x43 * 4], eax
        test    byte [BDA_VIDEO_CONTROL], 0x80
        jnz     .shown
        mov     eax, 0x07200720
        mov     bx, TEXT_SEGMENT
        mov     cx, 0x8000 / 4
        call    is_text
        je      .clear
        xor     eax, eax
        mov     bx, GRAPHICS_SEGMENT
        mov     cx, 0x10000 / 4
.clear: mov     es, bx
        xor     di, di
        rep stosd
.shown: mov     dx, PORT_STATUS
        in      al, dx
        mov     dx, PORT_ATTRIBUTE
        mov     al, 0x20
        out     dx, al
        jmp     leave_service

; Writes the registers of the mode at CS:SI. Changes AX, BX, CX, DX, DI.
program_mode:
        mov     dx, PORT_MISC
        mov     al, [cs:si + MODE.misc]
        out     dx, al
        mov     dx, PORT_SEQUENCER
        mov     ax, 0x0100              ; synchronous reset while the clock changes
        out     dx, ax
        lea     di, [si + MODE.sequencer]
        mov     bl, 1
        mov     cx, 4
        call    .indexed
        mov     ax, 0x0300
        out     dx, ax
        mov     dx, PORT_CRTC
        mov     ax, 0x0011              ; unlock registers 0-7
        out     dx, ax
        lea     di, [si + MODE.crtc]
        mov     bl, 0
        mov     cx, 25
        call    .indexed
        mov     dx, PORT_GRAPHICS
        lea     di, [si + MODE.graphics]
        mov     bl, 0
        mov     cx, 9
        call    .indexed
        mov     dx, PORT_STATUS
        in      al, dx
        mov     dx, PORT_ATTRIBUTE
        lea     di, [si + MODE.attribute]
        mov     bl, 0
.attribute:
        mov     al, bl
        out     dx, al
        mov     al, [cs:di]
        out     dx, al
        inc     di
        inc     bl
        cmp     bl, 20
        jb      .attribute
        mov     al, 20                  ; colour select
        out     dx, al
        mov     al, 0
        out     dx, al
        ret
.indexed:
        mov     al, bl
        mov     ah, [cs:di]
        out     dx, ax
        inc     di
        inc     bl
        loop    .indexed
        ret

; The DAC of the current mode: 64 colours for 16-colour modes, 248 for mode 13h. Changes AX, BX, CX, DX, DI.
program_palette:
        mov     dx, PORT_DAC_MASK
        mov     al, 0xff
        out     dx, al
        mov     dx, PORT_DAC_WRITE
        xor     ax, ax
        out     dx, al
        inc     dx
        cmp     byte [BDA_VIDEO_MODE], 0x13
        je      .colours256
        xor     bl, bl
.next:  mov     bh, bl
        call    dac_of_index
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
.text:  mov     bh, [cs:di + modes + 2 * MODE.size + MODE.attribute]
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

greys:  db 0x00, 0x05, 0x08, 0x0b, 0x0e, 0x11, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x28, 0x2d, 0x32, 0x38, 0x3f
; Which of the five levels red has at each hue, from blue on; the others are shifted by a third of the circle.
hue_steps:
        db 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0
hue_levels:
        db 0x00, 0x10, 0x1f, 0x2f, 0x3f,  0x1f, 0x27, 0x2f, 0x37, 0x3f,  0x2d, 0x31, 0x36, 0x3a, 0x3f
        db 0x00, 0x07, 0x0e, 0x15, 0x1c,  0x0e, 0x11, 0x15, 0x18, 0x1c,  0x14, 0x16, 0x18, 0x1a, 0x1c
        db 0x00, 0x04, 0x08, 0x0c, 0x10,  0x08, 0x0a, 0x0c, 0x0e, 0x10,  0x0b, 0x0c, 0x0d, 0x0f, 0x10
hue_levels_end:

; Draws character AL in colour AH at row DH, column DL, background 0; bit 7 of AH: exclusive or. Keeps all registers.
draw_character:
        pusha
        push    ds
        push    es
        mov     bx, GRAPHICS_SEGMENT
        mov     es, bx
        mov     cl, [BDA_CHARACTER_HEIGHT]
        mov     ch, [BDA_VIDEO_MODE]
        mov     bl, al
        mov     al, cl
        mul     bl                      ; the glyph: height times character
        lds     si, [0x43 * 4]
        add     si, ax
        mov     bx, sp
        mov     ah, [ss:bx + 4 + 15]    ; colour as given
        cmp     ch, 0x12
        je      .planar
        cmp     ch, 0x13
        jne     .end
        ; Linear, 320 bytes a line.
        push    ax
        movzx   ax, dh
        imul    ax, 320 * 8
        xor     dh, dh
        shl     dx, 3
        add     ax, dx
        mov     di, ax
        pop     ax
.line:  mov     bl, [si]
        inc     si
        mov     ch, 8
.pixel: xor     al, al
        add     bl, bl
        jnc     .store
        mov     al, ah
.store: stosb
        dec     ch
        jnz     .pixel
        add     di, 320 - 8
        dec     cl
        jnz     .line
        jmp     .end
.planar:
        push    ax
        movzx   ax, dh
        imul    ax, 80 * 16
        xor     dh, dh
        add     ax, dx
        mov     di, ax
        pop     ax
        mov     bh, ah
        mov     bl, 1                   ; plane by plane: the glyph where the colour has the plane's bit, else 0
.plane: mov     dx, PORT_SEQUENCER
        mov     al, 2
        mov     ah, bl
        out     dx, ax
        pusha
        xor     ch, ch
.row:   mov     al, [si]
        inc     si
        test    bh, bl
        jnz     .put
        xor     al, al
.put:   mov     [es:di], al
        add     di, 80
        loop    .row
        popa
        add     bl, bl
        cmp     bl, 16
        jb      .plane
        mov     ax, 0x0f02
        out     dx, ax
.end:   pop     es
        pop     ds
        popa
        ret

; A text line up on a graphics screen: the whole of it, whatever the window.
scroll_graphics_up:
        pusha
        push    ds
        push    es
        mov     ch, [BDA_VIDEO_MODE]
        mov     ax, GRAPHICS_SEGMENT
        mov     ds, ax
        mov     es, ax
        xor     di, di
        cmp     ch, 0x13
        je      .linear
        cmp     ch, 0x12
        jne     .end
        mov     dx, PORT_GRAPHICS
        mov     ax, 0x0105              ; write mode 1 copies all four planes
        out     dx, ax
        mov     si, 80 * 16
        mov     cx, 80 * (480 - 16)
        rep movsb
        mov     ax, 0x0005
        out     dx, ax
        xor     ax, ax
        mov     cx, 80 * 16 / 2
        rep stosw
        jmp     .end
.linear:
        mov     si, 320 * 8
        mov     cx, 320 * (200 - 8) / 4
        rep movsd
        xor     eax, eax
        mov     cx, 320 * 8 / 4
        rep stosd
.end:   pop     es
        pop     ds
        popa
        ret

; AH = 0Ch and 0Dh: AL colour, CX column, DX row; in modes 12h and 13h.
video_write_pixel:
        call    pixel_address
        jc      leave_service
        jne     .planar
        mov     al, [bp + F_AL]
        mov     [es:di], al
        jmp     leave_service
.planar:
        mov     dx, PORT_GRAPHICS
        mov     al, 8                   ; bit mask
        out     dx, ax
        mov     ax, 0x0205              ; write mode 2: the byte is the colour
        out     dx, ax
        mov     al, [es:di]             ; fills the latches
        mov     al, [bp + F_AL]
        mov     [es:di], al
        mov     ax, 0x0005
        out     dx, ax
        mov     ax, 0xff08
        out     dx, ax
        jmp     leave_service
video_read_pixel:
        call    pixel_address
        jc      leave_service
        jne     .planar
        mov     al, [es:di]
        mov     [bp + F_AL], al
        jmp     leave_service
.planar:
        mov     cl, ah
        xor     bx, bx                  ; BL the colour, from plane 3 down
        mov     dx, PORT_GRAPHICS
        mov     ax, 0x0304              ; read map
.plane: out     dx, ax
        add     bl, bl
        test    [es:di], cl
        jz      .zero
        inc     bx
.zero:  dec     ah
        jns     .plane
        mov     [bp + F_AL], bl
        mov     ax, 0x0004
        out     dx, ax
        jmp     leave_service

; ES:DI = the byte of pixel CX, DX of the frame; zero flag: mode 13h, else AH = its bit. Carry: no graphics mode of ours.
pixel_address:
        mov     ax, GRAPHICS_SEGMENT
        mov     es, ax
        mov     cx, [bp + F_CX]
        mov     al, [BDA_VIDEO_MODE]
        cmp     al, 0x13
        je      .linear
        cmp     al, 0x12
        jne     .none
        imul    di, [bp + F_DX], 80
        mov     ax, cx
        shr     ax, 3
        add     di, ax
        and     cl, 7
        mov     ah, 0x80
        shr     ah, cl
        test    ah, ah                  ; not zero, no carry
        ret
.linear:
        imul    di, [bp + F_DX], 320
        add     di, cx
        cmp     al, al
        ret
.none:  stc
        ret
