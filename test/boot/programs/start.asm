; A boot sector that loads what follows it, and what test programs say things with: the debug console, port E9.
        cpu 686
        bits 16
        org 0x7c00
        jmp     0:.start
.start: xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        sti
        mov     [drive], dl
        mov     si, 1                   ; the sector, counted from the start
        mov     bx, 0x7e00
.next:  mov     ax, si
        xor     dx, dx
        mov     cx, 18
        div     cx
        mov     cl, dl
        inc     cl                      ; sector
        mov     ch, al
        shr     ch, 1
        mov     dh, al
        and     dh, 1
        mov     dl, [drive]
        mov     ax, 0x0201
        int     0x13
        jc      .failed
        add     bx, 512
        inc     si
        cmp     si, (program_end - $$ + 511) / 512
        jb      .next
        jmp     program
.failed:
        mov     al, '?'
        out     0xe9, al
        cli
        hlt
drive:  db 0
        times 510 - ($ - $$) db 0
        dw 0xaa55

; AL to the console.
%macro SAY 1
        push    ax
        mov     al, %1
        out     0xe9, al
        pop     ax
%endmacro

; A 16-bit value in hexadecimal and a space.
%macro TELL 1
        push    %1
        call    tell
%endmacro

tell:   push    bp
        mov     bp, sp
        pusha
        mov     bx, [bp + 4]
        mov     cx, 4
.digit: rol     bx, 4
        mov     al, bl
        and     al, 15
        add     al, '0'
        cmp     al, '9'
        jbe     .out
        add     al, 'a' - '9' - 1
.out:   out     0xe9, al
        loop    .digit
        mov     al, ' '
        out     0xe9, al
        popa
        pop     bp
        ret     2

; The text behind the call, which ends in 0.
say:    pop     si
.next:  mov     al, [cs:si]
        inc     si
        test    al, al
        jz      .end
        out     0xe9, al
        jmp     .next
.end:   jmp     si

%macro LINE 1+
        call    say
        db      %1, 0
%endmacro
