; Saving and restoring the state of the display: INT 10h, AH = 1Ch, and function 04h of VBE.
;
; The parts, in this order, as far as CX asks for them: bit 0 the registers, bit 1 the BIOS data, bit 2 the DAC, bit 3 (VBE) the
; display interface. They are restored in the order 3, 0, 1, 2: the display interface changes the DAC.

STATE_REGISTERS equ 96
STATE_DATA      equ 64
STATE_DAC       equ 772
STATE_DISPI     equ 32
STATE_BLOCK     equ 64

; AH = 1Ch: AL = 0 tells the size in BX, 1 saves to ES:BX, 2 restores.
video_state:
        and     cx, 7
        mov     al, [bp + F_AL]
        call    state_service
        jc      leave_service
        mov     byte [bp + F_AL], 0x1c
        jmp     leave_service

; AL is the function, CX the parts. Carry: there is no such function. Changes all but BP.
state_service:
        cmp     al, 2
        ja      .none
        test    al, al
        jz      .size
        mov     es, [bp + F_ES]
        mov     di, [bp + F_BX]
        cmp     al, 1
        je      .save
        push    ds
        push    es
        pop     ds
        pop     es                      ; DS:SI the buffer, ES low memory
        mov     si, di
        call    restore_state
        xor     ax, ax
        mov     ds, ax
        clc
        ret
.save:  call    save_state
        clc
        ret
.size:  xor     ax, ax
        mov     bx, STATE_REGISTERS
        call    .part
        mov     bx, STATE_DATA
        call    .part
        mov     bx, STATE_DAC
        call    .part
        mov     bx, STATE_DISPI
        call    .part
        add     ax, STATE_BLOCK - 1
        shr     ax, 6
        mov     [bp + F_BX], ax
        clc
        ret
.part:  shr     cx, 1
        jnc     .end
        add     ax, bx
.end:   ret
.none:  stc
        ret

; Parts CX to ES:DI; DS is 0.
save_state:
        test    cl, 1
        jz      .data
        push    cx
        push    di
        mov     ax, [BDA_CRTC_PORT]
        stosw
        mov     dx, PORT_MISC_READ
        in      al, dx
        stosb
        mov     dx, PORT_FEATURE
        in      al, dx
        stosb
        mov     dx, PORT_SEQUENCER
        mov     cx, 5
        call    read_indexed
        mov     dx, PORT_GRAPHICS
        mov     cx, 9
        call    read_indexed
        mov     dx, [BDA_CRTC_PORT]
        mov     cx, 25
        call    read_indexed
        mov     dx, PORT_ATTRIBUTE
        in      al, dx
        stosb                           ; the picture is on or off
        mov     bl, 0
.attribute:
        call    reset_attribute_index
        mov     dx, PORT_ATTRIBUTE
        mov     al, bl
        out     dx, al
        inc     dx
        in      al, dx
        stosb
        inc     bl
        cmp     bl, 21
        jb      .attribute
        call    reset_attribute_index
        mov     dx, PORT_ATTRIBUTE
        mov     al, [es:di - 22]
        out     dx, al
        call    reset_attribute_index
        pop     di
        add     di, STATE_REGISTERS
        pop     cx
.data:  test    cl, 2
        jz      .dac
        push    cx
        push    di
        mov     si, BDA_VIDEO_MODE
        mov     cx, 30
        rep movsb
        mov     si, BDA_LAST_ROW
        mov     cx, 7
        rep movsb
        mov     ax, [BDA_VBE_MODE]
        stosw
        mov     eax, [0x1f * 4]
        stosd
        mov     eax, [0x43 * 4]
        stosd
        mov     al, [BDA_EQUIPMENT]
        stosb
        pop     di
        add     di, STATE_DATA
        pop     cx
.dac:   test    cl, 4
        jz      .dispi
        push    cx
        push    di
        mov     dx, PORT_DAC_MASK
        in      al, dx
        stosb
        mov     dx, PORT_DAC_WRITE
        in      al, dx
        stosb
        dec     dx
        xor     al, al
        out     dx, al
        mov     dx, PORT_DAC
        mov     cx, 768
        rep insb
        dec     dx
        mov     al, [es:di - 769]
        out     dx, al
        pop     di
        add     di, STATE_DAC
        pop     cx
.dispi: test    cl, 8
        jz      .end
        mov     bx, DISPI_WIDTH
.register:
        call    dispi_get
        stosw
        inc     bx
        cmp     bx, DISPI_Y
        jbe     .register
.end:   ret

; CX registers behind index port DX to ES:DI, the index before them. Changes AX, CX.
read_indexed:
        in      al, dx
        stosb
        push    ax
        mov     ah, 0
.next:  mov     al, ah
        out     dx, al
        inc     dx
        in      al, dx
        dec     dx
        stosb
        inc     ah
        loop    .next
        pop     ax
        out     dx, al
        ret

; Parts CX from DS:SI; ES is 0.
restore_state:
        push    si
        mov     bx, STATE_REGISTERS
        mov     dx, STATE_DATA
        ; The display interface first: what it held when it is off again, or on without clearing.
        test    cl, 8
        jz      .registers
        push    si
        test    cl, 1
        jz      .no_registers
        add     si, bx
.no_registers:
        test    cl, 2
        jz      .no_data
        add     si, dx
.no_data:
        test    cl, 4
        jz      .no_dac
        add     si, STATE_DAC
.no_dac:
        mov     bx, DISPI_ENABLE
        xor     ax, ax
        call    dispi_set
        mov     bx, DISPI_WIDTH
        call    .dispi_next
        call    .dispi_next
        call    .dispi_next
        lodsw                           ; enable
        or      al, DISPI_KEEP
        mov     bx, DISPI_ENABLE
        call    dispi_set
        mov     bx, DISPI_BANK
        call    .dispi_next
        call    .dispi_next
        add     si, 2                   ; the virtual height cannot be set
        mov     bx, DISPI_X
        call    .dispi_next
        call    .dispi_next
        pop     si
.registers:
        test    cl, 1
        jz      .data
        push    cx
        push    si
        lodsw                           ; CRTC port
        mov     bx, ax
        lodsb
        mov     dx, PORT_MISC
        out     dx, al
        lodsb
        lea     dx, [bx + PORT_STATUS - PORT_CRTC]
        out     dx, al
        mov     dx, PORT_SEQUENCER
        mov     cx, 5
        call    write_indexed
        mov     dx, PORT_GRAPHICS
        mov     cx, 9
        call    write_indexed
        mov     dx, bx
        mov     ax, 0x0011              ; unlock registers 0-7
        out     dx, ax
        mov     cx, 25
        call    write_indexed
        lea     dx, [bx + PORT_STATUS - PORT_CRTC]
        in      al, dx
        mov     dx, PORT_ATTRIBUTE
        lodsb
        mov     ah, al
        mov     bl, 0
.attribute:
        mov     al, bl
        out     dx, al
        lodsb
        out     dx, al
        inc     bl
        cmp     bl, 21
        jb      .attribute
        mov     al, ah
        out     dx, al                  ; an index: the data comes next
        pop     si
        mov     dx, [si]
        add     dx, PORT_STATUS - PORT_CRTC
        in      al, dx
        add     si, STATE_REGISTERS
        pop     cx
.data:  test    cl, 2
        jz      .dac
        push    cx
        push    si
        mov     di, BDA_VIDEO_MODE
        mov     cx, 30
        rep movsb
        mov     di, BDA_LAST_ROW
        mov     cx, 7
        rep movsb
        lodsw
        mov     [es:BDA_VBE_MODE], ax
        lodsd
        mov     [es:0x1f * 4], eax
        lodsd
        mov     [es:0x43 * 4], eax
        lodsb
        mov     [es:BDA_EQUIPMENT], al
        pop     si
        add     si, STATE_DATA
        pop     cx
.dac:   test    cl, 4
        jz      .end
        mov     dx, PORT_DAC_MASK
        lodsb
        out     dx, al
        mov     dx, PORT_DAC_WRITE
        lodsb
        mov     ah, al
        xor     al, al
        out     dx, al
        inc     dx
        push    cx
        mov     cx, 768
        rep outsb
        pop     cx
        dec     dx
        mov     al, ah
        out     dx, al
.end:   pop     si
        ret
.dispi_next:
        lodsw
        call    dispi_set
        inc     bx
        ret

; CX registers behind index port DX from DS:SI, the index before them. Changes AX, CX.
write_indexed:
        lodsb
        push    ax
        mov     ah, 0
.next:  push    ax
        mov     al, ah
        mov     ah, [si]
        inc     si
        out     dx, ax
        pop     ax
        inc     ah
        loop    .next
        pop     ax
        out     dx, al
        ret
