; Text: built in `words`, drawn in the VGA's characters, each pixel of which is [zoom] pixels wide and high.

; The zero-terminated text at ESI to EDI, which moves on.
put_text:
        push eax
.next:  lodsb
        test al, al
        jz .done
        stosb
        jmp .next
.done:  pop eax
        ret

; EAX in decimal to EDI, which moves on.
put_number:
        push eax
        push ebx
        push ecx
        push edx
        mov ebx, 10
        xor ecx, ecx
.digit: xor edx, edx
        div ebx
        push edx
        inc ecx
        test eax, eax
        jnz .digit
.put:   pop eax
        add al, '0'
        stosb
        loop .put
        pop edx
        pop ecx
        pop ebx
        pop eax
        ret

; `words` up to EDI, in the middle of the circle, its upper edge at EDX.
draw_centred:
        pusha
        mov ecx, edi
        sub ecx, words
        jz .done
        mov eax, ecx
        imul eax, GLYPH_WIDTH
        imul eax, [zoom]
        shr eax, 1
        mov ebx, [centre_x]
        sub ebx, eax
        jns .inside
        xor ebx, ebx
.inside:
        mov esi, words
.each:  movzx eax, byte [esi]
        call draw_glyph
        mov eax, [zoom]
        imul eax, GLYPH_WIDTH
        add ebx, eax
        inc esi
        loop .each
.done:  popa
        ret

; Character EAX at EBX, EDX.
draw_glyph:
        pusha
        shl eax, 4
        lea esi, [font + eax]
        mov edi, GLYPH_HEIGHT
.row:   movzx ebp, byte [esi]
        push ebx
.column:
        test ebp, ebp
        jz .next
        test ebp, 0x80
        jz .clear
        push edx
        mov eax, ebx
        mov ebx, edx
        mov ecx, [zoom]
        mov edx, ecx
        call fill
        mov ebx, eax
        pop edx
.clear: add ebx, [zoom]
        shl ebp, 1
        and ebp, 0xff
        jmp .column
.next:  pop ebx
        add edx, [zoom]
        inc esi
        dec edi
        jnz .row
        popa
        ret
