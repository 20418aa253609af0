; VBE 0Ah: functions for 32-bit programs, which copy them to where they like.

; BL = 0: ES:DI the table, CX its bytes.
vbe_protected_mode:
        cmp     byte [bp + F_BL], 0
        jne     vbe_failed
        mov     [bp + F_ES], cs
        mov     word [bp + F_DI], protected_table
        mov     word [bp + F_CX], protected_end - protected_table
        jmp     vbe_ok

        align 4, db 0
protected_table:
        dw protected_window - protected_table
        dw protected_start - protected_table
        dw protected_palette - protected_table
        dw protected_ports - protected_table
protected_ports:
        dw PORT_DISPI, PORT_DISPI + 1, PORT_DAC_MASK, PORT_DAC_READ, PORT_DAC_WRITE, PORT_DAC, PORT_STATUS
        dw -1                           ; end of the ports
        dw -1                           ; no memory

        bits 32
; BL = 0, BH = 0: bank DX. Keeps all but EAX, EDX.
protected_window:
        test    bx, bx
        jnz     .failed
        mov     eax, edx
        mov     edx, PORT_DISPI
        push    eax
        mov     eax, DISPI_BANK
        out     dx, ax
        pop     eax
        inc     edx
        out     dx, ax
        mov     ax, VBE_OK
        ret
.failed:
        mov     ax, VBE_FAILED
        ret

; BL = 0 or 80h; DX:CX is the first byte shown, in units of 4 bytes. Changes EAX, ECX, EDX.
protected_start:
        push    ebx
        push    esi
        push    edi
        test    bl, 0x80
        jz      .now
        push    edx
        push    ecx
        mov     edx, PORT_STATUS
        mov     ecx, 0x10000
.shown: in      al, dx
        test    al, 8
        loopnz  .shown
        mov     ecx, 0x10000
.dark:  in      al, dx
        test    al, 8
        loopz   .dark
        pop     ecx
        pop     edx
.now:   shl     edx, 16
        mov     dx, cx
        lea     esi, [edx * 4]          ; in bytes
        mov     ecx, DISPI_DEPTH
        call    .get
        cmp     al, 15
        jne     .not_15
        inc     eax
.not_15:
        cmp     al, 4
        jne     .bits
        mov     al, 1
.bits:  mov     ebx, eax
        mov     ecx, DISPI_VIRTUAL_WIDTH
        call    .get
        mul     ebx
        shr     eax, 3
        mov     ecx, eax                ; bytes a line
        mov     eax, esi
        xor     edx, edx
        jecxz   .failed
        div     ecx
        mov     edi, eax                ; the line
        lea     eax, [edx * 8]
        xor     edx, edx
        div     ebx
        mov     esi, eax                ; the column
        mov     ebx, edi
        mov     ecx, DISPI_Y
        call    .set
        mov     ebx, esi
        mov     ecx, DISPI_X
        call    .set
        mov     ebx, edi
        mov     ecx, DISPI_Y
        call    .set
        mov     ax, VBE_OK
        jmp     .end
.failed:
        mov     ax, VBE_FAILED
.end:   pop     edi
        pop     esi
        pop     ebx
        ret
; EAX = register ECX. Changes EDX.
.get:   mov     edx, PORT_DISPI
        mov     eax, ecx
        out     dx, ax
        inc     edx
        xor     eax, eax
        in      ax, dx
        ret
; Register ECX = EBX. Changes EAX, EDX.
.set:   mov     edx, PORT_DISPI
        mov     eax, ecx
        out     dx, ax
        inc     edx
        mov     eax, ebx
        out     dx, ax
        ret

; BL = 0 or 80h: CX colours from DX on become those at ES:EDI (blue, green, red, nothing). Changes EAX, ECX, EDX.
protected_palette:
        test    bl, 0x7f
        jnz     .failed
        push    edi
        mov     eax, edx
        mov     edx, PORT_DAC_WRITE
        out     dx, al
        inc     edx
        movzx   ecx, cx
        jecxz   .end
.next:  mov     al, [es:edi + 2]
        out     dx, al
        mov     al, [es:edi + 1]
        out     dx, al
        mov     al, [es:edi]
        out     dx, al
        add     edi, 4
        loop    .next
.end:   pop     edi
        mov     ax, VBE_OK
        ret
.failed:
        mov     ax, VBE_FAILED
        ret
        bits 16
protected_end:
