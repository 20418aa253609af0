; The console: an 80 x 25 text screen, mirrored to COM1.

TEXT_MEMORY     equ 0xb8000
COLUMNS         equ 80
ROWS            equ 25
SCREEN_CELLS    equ COLUMNS * ROWS

LINE_FEED       equ 10
RETURN          equ 13
BACKSPACE       equ 8

; console_start: programs COM1 to 115,200 baud 8N1 with its FIFO on, and clears the screen.
console_start:
        push esi
        push edx
        push eax
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
        pop eax
        pop edx
        pop esi
        ; fall through
clear_screen:
        pushad
        mov edi, TEXT_MEMORY
        mov ecx, SCREEN_CELLS
        mov eax, (GREY << 8) | ' '
        rep stosw
        mov dword [cursor], 0
        call place_cursor
        popad
        ret

; put_inline: prints the zero-terminated text behind the call and returns behind the text. Keeps the flags.
put_inline:
        xchg esi, [esp]
        pushfd
        push eax
.next:
        lodsb
        test al, al
        jz .done
        call put
        jmp .next
.done:
        pop eax
        popfd
        xchg esi, [esp]
        ret

; put_text: the zero-terminated text at ESI.
put_text:
        push esi
        push eax
.next:
        lodsb
        test al, al
        jz .done
        call put
        jmp .next
.done:
        pop eax
        pop esi
        ret

; put: the character in AL, in the current colour.
put:
        pushad
        mov edi, [cursor]
        cmp al, LINE_FEED
        je .line
        cmp al, BACKSPACE
        je .back
        call send
        mov ah, [colour]
        mov [TEXT_MEMORY + edi * 2], ax
        inc edi
        jmp .scroll
.back:
        dec edi
        mov word [TEXT_MEMORY + edi * 2], (GREY << 8) | ' '
        call send
        mov al, ' '
        call send
        mov al, BACKSPACE
        call send
        jmp .place
.line:
        mov al, RETURN
        call send
        mov al, LINE_FEED
        call send
        mov eax, edi
        xor edx, edx
        mov ecx, COLUMNS
        div ecx
        inc eax
        mul ecx
        mov edi, eax
.scroll:
        cmp edi, SCREEN_CELLS
        jb .place
        sub edi, COLUMNS
        push edi
        mov esi, TEXT_MEMORY + COLUMNS * 2
        mov edi, TEXT_MEMORY
        mov ecx, (SCREEN_CELLS - COLUMNS) / 2
        rep movsd
        mov ecx, COLUMNS
        mov eax, (GREY << 8) | ' '
        rep stosw
        pop edi
.place:
        mov [cursor], edi
        call place_cursor
        popad
        ret

; new_line and space, which are wanted all the time.
new_line:
        push eax
        mov al, LINE_FEED
        call put
        pop eax
        ret

space:
        push eax
        mov al, ' '
        call put
        pop eax
        ret

; column: spaces up to column AL of the line.
column:
        pushad
        movzx ebx, al
        mov eax, [cursor]
        xor edx, edx
        mov ecx, COLUMNS
        div ecx
        sub ebx, edx
        jbe .done
.next:
        call space
        dec ebx
        jnz .next
.done:
        popad
        ret

place_cursor:
        push eax
        push ebx
        push edx
        mov ebx, [cursor]
        mov edx, CRTC
        mov al, 0x0e                    ; cursor location, high byte
        mov ah, bh
        out dx, ax
        mov al, 0x0f                    ; low byte
        mov ah, bl
        out dx, ax
        pop edx
        pop ebx
        pop eax
        ret

; send: AL to COM1, waiting for room.
send:
        push edx
        push eax
        mov edx, COM1 + 5
.wait:
        in al, dx
        test al, 0x20                   ; transmitter holding register empty
        jz .wait
        pop eax
        mov edx, COM1
        out dx, al
        pop edx
        ret
