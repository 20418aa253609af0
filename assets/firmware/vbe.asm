; VBE 3.0 (VESA BIOS Extension Core Functions Standard): INT 10h, AH = 4Fh. Which controller and modes there are, setting a mode, state, EDID.

VBE_OK          equ 0x004f
VBE_FAILED      equ 0x014f
VBE_INVALID     equ 0x034f              ; in this mode
VBE_LINEAR      equ 1 << 14
VBE_KEEP        equ 1 << 15
VBE_MODE_BITS   equ 0x1ff
VBE_OLD_BLOCK   equ 256
VBE_BLOCK       equ 512
WINDOW_KIB      equ 64

vbe_table:
        dw vbe_controller, vbe_mode_information, vbe_set_mode, vbe_get_mode
        dw vbe_state, vbe_window, vbe_line_length, vbe_start
        dw vbe_dac_width, vbe_palette, vbe_protected_mode
VBE_LAST        equ 0x0a

vbe_service:
        mov     bx, DISPI_ID
        call    dispi_get
        and     ax, 0xfff0
        cmp     ax, 0xb0c0
        jne     leave_service           ; another adapter runs this ROM
        mov     al, [bp + F_AL]
        cmp     al, 0x15
        je      vbe_display_data
        DISPATCH vbe_table, VBE_LAST
        jmp     leave_service

vbe_failed:
        mov     word [bp + F_AX], VBE_FAILED
        jmp     leave_service
vbe_invalid:
        mov     word [bp + F_AX], VBE_INVALID
        jmp     leave_service
vbe_ok: mov     word [bp + F_AX], VBE_OK
        jmp     leave_service

; Register BX of the display interface to AX, and the other way. Change DX.
dispi_get:
        mov     dx, PORT_DISPI
        mov     ax, bx
        out     dx, ax
        inc     dx
        in      ax, dx
        ret
dispi_set:
        push    ax
        mov     dx, PORT_DISPI
        mov     ax, bx
        out     dx, ax
        pop     ax
        inc     dx
        out     dx, ax
        ret

; 00h: about the controller, at ES:DI.
vbe_controller:
        mov     cx, VBE_OLD_BLOCK
        cmp     dword [es:di], "VBE2"
        jne     .size
        mov     cx, VBE_BLOCK
.size:  mov     dx, di
        xor     al, al
        rep stosb
        mov     di, dx
        mov     dword [es:di], "VESA"
        mov     word [es:di + 4], 0x0300
        mov     ax, cs
        shl     eax, 16
        mov     ax, oem_string
        mov     [es:di + 6], eax
        mov     byte [es:di + 10], 1    ; the DAC can have 8 bits
        push    di
        mov     bx, DISPI_MEMORY
        call    dispi_get
        mov     [es:di + 18], ax
        mov     ax, es
        shl     eax, 16
        lea     ax, [di + 34]           ; the list is in the block itself
        mov     [es:di + 14], eax
        mov     word [es:di + 20], 0x0100
        mov     ax, cs
        shl     eax, 16
        mov     ax, vendor_name
        mov     [es:di + 22], eax
        mov     ax, product_name
        mov     [es:di + 26], eax
        mov     ax, product_revision
        mov     [es:di + 30], eax
        add     di, 34
        mov     si, vbe_modes
.mode:  call    vbe_mode_fits
        jc      .next
        mov     ax, [cs:si + VBE.number]
        stosw
.next:  add     si, VBE.size
        cmp     si, vbe_modes_end
        jb      .mode
        mov     ax, -1
        stosw
        pop     di
        jmp     vbe_ok

; Carry: the adapter has no room for the mode at CS:SI. EAX = bytes of a screen. Changes BX, DX, ECX.
vbe_mode_fits:
        mov     bx, DISPI_MEMORY
        call    dispi_get
        movzx   ecx, ax
        shl     ecx, 16
        call    vbe_pitch
        mul     word [cs:si + VBE.height]
        shl     edx, 16
        mov     dx, ax
        mov     eax, edx
        cmp     byte [cs:si + VBE.depth], 4
        jne     .compare
        mov     ecx, 0x10000            ; of each plane
.compare:
        cmp     ecx, eax
        ret

; AX = bytes a line of the mode at CS:SI; of one plane, where there are four. Changes DX.
vbe_pitch:
        mov     al, [cs:si + VBE.depth]
        call    pixel_bits
        mul     word [cs:si + VBE.width]
        shrd    ax, dx, 3
        ret

; AX = bits in memory of a pixel of AL bits; 1 for planes.
pixel_bits:
        xor     ah, ah
        cmp     al, 15
        jne     .not_15
        inc     ax
.not_15:
        cmp     al, 4
        jne     .end
        mov     al, 1
.end:   ret

; CS:SI = mode CX (bits beyond the number do not count); carry: there is none. Changes EAX, BX, ECX, DX.
vbe_find_mode:
        and     cx, VBE_MODE_BITS
        mov     si, vbe_modes
.next:  cmp     cx, [cs:si + VBE.number]
        je      vbe_mode_fits
        add     si, VBE.size
        cmp     si, vbe_modes_end
        jb      .next
        stc
        ret

; 01h: about mode CX, 256 bytes at ES:DI.
vbe_mode_information:
        call    vbe_find_mode
        jc      vbe_failed
        mov     ebx, eax                ; bytes of a screen
        mov     es, [bp + F_ES]
        mov     di, [bp + F_DI]
        push    di
        xor     ax, ax
        mov     cx, 128
        rep stosw
        pop     di
        mov     word [es:di], 0x009b    ; supported, colour, graphics, linear frame buffer
        mov     word [es:di + 2], 0x0007 ; window A can be read and written, B is none
        mov     word [es:di + 4], WINDOW_KIB
        mov     word [es:di + 6], WINDOW_KIB
        mov     word [es:di + 8], GRAPHICS_SEGMENT
        mov     ax, cs
        shl     eax, 16
        mov     ax, vbe_window_far
        mov     [es:di + 12], eax
        call    vbe_pitch
        mov     [es:di + 16], ax
        mov     [es:di + 50], ax
        mov     ax, [cs:si + VBE.width]
        mov     [es:di + 18], ax
        mov     ax, [cs:si + VBE.height]
        mov     [es:di + 20], ax
        mov     word [es:di + 22], 0x1008 ; characters of 8x16
        mov     byte [es:di + 24], 1    ; planes
        mov     al, [cs:si + VBE.depth]
        mov     [es:di + 25], al
        mov     word [es:di + 26], 0x0401 ; one bank; packed pixels
        mov     byte [es:di + 30], 1
        ; How many pictures there are beyond the first.
        push    bx
        mov     bx, DISPI_MEMORY
        call    dispi_get
        pop     bx
        movzx   eax, ax
        shl     eax, 16
        cmp     byte [cs:si + VBE.depth], 4
        jne     .pages
        mov     eax, 0x10000
.pages: xor     edx, edx
        div     ebx
        dec     eax
        cmp     eax, 127
        jbe     .count
        mov     al, 127
.count: mov     [es:di + 29], al
        mov     [es:di + 52], al
        mov     [es:di + 53], al
        mov     dword [es:di + 62], 300000000 ; pixels a second
        cmp     byte [cs:si + VBE.depth], 4
        je      .planar
        call    vbe_frame_buffer
        mov     [es:di + 40], eax
        test    eax, eax
        jnz     .colours
        and     byte [es:di], 0x7f
.colours:
        movzx   bx, byte [cs:si + VBE.depth]
        cmp     bl, 8
        je      vbe_ok
        mov     byte [es:di + 27], 6    ; direct colour
        cmp     bl, 32
        jne     .masks
        mov     byte [es:di + 39], 2    ; the reserved byte is the program's
.masks: mov     si, vbe_masks
.mask:  cmp     bl, [cs:si]
        je      .found
        add     si, 9
        jmp     .mask
.found: inc     si
        push    si
        push    di
        add     di, 31
        mov     cx, 8
        cs rep movsb
        pop     di
        pop     si
        push    di
        add     di, 54                  ; and for the linear frame buffer
        mov     cx, 8
        cs rep movsb
        pop     di
        jmp     vbe_ok
.planar:
        mov     byte [es:di], 0x1b      ; no linear frame buffer
        mov     byte [es:di + 24], 4
        mov     byte [es:di + 27], 3    ; planes
        jmp     vbe_ok

; For each depth: size and place of red, green, blue and the reserved bits.
vbe_masks:
        db 15, 5, 10, 5, 5, 5, 0, 1, 15
        db 16, 5, 11, 6, 5, 5, 0, 0, 0
        db 24, 8, 16, 8, 8, 8, 0, 0, 0
        db 32, 8, 16, 8, 8, 8, 0, 8, 24

; EAX = where the adapter's frame buffer is, 0: nowhere. Changes DX.
vbe_frame_buffer:
        mov     al, 0x10
        call    adapter_register
        and     eax, 0xfffffff0
        ret

; EAX = register AL of the adapter's configuration space. Changes DX.
adapter_register:
        mov     dl, al
        movzx   eax, word [cs:adapter]
        cmp     ax, -1
        je      .none
        shl     eax, 8
        mov     al, dl
        or      eax, 0x80000000
        mov     dx, PORT_PCI
        out     dx, eax
        mov     dx, PORT_PCI_DATA
        in      eax, dx
        ret
.none:  xor     eax, eax
        ret

; 02h: sets mode BX.
vbe_set_mode:
        mov     cx, [bp + F_BX]
        mov     ax, cx
        and     ax, VBE_MODE_BITS
        cmp     ax, 0x100
        jae     .extended
        test    ch, VBE_LINEAR >> 8
        jnz     vbe_failed
        test    al, 0x80
        jnz     vbe_failed
        test    cx, VBE_KEEP
        jz      .vga
        or      al, 0x80
.vga:   call    set_vga_mode
        jc      vbe_failed
        jmp     vbe_ok
.extended:
        call    vbe_find_mode
        jc      vbe_failed
        cmp     byte [cs:si + VBE.depth], 4
        jne     .set
        test    word [bp + F_BX], VBE_LINEAR
        jnz     vbe_failed
        ; The VGA's registers of its own planes, then of its 256 colours, are what fits.
.set:   push    si
        mov     al, 0x80 | 0x12
        cmp     byte [cs:si + VBE.depth], 4
        je      .base
        mov     al, 0x80 | 0x13
.base:  call    set_vga_mode
        pop     si
        mov     bx, DISPI_WIDTH
        mov     ax, [cs:si + VBE.width]
        mov     cx, ax
        call    dispi_set
        inc     bx
        mov     ax, [cs:si + VBE.height]
        call    dispi_set
        inc     bx
        movzx   ax, byte [cs:si + VBE.depth]
        call    dispi_set
        inc     bx
        mov     ax, DISPI_ENABLED
        test    word [bp + F_BX], VBE_LINEAR
        jz      .windowed
        or      al, DISPI_LINEAR
.windowed:
        test    word [bp + F_BX], VBE_KEEP
        jz      .enable
        or      al, DISPI_KEEP
.enable:
        call    dispi_set
        mov     ax, [bp + F_BX]
        and     ax, VBE_MODE_BITS | VBE_LINEAR | VBE_KEEP
        mov     [BDA_VBE_MODE], ax
        mov     byte [BDA_VIDEO_MODE], 0xff
        and     byte [BDA_VIDEO_CONTROL], 0x7f
        and     ah, VBE_KEEP >> 8
        or      [BDA_VIDEO_CONTROL], ah
        shr     cx, 3
        mov     [BDA_COLUMNS], cx
        mov     ax, [cs:si + VBE.height]
        shr     ax, 4
        dec     ax
        mov     [BDA_LAST_ROW], al
        mov     word [BDA_CHARACTER_HEIGHT], 16
        jmp     vbe_ok

; 03h
vbe_get_mode:
        mov     ax, [BDA_VBE_MODE]
        test    ax, ax
        jnz     .answer
        mov     al, [BDA_VIDEO_CONTROL]
        and     al, 0x80
        mov     ah, al
        mov     al, [BDA_VIDEO_MODE]
.answer:
        mov     [bp + F_BX], ax
        jmp     vbe_ok

; 04h: DL function, CX parts, ES:BX buffer.
vbe_state:
        and     cx, 15
        mov     al, [bp + F_DL]
        call    state_service
        jc      vbe_failed
        jmp     vbe_ok

; 15h: BL = 0: what there is; 1: block DX of the display's EDID to ES:DI (VESA VBE/DDC 1.1).
vbe_display_data:
        mov     al, [bp + F_BL]
        cmp     al, 1
        je      .read
        test    al, al
        jnz     vbe_failed
        call    vbe_edid_address
        jz      vbe_failed
        mov     word [bp + F_BX], 0x0102 ; a second for a block, DDC2
        jmp     vbe_ok
.read:  call    vbe_edid_address
        jz      vbe_failed
        movzx   ecx, word [bp + F_DX]
        cmp     cx, 1                   ; the adapter has room for two
        ja      vbe_failed
        shl     ecx, 7
        add     eax, ecx
        ; The system firmware reaches it: block move with its six descriptors.
        push    dword 0x00000000        ; 28h: stack segment
        push    dword 0x00000000
        push    dword 0x00000000        ; 20h: code segment
        push    dword 0x00000000
        movzx   ecx, word [bp + F_ES]
        shl     ecx, 4
        movzx   edx, word [bp + F_DI]
        add     ecx, edx
        call    .descriptor             ; 18h: target
        mov     ecx, eax
        call    .descriptor             ; 10h: source
        push    dword 0
        push    dword 0
        push    dword 0
        push    dword 0
        mov     si, sp
        push    ss
        pop     es
        mov     cx, 128 / 2
        mov     ah, 0x87
        int     0x15
        jc      vbe_failed
        ; A display that is not there has no header.
        mov     es, [bp + F_ES]
        mov     di, [bp + F_DI]
        cmp     word [bp + F_DX], 0
        jne     vbe_ok
        cmp     dword [es:di], 0xffffff00
        jne     vbe_failed
        cmp     dword [es:di + 4], 0x00ffffff
        jne     vbe_failed
        jmp     vbe_ok
; Pushes a descriptor of 64 KiB of data at ECX below the return address.
.descriptor:
        pop     bx
        mov     edx, ecx
        shr     edx, 24
        shl     edx, 24
        ror     ecx, 16
        mov     dl, cl                  ; bits 16-23
        mov     dh, 0x93
        push    edx
        and     ecx, 0xffff0000         ; bits 0-15 are the upper half now
        or      ecx, 0x0000ffff
        push    ecx
        jmp     bx

; EAX = where the adapter shows the display's EDID; zero flag: nowhere. Changes DX.
vbe_edid_address:
        mov     al, 0x18                ; BAR 2
        call    adapter_register
        and     eax, 0xfffffff0
        ret
