; Text, cursor, pages and scrolling.

; AH = 0Fh
video_get_mode:
        mov     al, [BDA_VIDEO_MODE]
        mov     ah, [BDA_VIDEO_CONTROL]
        and     ah, 0x80
        or      al, ah
        mov     [bp + F_AL], al
        mov     al, [BDA_COLUMNS]
        mov     [bp + F_AH], al
        mov     al, [BDA_PAGE]
        mov     [bp + F_BH], al
        jmp     leave_service

; AH = 1: CX = first and last line of the cursor; bit 5 of CH hides it.
video_cursor_shape:
        mov     cx, [bp + F_CX]
        mov     [BDA_CURSOR_SHAPE], cx
        test    ch, 0x20
        jnz     .set
        ; Shapes for cells of 8 lines grow with the cell, as IBM's VGA does.
        cmp     byte [BDA_CHARACTER_HEIGHT], 16
        jb      .set
        cmp     cx, 0x0800
        jae     .set
        cmp     cl, 8
        jae     .set
        add     ch, ch
        inc     ch
        add     cl, cl
        cmp     cl, ch
        jae     .set
        mov     cl, ch
.set:   mov     dx, [BDA_CRTC_PORT]
        mov     al, 0x0a
        mov     ah, ch
        out     dx, ax
        mov     al, 0x0b
        mov     ah, cl
        out     dx, ax
        jmp     leave_service

; AH = 2: BH page, DX row and column.
video_set_cursor:
        movzx   bx, byte [bp + F_BH]
        and     bl, 7
        mov     dx, [bp + F_DX]
        call    put_cursor
        jmp     leave_service

; AH = 3
video_get_cursor:
        movzx   bx, byte [bp + F_BH]
        and     bl, 7
        add     bx, bx
        mov     ax, [bx + BDA_CURSOR]
        mov     [bp + F_DX], ax
        mov     ax, [BDA_CURSOR_SHAPE]
        mov     [bp + F_CX], ax
        jmp     leave_service

; The cursor of page BX goes to DX (row, column). Changes AX, DI.
put_cursor:
        push    bx
        add     bx, bx
        mov     [bx + BDA_CURSOR], dx
        pop     bx
        cmp     bl, [BDA_PAGE]
        jne     .end
; Shows the cursor of page BX, which is at DX.
show_cursor:
        call    is_text
        jne     .end
        push    bx
        push    dx
        mov     al, dh
        mul     byte [BDA_COLUMNS]
        pop     dx
        push    dx
        xor     dh, dh
        add     ax, dx
        mov     bx, [BDA_PAGE_START]
        shr     bx, 1
        add     bx, ax
        mov     dx, [BDA_CRTC_PORT]
        mov     al, 0x0e
        mov     ah, bh
        out     dx, ax
        mov     al, 0x0f
        mov     ah, bl
        out     dx, ax
        pop     dx
        pop     bx
.end:   ret
put_cursor.end equ show_cursor.end

; Zero flag: the mode is a text mode.
is_text:
        cmp     byte [BDA_VIDEO_MODE], 3
        ja      .other
        cmp     al, al
        ret
.other: cmp     byte [BDA_VIDEO_MODE], 7
        ret

; AH = 5: AL page.
video_set_page:
        movzx   bx, byte [bp + F_AL]
        cmp     bl, 7
        ja      leave_service
        mov     ax, [BDA_PAGE_BYTES]
        mul     bx
        mov     cx, ax
        call    is_text
        je      .text
        call    mode_kind
        cmp     al, KIND_PLANAR         ; the others have one page
        jne     leave_service
        test    dx, dx
        jnz     leave_service           ; and some of these too
        jmp     .set
.text:  mov     ax, cx
        shr     cx, 1
        mov     [BDA_PAGE_START], ax
        mov     [BDA_PAGE], bl
        call    .start
        add     bx, bx
        mov     dx, [bx + BDA_CURSOR]
        shr     bx, 1
        call    show_cursor
        jmp     leave_service
.set:   mov     [BDA_PAGE_START], cx
        mov     [BDA_PAGE], bl
        call    .start
        jmp     leave_service
.start: mov     dx, [BDA_CRTC_PORT]
        mov     al, 0x0c
        mov     ah, ch
        out     dx, ax
        mov     al, 0x0d
        mov     ah, cl
        out     dx, ax
        ret

; AH = 6 and 7: AL lines (0: all), BH attribute, CX upper left, DX lower right corner.
video_scroll_up:
        mov     al, [bp + F_AL]
        mov     bh, [bp + F_BH]
        call    clip_window
        jc      leave_service
        call    scroll_up
        jmp     leave_service
video_scroll_down:
        mov     al, [bp + F_AL]
        mov     bh, [bp + F_BH]
        call    clip_window
        jc      leave_service
        call    scroll_down
        jmp     leave_service

; Keeps DX on the screen. AL = lines to move, at most all. Carry: nothing is left.
clip_window:
        cmp     dh, [BDA_LAST_ROW]
        jbe     .rows
        mov     dh, [BDA_LAST_ROW]
.rows:  cmp     dl, [BDA_COLUMNS]
        jb      .columns
        mov     dl, [BDA_COLUMNS]
        dec     dl
.columns:
        cmp     dh, ch
        jb      .nothing
        cmp     dl, cl
        jb      .nothing
        mov     ah, dh
        sub     ah, ch
        inc     ah
        test    al, al
        jz      .all
        cmp     al, ah
        jbe     .end
.all:   mov     al, ah
.end:   clc
        ret
.nothing:
        stc
        ret

; Moves the window CX-DX up or down by AL lines and fills with attribute BH. Change all but BP.
scroll_up:
        call    is_text
        jne     scroll_graphics_up
        call    window_registers
.row:   test    ch, ch
        jz      .blank
        call    copy_row
        add     di, [BDA_COLUMNS]
        add     di, [BDA_COLUMNS]
        dec     ch
        jmp     .row
.blank: call    blank_row
        add     di, [BDA_COLUMNS]
        add     di, [BDA_COLUMNS]
        dec     al
        jnz     .blank
.end:   ret

scroll_down:
        call    is_text
        jne     scroll_graphics_down
        push    ax
        push    cx
        mov     ch, dh                  ; begin at the last row, go up
        call    window_start
        pop     cx
        pop     ax
        call    window_counts
        neg     si
.row:   test    ch, ch
        jz      .blank
        call    copy_row
        sub     di, [BDA_COLUMNS]
        sub     di, [BDA_COLUMNS]
        dec     ch
        jmp     .row
.blank: call    blank_row
        sub     di, [BDA_COLUMNS]
        sub     di, [BDA_COLUMNS]
        dec     al
        jnz     .blank
.end:   ret

; ES:DI = cell at row CH, column CL of the shown page. Changes AX.
window_start:
        push    dx
        mov     al, ch
        mul     byte [BDA_COLUMNS]
        mov     di, ax
        mov     al, cl
        xor     ah, ah
        add     di, ax
        add     di, di
        add     di, [BDA_PAGE_START]
        call    text_memory
        pop     dx
        ret

; For window CX-DX and AL lines: SI = bytes from a row to the one that comes in its place, CH = rows that move, CL = columns.
window_counts:
        push    ax
        push    dx
        sub     dl, cl
        inc     dl
        mov     cl, dl
        sub     dh, ch
        inc     dh
        sub     dh, al
        mov     ch, dh
        mul     byte [BDA_COLUMNS]
        add     ax, ax
        mov     si, ax
        pop     dx
        pop     ax
        ret

window_registers:
        push    ax
        call    window_start
        pop     ax
        jmp     window_counts

; Copies CL cells from ES:DI+SI to ES:DI.
copy_row:
        pusha
        mov     ch, 0
        add     si, di
        push    ds
        push    es
        pop     ds
        rep movsw
        pop     ds
        popa
        ret

; CL cells at ES:DI become spaces with attribute BH.
blank_row:
        pusha
        mov     ch, 0
        mov     al, ' '
        mov     ah, bh
        rep stosw
        popa
        ret

; BX = offset of the cursor's cell in page BH of the frame, ES = text memory. Changes AX, DX.
cursor_cell:
        movzx   bx, byte [bp + F_BH]
        and     bl, 7
        mov     ax, [BDA_PAGE_BYTES]
        mul     bx
        push    ax
        add     bx, bx
        mov     dx, [bx + BDA_CURSOR]
        mov     al, dh
        mul     byte [BDA_COLUMNS]
        xor     dh, dh
        add     ax, dx
        add     ax, ax
        pop     bx
        add     bx, ax
        jmp     text_memory

; ES = the memory of text modes. Changes AX.
text_memory:
        mov     ax, TEXT_SEGMENT
        cmp     byte [BDA_VIDEO_MODE], 7
        jne     .set
        mov     ax, MONO_SEGMENT
.set:   mov     es, ax
        ret

; AH = 8
video_read_cell:
        call    is_text
        jne     leave_service
        call    cursor_cell
        mov     ax, [es:bx]
        mov     [bp + F_AX], ax
        jmp     leave_service

; AH = 9 and 0Ah: AL character, BL attribute (9 only), CX times.
video_write_cell:
        call    is_text
        jne     video_write_graphics
        call    cursor_cell
        mov     di, bx
        mov     al, [bp + F_AL]
        mov     ah, [bp + F_BL]
        mov     cx, [bp + F_CX]
        rep stosw
        jmp     leave_service
video_write_character:
        call    is_text
        jne     video_write_graphics
        call    cursor_cell
        mov     al, [bp + F_AL]
        mov     cx, [bp + F_CX]
        jcxz    .end
.next:  mov     [es:bx], al
        add     bx, 2
        loop    .next
.end:   jmp     leave_service

video_write_graphics:
        movzx   bx, byte [bp + F_BH]
        and     bl, 7
        add     bx, bx
        mov     dx, [bx + BDA_CURSOR]
        mov     cx, [bp + F_CX]
        mov     al, [bp + F_AL]
        mov     ah, [bp + F_BL]
.next:  jcxz    .end
        call    draw_character
        inc     dl
        cmp     dl, [BDA_COLUMNS]
        jb      .same
        mov     dl, 0
        inc     dh
.same:  dec     cx
        jmp     .next
.end:   jmp     leave_service

; AH = 0Eh: AL character, BL colour in graphics modes. It goes to the shown page.
video_teletype:
        mov     al, [bp + F_AL]
        mov     ah, [bp + F_BL]
        call    teletype
        jmp     leave_service

; Writes AL as a terminal would; AH is the colour in graphics modes. Changes all but BP.
teletype:
        movzx   bx, byte [BDA_PAGE]
        add     bx, bx
        mov     dx, [bx + BDA_CURSOR]
        cmp     al, 7
        je      .bell
        cmp     al, 8
        je      .back
        cmp     al, 10
        je      .feed
        cmp     al, 13
        je      .return
        call    is_text
        jne     .draw
        push    ax
        mov     cx, dx
        call    window_start
        pop     ax
        stosb
        jmp     .advance
.draw:  call    draw_character
.advance:
        inc     dl
        cmp     dl, [BDA_COLUMNS]
        jb      .move
        mov     dl, 0
.feed:  inc     dh
        cmp     dh, [BDA_LAST_ROW]
        jbe     .move
        mov     dh, [BDA_LAST_ROW]
        push    dx
        mov     bh, 0
        call    is_text
        jne     .scroll
        mov     cx, dx                  ; the new line has the attribute under the cursor
        call    window_start
        mov     bh, [es:di + 1]
.scroll:
        xor     cx, cx
        mov     dh, [BDA_LAST_ROW]
        mov     dl, [BDA_COLUMNS]
        dec     dl
        mov     al, 1
        call    scroll_up
        pop     dx
.move:  movzx   bx, byte [BDA_PAGE]
        jmp     put_cursor
.back:  sub     dl, 1
        jnc     .move
        mov     dl, 0
        jmp     .move
.return:
        mov     dl, 0
        jmp     .move
.bell:  jmp     beep

; AH = 13h: AL mode, BH page, BL attribute, CX length, DX position, ES:BP text.
video_write_string:
        mov     cx, [bp + F_CX]
        jcxz    .end
        mov     si, [bp + F_BP]
        movzx   bx, byte [bp + F_BH]
        and     bl, 7
        add     bx, bx
        push    word [bx + BDA_CURSOR]
        mov     dx, [bp + F_DX]
        call    .place
.next:  mov     es, [bp + F_ES]
        mov     al, [es:si]
        inc     si
        mov     ah, [bp + F_BL]
        test    byte [bp + F_AL], 2
        jz      .attribute
        mov     ah, [es:si]
        inc     si
.attribute:
        cmp     al, 13
        ja      .cell
        cmp     al, 7
        je      .control
        cmp     al, 8
        je      .control
        cmp     al, 10
        je      .control
        cmp     al, 13
        je      .control
.cell:  pusha
        mov     bl, ah
        mov     bh, [bp + F_BH]
        mov     cx, 1
        mov     ah, 9
        int     0x10
        popa
.control:
        pusha
        mov     bl, ah
        mov     ah, 0x0e
        int     0x10
        popa
        loop    .next
        pop     dx
        test    byte [bp + F_AL], 1
        jnz     .end
        call    .place
.end:   jmp     leave_service
.place: pusha
        mov     ah, 2
        mov     bh, [bp + F_BH]
        int     0x10
        popa
        ret

