; Numbers to text and back.

; put_hex: EAX as eight digits; put_hex_word: AX as four; put_hex_byte: AL as two; put_nibble: low four bits as one.
put_hex:
        push eax
        shr eax, 16
        call put_hex_word
        pop eax
put_hex_word:
        push eax
        shr eax, 8
        call put_hex_byte
        pop eax
put_hex_byte:
        push eax
        shr eax, 4
        call put_nibble
        pop eax
put_nibble:
        push eax
        and eax, 0x0f
        mov al, [hex_digits + eax]
        call put
        pop eax
        ret

; put_decimal: EAX unsigned, no leading zeros. put_decimal_wide: right-aligned in CL places, filled with CH.
put_decimal:
        push ecx
        xor ecx, ecx
        call put_decimal_wide
        pop ecx
        ret

put_decimal_wide:
        pushad
        mov ebx, 10
        mov edi, number_end
.digit:
        xor edx, edx
        div ebx
        add dl, '0'
        dec edi
        mov [edi], dl
        dec cl
        test eax, eax
        jnz .digit
.fill:
        cmp cl, 0
        jle .print
        dec edi
        mov [edi], ch
        dec cl
        jmp .fill
.print:
        mov esi, edi
        call put_text
        popad
        ret

; parse_hex, parse_decimal: read a number at ESI after blanks into EAX and move ESI behind it. CF when there is none, or
; it does not fit. parse_hex takes an 0x before it.
parse_hex:
        push ebx
        mov ebx, 16
        call skip_blanks
        cmp word [esi], '0x'
        jne parse_digits
        add esi, 2
        jmp parse_digits

parse_decimal:
        push ebx
        mov ebx, 10
        call skip_blanks
parse_digits:
        push ecx
        push edx
        push edi
        xor eax, eax
        mov edi, esi
.next:
        movzx ecx, byte [esi]
        or ecx, 0x20                    ; lower case; digits have the bit already
        sub ecx, '0'
        cmp ecx, 9
        jbe .digit
        sub ecx, 'a' - '0' - 10
        cmp ecx, 10
        jb .end
.digit:
        cmp ecx, ebx
        jae .end
        mul ebx
        test edx, edx
        jnz .none
        add eax, ecx
        jc .none
        inc esi
        jmp .next
.end:
        cmp esi, edi
        je .none
        cmp byte [esi], ' '             ; a number ends at a blank or at the end of the line
        ja .none
        clc
        jmp .done
.none:
        stc
.done:
        pop edi
        pop edx
        pop ecx
        pop ebx
        ret

skip_blanks:
        cmp byte [esi], ' '
        jne .done
        inc esi
        jmp skip_blanks
.done:
        ret
