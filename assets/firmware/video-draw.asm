; Characters, pixels and scrolling in graphics modes.

; ES:DI = scan line AX of the shown page; KIND of the mode is CL, ES its memory. Changes AX, DX.
scan_line:
        cmp     cl, KIND_LINEAR
        je      .linear
        cmp     cl, KIND_PLANAR
        je      .planar
        ; CGA: even lines first, odd ones 8 KiB behind, 80 bytes each.
        shr     ax, 1
        mov     di, 0
        jnc     .even
        mov     di, 0x2000
.even:  imul    ax, 80
        add     di, ax
        mov     ax, TEXT_SEGMENT
        mov     es, ax
        ret
.linear:
        imul    di, ax, 320
        jmp     .a000
.planar:
        mul     word [BDA_COLUMNS]
        mov     di, ax
        add     di, [BDA_PAGE_START]
.a000:  mov     ax, GRAPHICS_SEGMENT
        mov     es, ax
        ret

; Bytes that a character is wide, in AX, for KIND in CL. Changes AX.
character_bytes:
        mov     ax, 1
        cmp     cl, KIND_CGA4
        jne     .not_cga4
        inc     ax
.not_cga4:
        cmp     cl, KIND_LINEAR
        jne     .end
        mov     al, 8
.end:   ret

; Draws character AL in colour AH at row DH, column DL, background 0; bit 7 of AH: exclusive or, but in mode 13h. Keeps all registers.
draw_character:
        pusha
        push    ds
        push    es
        mov     bx, ax                  ; BL the character, BH the colour
        call    mode_kind
        mov     cl, al
        cmp     cl, KIND_CGA4
        jb      .end
        push    dx
        movzx   ax, dh
        mul     byte [BDA_CHARACTER_HEIGHT]
        call    scan_line
        pop     dx
        call    character_bytes
        xor     dh, dh
        imul    dx, ax
        add     di, dx
        mov     ch, [BDA_CHARACTER_HEIGHT]
        mov     al, ch
        mul     bl
        push    word [BDA_COLUMNS]
        lds     si, [0x43 * 4]          ; the graphics font
        add     si, ax
        pop     dx                      ; bytes a line, where that is so
        cmp     cl, KIND_PLANAR
        je      .planar
        cmp     cl, KIND_LINEAR
        je      .linear
        ; CGA: the colour in every pixel of a word, under a mask.
        mov     dx, bx
.cga:   lodsb
        cmp     cl, KIND_CGA2
        je      .cga2
        call    double_bits
        mov     bl, dh
        and     bl, 3
        movzx   bx, bl
        push    ax
        imul    bx, 0x5555
        and     ax, bx
        xchg    al, ah                  ; the left half comes first
        test    dh, 0x80
        jnz     .cga4_xor
        mov     [es:di], ax
        jmp     .cga4_done
.cga4_xor:
        xor     [es:di], ax
.cga4_done:
        pop     ax
        jmp     .cga_next
.cga2:  test    dh, 1
        jnz     .cga2_on
        xor     al, al
.cga2_on:
        test    dh, 0x80
        jnz     .cga2_xor
        mov     [es:di], al
        jmp     .cga_next
.cga2_xor:
        xor     [es:di], al
.cga_next:
        xor     di, 0x2000              ; the other half, and a line down in it when that was the odd one
        test    di, 0x2000
        jnz     .cga_same
        add     di, 80
.cga_same:
        dec     ch
        jnz     .cga
        jmp     .end
.linear:
        lodsb
        mov     bl, al
        mov     dl, 8
.pixel: xor     al, al
        add     bl, bl
        jnc     .store
        mov     al, bh
.store: stosb
        dec     dl
        jnz     .pixel
        add     di, 320 - 8
        dec     ch
        jnz     .linear
        jmp     .end
.planar:
        push    dx
        mov     dx, PORT_SEQUENCER
        mov     ax, 0x0f02
        test    bh, 0x80
        jz      .opaque
        mov     ah, bh                  ; the planes of the colour take the glyph, exclusive or
        and     ah, 0x0f
        out     dx, ax
        mov     dx, PORT_GRAPHICS
        mov     ax, 0x1803
        out     dx, ax
        pop     dx
.xor:   lodsb
        xchg    al, [es:di]             ; the read fills the latches
        add     di, dx
        dec     ch
        jnz     .xor
        mov     dx, PORT_GRAPHICS
        mov     ax, 0x0003
        out     dx, ax
        jmp     .all_planes
.opaque:
        pop     dx
        mov     bl, 1                   ; plane by plane: the glyph where the colour has the plane's bit, else 0
.plane: push    dx
        mov     dx, PORT_SEQUENCER
        mov     al, 2
        mov     ah, bl
        out     dx, ax
        pop     dx
        pusha
.row:   lodsb
        test    bh, bl
        jnz     .put
        xor     al, al
.put:   mov     [es:di], al
        add     di, dx
        dec     ch
        jnz     .row
        popa
        add     bl, bl
        cmp     bl, 16
        jb      .plane
.all_planes:
        mov     dx, PORT_SEQUENCER
        mov     ax, 0x0f02
        out     dx, ax
.end:   pop     es
        pop     ds
        popa
        ret

; AX = AL with each bit twice. Changes DL.
double_bits:
        push    bx
        push    cx
        mov     cx, 8
        mov     bl, al
        xor     ax, ax
.next:  shl     ax, 2
        add     bl, bl
        jnc     .zero
        or      al, 3
.zero:  loop    .next
        pop     cx
        pop     bx
        ret

; As scroll_up and scroll_down: the window CX-DX by AL text lines, filled with colour BH. Change all but BP.
scroll_graphics_down:
        mov     ah, 1
        jmp     scroll_graphics
scroll_graphics_up:
        mov     ah, 0
scroll_graphics:
        push    bp
        mov     bp, sp
        sub     sp, 14
SG_TARGET       equ -2                  ; scan line that is written
SG_STEP         equ -4                  ; to the next one: 1 or -1
SG_SHIFT        equ -6                  ; to the one it comes from
SG_MOVED        equ -8                  ; how many come from another
SG_TOTAL        equ -10
SG_LEFT         equ -12                 ; bytes from the start of the line
SG_FILL         equ -14                 ; the colour, and KIND
        mov     [bp + SG_FILL], bh
        mov     bl, al                  ; lines to move
        mov     bh, ah                  ; direction
        push    ax
        call    mode_kind
        mov     [bp + SG_FILL + 1], al
        pop     ax
        cmp     byte [bp + SG_FILL + 1], KIND_CGA4
        jb      .end
        mov     al, dh
        sub     al, ch
        inc     al
        mul     byte [BDA_CHARACTER_HEIGHT]
        mov     [bp + SG_TOTAL], ax
        mov     al, bl
        mul     byte [BDA_CHARACTER_HEIGHT]
        mov     [bp + SG_SHIFT], ax
        sub     ax, [bp + SG_TOTAL]
        neg     ax
        mov     [bp + SG_MOVED], ax
        mov     al, ch
        mul     byte [BDA_CHARACTER_HEIGHT]
        mov     [bp + SG_TARGET], ax
        mov     word [bp + SG_STEP], 1
        test    bh, bh
        jz      .up
        mov     ax, [bp + SG_TOTAL]
        dec     ax
        add     [bp + SG_TARGET], ax
        neg     word [bp + SG_STEP]
        neg     word [bp + SG_SHIFT]
.up:    mov     ch, dl
        sub     ch, cl
        inc     ch
        movzx   bx, ch                  ; characters a line
        movzx   si, cl
        mov     cl, [bp + SG_FILL + 1]
        call    character_bytes
        imul    bx, ax
        imul    si, ax
        mov     [bp + SG_LEFT], si
        ; Planes: write mode 1 copies all four.
        cmp     cl, KIND_PLANAR
        jne     .line
        mov     dx, PORT_GRAPHICS
        mov     ax, 0x0105
        out     dx, ax
.line:  dec     word [bp + SG_MOVED]
        js      .fill
        mov     ax, [bp + SG_TARGET]
        add     ax, [bp + SG_SHIFT]
        call    scan_line
        add     di, [bp + SG_LEFT]
        mov     si, di
        mov     ax, [bp + SG_TARGET]
        call    scan_line
        add     di, [bp + SG_LEFT]
        push    ds
        push    es
        pop     ds
        push    cx
        mov     cx, bx
        rep movsb
        pop     cx
        pop     ds
        call    .next
        jnz     .line
        jmp     .done
.fill:  cmp     cl, KIND_PLANAR
        jne     .colour
        mov     dx, PORT_GRAPHICS       ; set/reset gives all planes their bit
        mov     ax, 0x0005
        out     dx, ax
        mov     al, 0
        mov     ah, [bp + SG_FILL]
        and     ah, 0x0f
        out     dx, ax
        mov     ax, 0x0f01
        out     dx, ax
.colour:
        mov     al, [bp + SG_FILL]
        cmp     cl, KIND_CGA4
        jne     .not_cga4
        and     al, 3
        mov     ah, 0x55
        mul     ah
.not_cga4:
        cmp     cl, KIND_CGA2
        jne     .fill_line
        and     al, 1
        neg     al
.fill_line:
        push    ax
        mov     ax, [bp + SG_TARGET]
        call    scan_line
        pop     ax
        add     di, [bp + SG_LEFT]
        push    cx
        mov     cx, bx
        rep stosb
        pop     cx
        call    .next
        jnz     .fill_line
.done:  cmp     cl, KIND_PLANAR
        jne     .end
        mov     dx, PORT_GRAPHICS
        mov     ax, 0x0005
        out     dx, ax
        mov     ax, 0x0001
        out     dx, ax
        mov     ax, 0x0000
        out     dx, ax
.end:   mov     sp, bp
        pop     bp
        ret
.next:  push    ax
        mov     ax, [bp + SG_STEP]
        add     [bp + SG_TARGET], ax
        pop     ax
        dec     word [bp + SG_TOTAL]
        ret

; AH = 0Ch and 0Dh: AL colour, CX column, DX row, BH page; bit 7 of AL: exclusive or, but in mode 13h.
video_write_pixel:
        call    pixel_address
        jc      leave_service
        cmp     bl, KIND_LINEAR
        je      .linear
        cmp     bl, KIND_PLANAR
        je      .planar
        ; CGA: AH is the mask, CL how far the colour goes to the left.
        mov     al, [bp + F_AL]
        shl     al, cl
        and     al, ah
        test    byte [bp + F_AL], 0x80
        jnz     .xor
        not     ah
        and     [es:di], ah
        or      [es:di], al
        jmp     leave_service
.xor:   xor     [es:di], al
        jmp     leave_service
.linear:
        mov     al, [bp + F_AL]
        mov     [es:di], al
        jmp     leave_service
.planar:
        mov     dx, PORT_GRAPHICS
        mov     al, 8                   ; bit mask
        out     dx, ax
        mov     ax, 0x0205              ; write mode 2: the byte is the colour
        out     dx, ax
        mov     ax, 0x1803
        test    byte [bp + F_AL], 0x80
        jz      .replace
        out     dx, ax
.replace:
        mov     al, [bp + F_AL]
        xchg    al, [es:di]             ; the read fills the latches
        mov     ax, 0x0003
        out     dx, ax
        mov     ax, 0x0005
        out     dx, ax
        mov     ax, 0xff08
        out     dx, ax
        jmp     leave_service
video_read_pixel:
        call    pixel_address
        jc      leave_service
        cmp     bl, KIND_LINEAR
        je      .linear
        cmp     bl, KIND_PLANAR
        je      .planar
        mov     al, [es:di]
        and     al, ah
        shr     al, cl
        mov     [bp + F_AL], al
        jmp     leave_service
.linear:
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

; For pixel CX, DX of the frame: ES:DI its byte, BL the KIND, AH its bits in the byte and CL their distance from the right.
; Carry: no graphics mode of ours. Changes all others but BP.
pixel_address:
        call    mode_kind
        mov     bl, al
        cmp     al, KIND_CGA4
        jb      .end                    ; carry
        mov     cl, al
        mov     ax, [bp + F_DX]
        call    scan_line
        mov     ax, [bp + F_CX]
        mov     cx, ax
        cmp     bl, KIND_LINEAR
        je      .linear
        cmp     bl, KIND_CGA4
        je      .cga4
        shr     ax, 3
        add     di, ax
        not     cl
        and     cl, 7
        mov     ah, 1
        shl     ah, cl
        cmp     bl, KIND_PLANAR
        jne     .done
        movzx   si, byte [bp + F_BH]    ; another page than the shown one
        and     si, 7
        mov     ax, [BDA_PAGE_BYTES]
        mul     si
        sub     ax, [BDA_PAGE_START]
        add     di, ax
        mov     ah, 1
        shl     ah, cl
.done:  clc
.end:   ret
.cga4:  shr     ax, 2
        add     di, ax
        not     cl
        and     cl, 3
        add     cl, cl
        mov     ah, 3
        shl     ah, cl
        clc
        ret
.linear:
        add     di, ax
        clc
        ret
