; Numbers to text.

; number: EDX:EAX unsigned in decimal with a comma every three digits, in 26 places at `digits`, filled with spaces at the left. ESI: the first digit.
number:
        push edi
        push ecx
        push ebx
        push edx
        push eax
        mov edi, digits
        mov ecx, DIGITS
        mov al, ' '
        rep stosb
        mov eax, [esp]
        mov esi, digits_end
        mov ecx, 10
        xor ebx, ebx                    ; digits so far
.next:
        push eax                        ; EDX:EAX / 10 in two steps
        mov eax, edx
        xor edx, edx
        div ecx
        mov edi, eax
        pop eax
        div ecx
        xchg edx, edi                   ; EDX:EAX the quotient, EDI the digit
        cmp ebx, 3
        jne .digit
        xor ebx, ebx
        dec esi
        mov byte [esi], ','
.digit:
        inc ebx
        add edi, '0'
        push eax
        mov eax, edi
        dec esi
        mov [esi], al
        pop eax
        mov edi, eax
        or edi, edx
        jnz .next
        pop eax
        pop edx
        pop ebx
        pop ecx
        pop edi
        ret

; tenths: EAX ticks of the clock as microseconds with one digit behind the point, right-aligned at `digits`. ESI: the first digit.
tenths:
        push edx
        push ecx
        push eax
        mov ecx, 10
        mul ecx
        div dword [ticks_per_microsecond]
        xor edx, edx
        div ecx
        push edx                        ; the tenth
        xor edx, edx
        call number
        ; Two places to the left.
        push edi
        push esi
        mov edi, digits
        mov esi, digits + 2
        mov ecx, DIGITS - 2
        rep movsb
        pop esi
        sub esi, 2
        pop edi
        pop edx
        mov byte [digits_end - 2], '.'
        add dl, '0'
        mov [digits_end - 1], dl
        pop eax
        pop ecx
        pop edx
        ret
