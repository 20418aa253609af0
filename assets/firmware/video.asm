; INT 10h: the display adapter's option ROM if it has one, else our own services for text and the modes 12h and 13h.

OPTION_ROM_SIGNATURE equ 0xaa55
VIDEO_ROM_SEGMENT equ 0xc000
TEXT_SEGMENT    equ 0xb800
GRAPHICS_SEGMENT equ 0xa000

PORT_CRTC       equ 0x3d4
PORT_ATTRIBUTE  equ 0x3c0
PORT_MISC       equ 0x3c2
PORT_SEQUENCER  equ 0x3c4
PORT_DAC_MASK   equ 0x3c6
PORT_DAC_READ   equ 0x3c7
PORT_DAC_WRITE  equ 0x3c8
PORT_DAC        equ 0x3c9
PORT_GRAPHICS   equ 0x3ce
PORT_STATUS     equ 0x3da

video_set_up:
        mov     bx, [cs:vga_function]
        cmp     bx, -1
        je      .own
        mov     di, CONFIG_ROM
        call    pci_read32
        and     eax, 0xfffff800
        jz      .own
        or      al, 1
        call    pci_write32             ; decoded while it is copied
        call    copy_option_rom
        pushf
        mov     bx, [cs:vga_function]
        mov     di, CONFIG_ROM
        call    pci_read32
        and     al, 0xfe
        call    pci_write32
        popf
        jne     .own
        mov     ax, [cs:vga_function]   ; PCI Firmware Specification 3.0, 5.2.1.2: AX is the function
        call    VIDEO_ROM_SEGMENT:3
        cld
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        ret
.own:   mov     byte [cs:own_video], 1
        mov     dword [0x43 * 4], (TABLES_SEGMENT << 16) + FONT_8X16
        mov     dword [0x1f * 4], (TABLES_SEGMENT << 16) + FONT_8X8 + 128 * 8
        mov     ax, 3
        int     0x10
        ret

; Copies the ROM at EAX (bit 0 set) to C0000. Zero flag: it is one. Changes all but SP.
copy_option_rom:
        mov     esi, eax
        and     si, 0xf800
        cli
        call    enter_flat
        mov     eax, [dword esi]
        cmp     ax, OPTION_ROM_SIGNATURE
        jne     .end
        shr     eax, 16
        movzx   ecx, al
        shl     ecx, 7                  ; 512 bytes are 128 words of 32 bits
        mov     edi, VIDEO_ROM_SEGMENT << 4
        a32 rep movsd
        xor     ax, ax                  ; zero flag
.end:   pushf
        call    leave_flat
        popf
        ret

; DS and ES become flat 4 GiB segments, in protected mode without interrupts, and back to real mode's. CS and SS stay. Change AX.
enter_flat:
        o32 lgdt [cs:gdt_low_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        mov     ax, SELECT_FLAT
        mov     ds, ax
        mov     es, ax
        ret
leave_flat:
        mov     ax, SELECT_DATA16
        mov     ds, ax
        mov     es, ax
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        ret

int10_table:
        dw video_set_mode, video_cursor_shape, video_set_cursor, video_get_cursor       ; 0-3
        dw leave_service, video_set_page, video_scroll_up, video_scroll_down            ; 4-7
        dw video_read_cell, video_write_cell, video_write_character, leave_service      ; 8-B
        dw video_write_pixel, video_read_pixel, video_teletype, video_get_mode          ; C-F
        dw video_palette, video_font, video_information, video_write_string             ; 10-13
INT10_LAST      equ 0x13

int10_video:
        ENTER_SERVICE
        mov     al, ah
        DISPATCH int10_table, INT10_LAST
        cmp     al, 0x1a
        jne     leave_service
        cmp     byte [bp + F_AL], 0     ; display combination: VGA, colour
        jne     leave_service
        mov     byte [bp + F_AL], 0x1a
        mov     word [bp + F_BX], 0x0008
        jmp     leave_service

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
.set:   mov     dx, PORT_CRTC
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
        mov     dx, PORT_CRTC
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
        call    is_text
        jne     leave_service
        mov     [BDA_PAGE], bl
        mov     ax, [BDA_PAGE_BYTES]
        mul     bx
        mov     [BDA_PAGE_START], ax
        shr     ax, 1
        mov     cx, ax
        mov     dx, PORT_CRTC
        mov     al, 0x0c
        mov     ah, ch
        out     dx, ax
        mov     al, 0x0d
        mov     ah, cl
        out     dx, ax
        add     bx, bx
        mov     dx, [bx + BDA_CURSOR]
        shr     bx, 1
        call    show_cursor
        jmp     leave_service

; AH = 6 and 7: AL lines (0: all), BH attribute, CX upper left, DX lower right corner.
video_scroll_up:
        mov     al, [bp + F_AL]
        mov     bh, [bp + F_BH]
        call    clip_window
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

; Moves the window CX-DX up by AL lines and fills with attribute BH. Carry: does nothing. Changes all but BP.
scroll_up:
        jc      .end
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
        jne     .end
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
        mov     ax, TEXT_SEGMENT
        mov     es, ax
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
        mov     ax, TEXT_SEGMENT
        mov     es, ax
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
        clc
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

; About a tenth of a second of 900 Hz.
beep:   mov     al, 0xb6
        out     PORT_PIT_MODE, al
        mov     ax, 1193182 / 900
        out     PORT_PIT0 + 2, al
        mov     al, ah
        out     PORT_PIT0 + 2, al
        in      al, PORT_SYSTEM_B
        push    ax
        or      al, 3
        out     PORT_SYSTEM_B, al
        mov     ecx, 100000 / 15
        call    wait_refreshes
        pop     ax
        and     al, 0xfc
        out     PORT_SYSTEM_B, al
        ret

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

; AH = 12h: BL = 10h tells about the adapter, 30h-36h are accepted as IBM's VGA does.
video_information:
        mov     al, [bp + F_BL]
        cmp     al, 0x10
        je      .adapter
        sub     al, 0x30
        cmp     al, 6
        ja      leave_service
        mov     byte [bp + F_AL], 0x12
        jmp     leave_service
.adapter:
        mov     word [bp + F_BX], 0x0003        ; colour, 256 KiB
        mov     word [bp + F_CX], 0x0009
        jmp     leave_service

; AH = 10h: palette and DAC.
video_palette:
        mov     al, [bp + F_AL]
        cmp     al, 0x00
        je      .one
        cmp     al, 0x01
        je      .overscan
        cmp     al, 0x02
        je      .all
        cmp     al, 0x03
        je      .blink
        cmp     al, 0x10
        je      .dac_one
        cmp     al, 0x12
        je      .dac_block
        cmp     al, 0x15
        je      .dac_read
        cmp     al, 0x17
        je      .dac_read_block
        jmp     leave_service
.one:   mov     bx, [bp + F_BX]
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
        cmp     bl, 17
        jb      .next
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

; Attribute register BL = BH, and back; the picture stays on. Change AX, DX.
write_attribute:
        mov     dx, PORT_STATUS
        in      al, dx
        mov     dx, PORT_ATTRIBUTE
        mov     al, bl
        out     dx, al
        mov     al, bh
        out     dx, al
        mov     al, 0x20
        out     dx, al
        ret
read_attribute:
        mov     dx, PORT_STATUS
        in      al, dx
        mov     dx, PORT_ATTRIBUTE
        mov     al, bl
        out     dx, al
        inc     dx
        in      al, dx
        mov     bh, al
        mov     dx, PORT_STATUS
        in      al, dx
        mov     dx, PORT_ATTRIBUTE
        mov     al, 0x20
        out     dx, al
        ret

; AH = 11h: character generator.
video_font:
        mov     al, [bp + F_AL]
        cmp     al, 0x30
        je      .information
        and     al, 0xef                ; 1xh also sets the rows; the cell's height is set for both
        cmp     al, 0x02
        je      .font8
        cmp     al, 0x04
        je      .font16
        cmp     al, 0x00
        jne     leave_service
        mov     bh, [bp + F_BH]
        mov     cx, [bp + F_CX]
        mov     dx, [bp + F_DX]
        mov     si, [bp + F_BP]
        mov     ds, [bp + F_ES]
        call    load_glyphs
        jmp     .height
.font8: mov     bh, 8
        mov     si, FONT_8X8
        jmp     .rom
.font16:
        mov     bh, 16
        mov     si, FONT_8X16
.rom:   mov     cx, 256
        xor     dx, dx
        mov     ax, TABLES_SEGMENT
        mov     ds, ax
        call    load_glyphs
.height:
        push    word 0
        pop     ds
        test    byte [bp + F_AL], 0x10
        jz      leave_service
        mov     bl, bh
        call    set_cell_height
        jmp     leave_service
.information:
        mov     al, [BDA_CHARACTER_HEIGHT]
        xor     ah, ah
        mov     [bp + F_CX], ax
        mov     al, [BDA_LAST_ROW]
        mov     [bp + F_DL], al
        mov     bl, [bp + F_BH]
        mov     eax, [0x1f * 4]
        cmp     bl, 0
        je      .pointer
        mov     eax, [0x43 * 4]
        cmp     bl, 1
        je      .pointer
        mov     eax, (TABLES_SEGMENT << 16) + FONT_8X8
        cmp     bl, 3
        je      .pointer
        mov     eax, (TABLES_SEGMENT << 16) + FONT_8X8 + 128 * 8
        cmp     bl, 4
        je      .pointer
        mov     eax, (TABLES_SEGMENT << 16) + FONT_8X16
.pointer:
        mov     [bp + F_BP], ax
        shr     eax, 16
        mov     [bp + F_ES], ax
        jmp     leave_service

; Loads CX glyphs of BH lines from DS:SI into plane 2 from character DX on. Changes AX, CX, DX, SI, DI, ES.
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
        mov     ax, GRAPHICS_SEGMENT
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
        mov     ax, 0x0e06
        out     dx, ax
        pop     bx
        ret

; Cells of BL lines on 400: rows, cursor. Changes AX, CX, DX.
set_cell_height:
        mov     [BDA_CHARACTER_HEIGHT], bl
        mov     dx, PORT_CRTC
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
