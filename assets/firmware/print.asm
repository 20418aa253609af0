; Text for people, on the screen (INT 10h) and on the debug console.

; Prints the string at CS:SI, which ends in 0. Keeps all registers but SI.
print:
        push    ax
.next:  mov     al, [cs:si]
        inc     si
        test    al, al
        jz      .end
        call    print_character
        jmp     .next
.end:   pop     ax
        ret

; Prints AL. Line feeds become carriage return and line feed.
print_character:
        pushad
        cmp     al, 10
        jne     .plain
        mov     al, 13
        call    .out
        mov     al, 10
.plain: call    .out
        popad
        ret
.out:   push    ax
        mov     dx, PORT_DEBUG
        out     dx, al
        mov     ah, 0x0e
        mov     bx, 7
        int     0x10
        pop     ax
        ret

; Prints EAX in decimal.
print_decimal:
        pushad
        mov     ebx, 10
        xor     cx, cx
.divide:
        xor     edx, edx
        div     ebx
        push    dx
        inc     cx
        test    eax, eax
        jnz     .divide
.digit: pop     ax
        add     al, '0'
        call    print_character
        loop    .digit
        popad
        ret

; Prints AL as two hexadecimal digits.
print_hex8:
        push    ax
        shr     al, 4
        call    .digit
        pop     ax
        push    ax
        and     al, 15
        call    .digit
        pop     ax
        ret
.digit: add     al, '0'
        cmp     al, '9'
        jbe     .go
        add     al, 'A' - '9' - 1
.go:    jmp     print_character

print_hex16:
        xchg    al, ah
        call    print_hex8
        xchg    al, ah
        jmp     print_hex8
