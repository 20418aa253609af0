; INT 10h, AH = 11h: the character generator; AH = 12h: alternate selection; AH = 1Ah and 1Bh: what there is.

; The fonts of the ROM by function number, 1 to 4 (3 is none): lines of a glyph, and where they are.
rom_fonts:
        dw 14, font_8x14
        dw 8, font_8x8
        dw 0, 0
        dw 16, font_8x16

video_font:
        mov     al, [bp + F_AL]
        cmp     al, 0x30
        je      .information
        mov     ah, al
        and     al, 0x0f
        cmp     al, 4
        ja      leave_service
        cmp     ah, 0x24
        ja      leave_service
        cmp     ah, 0x20
        jae     .graphics
        cmp     al, 3
        je      .blocks
        test    al, al
        jnz     .rom
        mov     bx, [bp + F_BX]
        mov     cx, [bp + F_CX]
        mov     dx, [bp + F_DX]
        mov     si, [bp + F_BP]
        mov     ds, [bp + F_ES]
        jmp     .load
.rom:   call    .find
        mov     bl, [bp + F_BL]
        mov     cx, 256
        xor     dx, dx
        push    cs
        pop     ds
.load:  call    load_glyphs
        push    word 0
        pop     ds
        test    byte [bp + F_AL], 0x10  ; 1xh also sets the rows
        jz      leave_service
        mov     bl, bh
        call    set_cell_height
        jmp     leave_service
; AL = 3: BL says which blocks characters without and with bit 3 of their attribute are from.
.blocks:
        mov     dx, PORT_SEQUENCER
        mov     al, 3
        mov     ah, [bp + F_BL]
        out     dx, ax
        jmp     leave_service
; 20h to 24h: the font of graphics modes. BL says the rows: 1, 2, 3 are 14, 25, 43, and 0 takes DL.
.graphics:
        jne     .graphics_font
        mov     ax, [bp + F_BP]
        mov     [0x1f * 4], ax
        mov     ax, [bp + F_ES]
        mov     [0x1f * 4 + 2], ax
        jmp     leave_service
.graphics_font:
        mov     si, [bp + F_BP]
        mov     dx, [bp + F_ES]
        mov     cx, [bp + F_CX]
        cmp     al, 1
        je      .set
        dec     ax                      ; 22h is the font of function 1, as 23h is of function 2
        cmp     al, 3
        jne     .named
        inc     ax                      ; 24h, 8x16
.named: call    .find
        mov     dx, cs
        movzx   cx, bh
.set:   mov     [0x43 * 4], si
        mov     [0x43 * 4 + 2], dx
        mov     [BDA_CHARACTER_HEIGHT], cx
        movzx   bx, byte [bp + F_BL]
        mov     al, [bp + F_DL]
        test    bx, bx
        jz      .rows
        cmp     bl, 3
        ja      leave_service
        mov     al, [cs:bx + .row_counts - 1]
.rows:  dec     al
        mov     [BDA_LAST_ROW], al
        jmp     leave_service
.row_counts:    db 14, 25, 43

; CS:SI = font AL (1, 2 or 4), BH its lines. Changes AX.
.find:  movzx   si, al
        shl     si, 2
        add     si, rom_fonts - 4
        mov     bh, [cs:si]
        mov     si, [cs:si + 2]
        ret

.information:
        mov     al, [BDA_CHARACTER_HEIGHT]
        xor     ah, ah
        mov     [bp + F_CX], ax
        mov     al, [BDA_LAST_ROW]
        mov     [bp + F_DL], al
        movzx   bx, byte [bp + F_BH]
        mov     eax, [0x1f * 4]
        test    bx, bx
        jz      .pointer
        mov     eax, [0x43 * 4]
        dec     bx
        jz      .pointer
        cmp     bl, 6
        ja      leave_service
        mov     ax, cs
        shl     eax, 16
        add     bx, bx
        mov     ax, [cs:bx + .fonts - 2]
.pointer:
        mov     [bp + F_BP], ax
        shr     eax, 16
        mov     [bp + F_ES], ax
        jmp     leave_service
; BH = 2 to 7. The fonts of nine dots have no glyphs of their own.
.fonts: dw font_8x14, font_8x8, font_8x8 + 128 * 8, no_glyphs, font_8x16, no_glyphs
no_glyphs:      db 0

; Loads CX glyphs of BH lines from DS:SI into block BL of plane 2 from character DX on. Changes AX, CX, DX, SI, DI, ES.
load_glyphs:
        push    bx
        push    cx
        push    dx
        mov     dx, PORT_SEQUENCER
        mov     ax, 0x0402              ; plane 2 only
        out     dx, ax
        mov     ax, 0x0604              ; no odd and even
        out     dx, ax
        mov     dx, PORT_GRAPHICS
        mov     ax, 0x0005
        out     dx, ax
        mov     ax, 0x0406              ; A0000, 64 KiB
        out     dx, ax
        pop     di
        pop     cx
        shl     di, 5
        movzx   ax, bl                  ; blocks 0 to 3 are 16 KiB apart, 4 to 7 lie 8 KiB behind them
        and     al, 3
        shl     ax, 14
        add     di, ax
        test    bl, 4
        jz      .low
        add     di, 0x2000
.low:   mov     ax, GRAPHICS_SEGMENT
        mov     es, ax
.glyph: jcxz    .end
        push    cx
        push    di
        movzx   cx, bh
        rep movsb
        pop     di
        add     di, 32
        pop     cx
        dec     cx
        jmp     .glyph
.end:   mov     dx, PORT_SEQUENCER
        mov     ax, 0x0302
        out     dx, ax
        mov     ax, 0x0204
        out     dx, ax
        mov     dx, PORT_GRAPHICS
        mov     ax, 0x1005
        out     dx, ax
        mov     ax, 0x0e06              ; B8000, 32 KiB
        push    ds
        push    word 0
        pop     ds
        cmp     word [BDA_CRTC_PORT], PORT_CRTC_MONO
        pop     ds
        jne     .colour
        mov     ah, 0x0a                ; B0000
.colour:
        out     dx, ax
        pop     bx
        ret

; Cells of BL lines on 400: rows, cursor. Changes AX, CX, DX.
set_cell_height:
        mov     [BDA_CHARACTER_HEIGHT], bl
        mov     dx, [BDA_CRTC_PORT]
        mov     al, 9
        out     dx, al
        inc     dx
        in      al, dx
        and     al, 0xe0
        mov     ah, bl
        dec     ah
        or      al, ah
        out     dx, al
        mov     ax, 400
        div     bl
        dec     al
        mov     [BDA_LAST_ROW], al
        inc     al
        mul     byte [BDA_COLUMNS]
        add     ax, ax
        mov     [BDA_PAGE_BYTES], ax
        dec     dx
        mov     al, 0x0a
        mov     ah, bl
        sub     ah, 3
        out     dx, ax
        inc     ax                      ; register 0Bh
        inc     ah
        out     dx, ax
        ret

; AH = 12h: BL = 10h tells about the adapter, 31h switches the palette of mode sets off (AL = 1) and on, 36h the picture; others of
; 30h to 35h are accepted, as IBM's VGA does.
video_information:
        mov     al, [bp + F_BL]
        cmp     al, 0x10
        je      .adapter
        cmp     al, 0x31
        je      .palette
        cmp     al, 0x36
        je      .picture
        sub     al, 0x30
        cmp     al, 5
        ja      leave_service
.accepted:
        mov     byte [bp + F_AL], 0x12
        jmp     leave_service
.palette:
        mov     al, [bp + F_AL]
        cmp     al, 1
        ja      leave_service
        shl     al, 3
        and     byte [BDA_VIDEO_FLAGS], ~0x08 & 0xff
        or      [BDA_VIDEO_FLAGS], al
        jmp     .accepted
.picture:
        mov     dx, PORT_SEQUENCER
        mov     al, 1
        out     dx, al
        inc     dx
        in      al, dx
        and     al, ~0x20 & 0xff
        cmp     byte [bp + F_AL], 0
        je      .switch
        or      al, 0x20
.switch:
        out     dx, al
        jmp     .accepted
.adapter:
        mov     word [bp + F_BX], 0x0003        ; colour, 256 KiB
        mov     word [bp + F_CX], 0x0009
        cmp     word [BDA_CRTC_PORT], PORT_CRTC
        je      leave_service
        mov     byte [bp + F_BH], 1
        jmp     leave_service

; AH = 1Ah, AL = 0: the display combination: a VGA with a colour display.
video_combination:
        cmp     byte [bp + F_AL], 0
        jne     leave_service
        mov     byte [bp + F_AL], 0x1a
        mov     word [bp + F_BX], 0x0008
        jmp     leave_service

; AH = 1Bh, BX = 0: 64 bytes about functions and state at ES:DI.
video_functionality:
        cmp     word [bp + F_BX], 0
        jne     leave_service
        mov     es, [bp + F_ES]
        mov     di, [bp + F_DI]
        mov     ax, static_functionality
        stosw
        mov     ax, cs
        stosw
        mov     si, BDA_VIDEO_MODE
        mov     cx, 30                  ; to the palette register of the CGA
        rep movsb
        mov     al, [BDA_LAST_ROW]
        inc     ax
        stosb
        mov     ax, [BDA_CHARACTER_HEIGHT]
        stosw
        mov     al, 0x08                ; display combination
        stosb
        xor     ax, ax
        stosb
        mov     ax, 16                  ; colours
        push    di
        call    mode_kind
        pop     di
        mov     cx, 16
        cmp     al, KIND_LINEAR
        jne     .not_256
        mov     cx, 256
.not_256:
        cmp     al, KIND_CGA4
        jne     .not_4
        mov     cx, 4
.not_4: cmp     al, KIND_CGA2
        jne     .not_2
        mov     cx, 2
.not_2: mov     ax, cx
        stosw
        mov     al, 8                   ; pages
        call    is_text
        je      .pages
        mov     al, 1
.pages: stosb
        mov     al, 2                   ; 400 lines
        stosb
        xor     ax, ax
        stosw                           ; character blocks
        mov     al, 0x11                ; all modes on all displays, cursor emulation
        stosb
        xor     ax, ax
        stosw
        stosb
        mov     al, 3                   ; 256 KiB
        stosb
        mov     cx, 14
        xor     ax, ax
        rep stosb
        mov     byte [bp + F_AL], 0x1b
        jmp     leave_service
static_functionality:
        db 0xff, 0xe0, 0x0f             ; modes 0 to 7, D to F, 10 to 13
        db 0, 0, 0, 0
        db 7                            ; lines: 200, 350, 400
        db 2, 8                         ; blocks shown at once, and all
        db 0xff, 0x0e                   ; functions
        db 0, 0, 0x3f, 0
