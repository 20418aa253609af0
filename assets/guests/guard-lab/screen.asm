; Text on the screen and on COM1 at once.

serial_start:
        push eax
        push edx
        mov dx, COM1 + 3
        mov al, 0x80                    ; divisor latch
        out dx, al
        mov dx, COM1
        mov al, 1                       ; 115200
        out dx, al
        inc dx
        xor al, al
        out dx, al
        mov dx, COM1 + 3
        mov al, 3                       ; 8N1
        out dx, al
        pop edx
        pop eax
        ret

screen_clear:
        pusha
        mov edi, TEXT_SCREEN
        mov eax, 0x07200720
        mov ecx, COLUMNS * ROWS / 2
        rep stosd
        mov dword [cursor], 0
        mov ah, WHITE
        mov esi, text_title
        call put_text
        popa
        ret

menu:
        pusha
        mov dword [cursor], 8 * COLUMNS
        mov ah, GREY
        mov esi, text_menu
        call put_text
        mov dword [log_at], 11 * COLUMNS
        popa
        ret

; The log goes on; when it is full it begins at its top again.
log_row:
        push eax
        mov eax, [log_at]
        cmp eax, (ROWS - 2) * COLUMNS
        jb .room
        mov eax, 11 * COLUMNS
.room:  mov [cursor], eax
        pop eax
        ret

; Ends a line of the log.
line_end:
        push eax
        call next_row
        mov eax, [cursor]
        mov [log_at], eax
        pop eax
        ret

; Blanks the rest of the row and goes to the next.
next_row:
        push eax
        push ecx
        push edx
        mov eax, [cursor]
        xor edx, edx
        mov ecx, COLUMNS
        div ecx
        mov ecx, COLUMNS
        sub ecx, edx
.blank: mov eax, [cursor]
        mov word [TEXT_SCREEN + eax * 2], 0x0720
        inc dword [cursor]
        loop .blank
        mov al, 13
        call serial_put
        mov al, 10
        call serial_put
        pop edx
        pop ecx
        pop eax
        ret

; The text at ESI up to its zero, in colour AH; 10 ends the row.
put_text:
        push eax
        push esi
.each:  mov al, [esi]
        inc esi
        test al, al
        jz .done
        cmp al, 10
        je .row
        call put_character
        jmp .each
.row:   call next_row
        jmp .each
.done:  pop esi
        pop eax
        ret

; AL in colour AH.
put_character:
        push ebx
        mov ebx, [cursor]
        mov [TEXT_SCREEN + ebx * 2], ax
        inc dword [cursor]
        pop ebx
; AL to COM1, but for what is drawn again and again.
serial_put:
        cmp byte [quiet], 0
        jne .done
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
.done:  ret

; EAX as a digit and a space.
put_digit:
        push eax
        add al, '0'
        mov ah, WHITE
        call put_character
        mov al, ' '
        call put_character
        pop eax
        ret

; EAX, unsigned.
put_decimal:
        pusha
        mov ecx, 10
        xor ebx, ebx
.split: xor edx, edx
        div ecx
        push edx
        inc ebx
        test eax, eax
        jnz .split
.put:   pop eax
        add al, '0'
        mov ah, WHITE
        call put_character
        dec ebx
        jnz .put
        popa
        ret

; EAX as eight hexadecimal digits.
put_hex:
        pusha
        mov edx, eax
        mov ecx, 8
.each:  rol edx, 4
        mov al, dl
        and al, 15
        cmp al, 10
        jb .digit
        add al, 'a' - '0' - 10
.digit: add al, '0'
        mov ah, WHITE
        call put_character
        loop .each
        popa
        ret
