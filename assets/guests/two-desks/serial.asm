; What happens, on COM1.

serial_start:
        pusha
        mov dx, COM1 + 1
        xor eax, eax
        out dx, al                      ; no interrupts
        mov dx, COM1 + 3
        mov al, 0x80
        out dx, al
        mov dx, COM1
        mov al, 1                       ; 115,200 baud
        out dx, al
        inc dx
        xor eax, eax
        out dx, al
        mov dx, COM1 + 3
        mov al, 3                       ; 8 bits, no parity, one stop bit
        out dx, al
        popa
        ret

; AL.
serial_put:
        push edx
        push eax
        mov dx, COM1 + 5
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop eax
        mov dx, COM1
        out dx, al
        pop edx
        ret

; The zero-terminated text at ESI.
serial_text:
        push eax
        push esi
.next:  lodsb
        test al, al
        jz .done
        call serial_put
        jmp .next
.done:  pop esi
        pop eax
        ret

; EAX in decimal.
serial_number:
        push esi
        push edi
        push eax
        mov edi, words
        call put_number
        mov byte [edi], 0
        mov esi, words
        call serial_text
        pop eax
        pop edi
        pop esi
        ret
