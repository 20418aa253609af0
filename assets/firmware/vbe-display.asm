; VBE: what is shown of video memory, and the palette. Functions 05h to 09h.

; Goes on in a mode of VBE only; keeps all registers but flags.
%macro NEEDS_VBE_MODE 0
        cmp     word [BDA_VBE_MODE], 0
        je      vbe_invalid
%endmacro

; 05h: BH = 0 sets the bank of window BL to DX, 1 gets it.
vbe_window:
        NEEDS_VBE_MODE
        test    word [BDA_VBE_MODE], VBE_LINEAR
        jnz     vbe_invalid
        mov     bx, [bp + F_BX]
        mov     dx, [bp + F_DX]
        call    window_bank
        jc      vbe_failed
        mov     [bp + F_DX], dx
        jmp     vbe_ok

; The same by a far call, which tells nothing in AX.
vbe_window_far:
        push    ax
        push    bx
        call    window_bank
        pop     bx
        pop     ax
        retf

; Carry: there is no such window or bank. Changes AX, BX, DX.
window_bank:
        cmp     bl, 0
        jne     .none
        cmp     bh, 1
        ja      .none
        je      .get
        push    dx
        mov     bx, DISPI_MEMORY
        call    dispi_get
        pop     dx
        cmp     dx, ax
        jae     .none
        push    dx
        mov     ax, dx
        mov     bx, DISPI_BANK
        call    dispi_set
        pop     dx
        clc
        ret
.get:   mov     bx, DISPI_BANK
        call    dispi_get
        mov     dx, ax
        clc
        ret
.none:  stc
        ret

; CX = bits of a pixel in memory (one plane's, where there are four). Changes AX, BX, DX.
current_bits:
        mov     bx, DISPI_DEPTH
        call    dispi_get
        call    pixel_bits
        mov     cx, ax
        ret

; EAX = bytes of a line in memory. Changes EBX, ECX, EDX.
current_pitch:
        call    current_bits
        mov     bx, DISPI_VIRTUAL_WIDTH
        call    dispi_get
        movzx   eax, ax
        movzx   ecx, cx
        mul     ecx
        shr     eax, 3
        ret

; EAX = bytes of video memory; of one plane, where there are four. Changes BX, DX.
current_memory:
        mov     bx, DISPI_DEPTH
        call    dispi_get
        cmp     al, 4
        mov     eax, 0x10000
        je      .end
        mov     bx, DISPI_MEMORY
        call    dispi_get
        movzx   eax, ax
        shl     eax, 16
.end:   ret

; 06h: the length of a line in memory: BL = 0 sets CX pixels, 1 gets, 2 sets CX bytes, 3 gets the largest.
vbe_line_length:
        NEEDS_VBE_MODE
        call    current_bits
        mov     bl, [bp + F_BL]
        movzx   eax, word [bp + F_CX]
        cmp     bl, 1
        jb      .set
        je      .get
        cmp     bl, 3
        je      .largest
        ja      vbe_failed
        ; So many bytes are how many pixels?
        movzx   ecx, cx
        shl     eax, 3
        add     eax, ecx
        dec     eax
        xor     edx, edx
        div     ecx
        cmp     eax, 0xffff
        ja      vbe_failed
.set:   test    ax, ax
        jz      vbe_failed
        add     eax, 7                  ; the adapter takes multiples of 8
        and     al, 0xf8
        cmp     eax, 0xffff
        ja      vbe_failed
        mov     bx, DISPI_VIRTUAL_WIDTH
        mov     si, ax
        call    dispi_set
        call    dispi_get
        cmp     ax, si
        jb      vbe_failed              ; video memory is not enough
.get:   call    current_pitch
        mov     [bp + F_BX], ax
        mov     bx, DISPI_VIRTUAL_WIDTH
        call    dispi_get
        mov     [bp + F_CX], ax
        mov     bx, DISPI_VIRTUAL_HEIGHT
        call    dispi_get
        mov     [bp + F_DX], ax
        jmp     vbe_ok
.largest:
        movzx   esi, cx
        call    current_memory
        mov     edi, eax
        mov     bx, DISPI_HEIGHT
        call    dispi_get
        movzx   ecx, ax
        mov     eax, edi
        xor     edx, edx
        div     ecx                     ; bytes a line
        shl     eax, 3
        xor     edx, edx
        div     esi                     ; pixels
        and     al, 0xf8
        cmp     eax, 0xfff8
        jbe     .fits
        mov     eax, 0xfff8
.fits:  mov     [bp + F_CX], ax
        mul     esi
        shr     eax, 3
        cmp     eax, 0xffff
        jbe     .bytes
        mov     ax, 0xffff
.bytes: mov     [bp + F_BX], ax
        mov     bx, DISPI_HEIGHT
        call    dispi_get
        mov     [bp + F_DX], ax
        jmp     vbe_ok

; 07h: the first pixel shown. BL = 0 sets column CX and line DX, 1 gets them, 2 sets byte ECX, 4 asks whether that happened; bit 7 waits
; for the vertical retrace.
vbe_start:
        NEEDS_VBE_MODE
        mov     al, [bp + F_BL]
        cmp     al, 1
        je      .get
        cmp     al, 4
        je      .status
        test    al, ~0x82 & 0xff
        jnz     vbe_failed
        mov     cx, [bp + F_CX]
        mov     di, [bp + F_DX]
        test    al, 2
        jz      .place
        call    current_pitch
        mov     ecx, eax
        xor     edx, edx
        mov     eax, [bp + F_ECX]
        div     ecx
        cmp     eax, 0xffff
        ja      vbe_failed
        mov     di, ax
        mov     esi, edx                ; bytes from the start of the line
        call    current_bits
        movzx   ecx, cx
        mov     eax, esi
        shl     eax, 3
        xor     edx, edx
        div     ecx
        mov     cx, ax
.place: test    byte [bp + F_BL], 0x80
        jz      .now
        push    cx
        call    wait_retrace
        pop     cx
        ; Line, column, line: either alone may not be possible before the other.
.now:   mov     bx, DISPI_Y
        mov     ax, di
        call    dispi_set
        mov     bx, DISPI_X
        mov     ax, cx
        call    dispi_set
        call    dispi_get
        cmp     ax, cx
        jne     vbe_failed
        mov     bx, DISPI_Y
        mov     ax, di
        call    dispi_set
        call    dispi_get
        cmp     ax, di
        jne     vbe_failed
        jmp     vbe_ok
.get:   mov     byte [bp + F_BH], 0
        mov     bx, DISPI_X
        call    dispi_get
        mov     [bp + F_CX], ax
        mov     bx, DISPI_Y
        call    dispi_get
        mov     [bp + F_DX], ax
        jmp     vbe_ok
.status:
        mov     word [bp + F_CX], 1     ; it does so at once
        jmp     vbe_ok

; Waits for the start of a vertical retrace, and not for ever. Changes AX, CX, DX.
wait_retrace:
        mov     dx, [BDA_CRTC_PORT]
        add     dl, PORT_STATUS - PORT_CRTC
        xor     cx, cx
.shown: in      al, dx
        test    al, 8
        loopnz  .shown
        xor     cx, cx
.dark:  in      al, dx
        test    al, 8
        loopz   .dark
        ret

; 08h: bits of a colour in the DAC: BL = 0 sets BH, 1 gets.
vbe_dac_width:
        mov     bx, DISPI_ENABLE
        call    dispi_get
        mov     cx, ax
        test    al, DISPI_ENABLED
        jz      .answer
        mov     bx, DISPI_DEPTH
        call    dispi_get
        cmp     ax, 8
        ja      vbe_invalid             ; a mode without palette
        mov     bx, DISPI_ENABLE
        mov     al, [bp + F_BL]
        cmp     al, 1
        ja      vbe_failed
        je      .answer
        and     cl, ~DISPI_DAC8 & 0xff
        cmp     byte [bp + F_BH], 8
        jb      .six
        or      cl, DISPI_DAC8
.six:   mov     ax, cx
        call    dispi_set
.answer:
        cmp     byte [bp + F_BL], 1
        ja      vbe_failed
        mov     byte [bp + F_BH], 6
        test    cl, DISPI_DAC8
        jz      vbe_ok
        mov     byte [bp + F_BH], 8
        jmp     vbe_ok

; 09h: BL = 0 sets CX colours from DX on to those at ES:DI (blue, green, red, nothing), 1 gets them; 80h sets in the vertical retrace.
vbe_palette:
        mov     bl, [bp + F_BL]
        mov     ax, [bp + F_CX]
        mov     dx, [bp + F_DX]
        cmp     ax, 256
        ja      vbe_failed
        cmp     dx, 255
        ja      vbe_failed
        add     ax, dx
        cmp     ax, 256
        ja      vbe_failed
        mov     es, [bp + F_ES]
        mov     di, [bp + F_DI]
        cmp     bl, 1
        je      .get
        test    bl, 0x7f
        jnz     vbe_failed              ; there is no second palette
        test    bl, bl
        jz      .set
        call    wait_retrace
.set:   mov     cx, [bp + F_CX]
        mov     al, [bp + F_DL]
        mov     dx, PORT_DAC_WRITE
        out     dx, al
        inc     dx
        jcxz    .end
.next:  mov     al, [es:di + 2]
        out     dx, al
        mov     al, [es:di + 1]
        out     dx, al
        mov     al, [es:di]
        out     dx, al
        add     di, 4
        loop    .next
.end:   jmp     vbe_ok
.get:   mov     cx, [bp + F_CX]
        mov     al, [bp + F_DL]
        mov     dx, PORT_DAC_READ
        out     dx, al
        mov     dx, PORT_DAC
        jcxz    .end
.next_get:
        in      al, dx
        mov     [es:di + 2], al
        in      al, dx
        mov     [es:di + 1], al
        in      al, dx
        mov     [es:di], al
        mov     byte [es:di + 3], 0
        add     di, 4
        loop    .next_get
        jmp     vbe_ok
