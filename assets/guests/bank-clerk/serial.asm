; COM1: received bytes come by IRQ 4 into a ring, so that the clerk can halt while nobody asks.

LINE_STATUS     equ COM1 + 5
RING_SIZE       equ 4096                ; a power of two

serial_start:
        pushad
        mov esi, serial_setup
.next:
        lodsw
        cmp al, 0xff
        je .done
        movzx edx, al
        add edx, COM1
        mov al, ah
        out dx, al
        jmp .next
.done:
        popad
        ret

serial_setup:                           ; register, value: 115,200 baud 8N1, FIFO on with one byte to trigger, OUT2, interrupt for each byte
        db 3, 0x80, 0, 1, 1, 0, 3, 3, 2, 0x07, 4, 0x0b, 1, 0x01
        db 0xff, 0xff

; serial_interrupt: what the receiver holds goes to the ring. What finds no room stays in the chip until the next byte comes or is taken.
serial_interrupt:
        pushad
.next:
        call take_byte
        jnc .next
        mov al, 0x20                    ; end of interrupt
        out 0x20, al
        popad
        iretd

; take_byte: carry when there is none, or no room. Interrupts are off. Changes EAX, ECX, EDX.
take_byte:
        mov ecx, [ring_in]
        mov eax, ecx
        sub eax, [ring_out]
        cmp eax, RING_SIZE
        je .none
        mov edx, LINE_STATUS
        in al, dx
        test al, 1
        jz .none
        mov edx, COM1
        in al, dx
        and ecx, RING_SIZE - 1
        mov [ring + ecx], al
        inc dword [ring_in]
        clc
        ret
.none:
        stc
        ret

; read_line: ESI is the next line without its end, zero-terminated; halts until there is one. Of a longer line the first bytes count. Changes EAX, ECX, EDX.
LINE_SIZE       equ 64

read_line:
        push edi
        mov edi, line
.next:
        cli
        mov ecx, [ring_out]
        cmp ecx, [ring_in]
        jne .there
        call take_byte                  ; the ring was full when it came
        jnc .next
        sti
        hlt                             ; an interrupt between the two wakes it
        jmp .next
.there:
        and ecx, RING_SIZE - 1
        mov al, [ring + ecx]
        inc dword [ring_out]
        sti
        cmp al, 10
        je .end
        cmp al, 13
        je .next
        cmp edi, line + LINE_SIZE - 1
        je .next
        stosb
        jmp .next
.end:
        mov byte [edi], 0
        mov esi, line
        pop edi
        ret

; send: AL.
send:
        push edx
        push eax
        mov edx, LINE_STATUS
.full:
        in al, dx
        test al, 0x20                   ; THRE
        jz .full
        mov edx, COM1
        mov al, [esp]
        out dx, al
        pop eax
        pop edx
        ret

; send_number: EAX, decimal.
send_number:
        push esi
        push eax
        call digits_of
.next:
        lodsb
        test al, al
        jz .done
        call send
        jmp .next
.done:
        pop eax
        pop esi
        ret

; digits_of: ESI is the text of EAX, zero-terminated, until the next call.
digits_of:
        push eax
        push ebx
        push edx
        mov esi, digits_end
        mov byte [esi], 0
        mov ebx, 10
.next:
        xor edx, edx
        div ebx
        add dl, '0'
        dec esi
        mov [esi], dl
        test eax, eax
        jnz .next
        pop edx
        pop ebx
        pop eax
        ret

digits:         times 10 db 0
digits_end:     db 0
line:           times LINE_SIZE db 0
        align 4
ring_in:        dd 0                    ; bytes ever put in and ever taken out
ring_out:       dd 0
ring:           times RING_SIZE db 0
