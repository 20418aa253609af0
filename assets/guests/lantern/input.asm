; Keys from the i8042 (IRQ 1) and characters from COM1 (IRQ 4), in one queue.

KEY_RELEASED    equ 0x80
KEY_LEFT_SHIFT  equ 0x2a
KEY_RIGHT_SHIFT equ 0x36

on_keyboard:
        xor eax, eax
        in al, KEYBOARD_DATA
        mov ebx, eax
        and ebx, 0x7f
        cmp bl, KEY_LEFT_SHIFT
        je .shift
        cmp bl, KEY_RIGHT_SHIFT
        je .shift
        test al, KEY_RELEASED
        jnz .done
        cmp ebx, KEY_COUNT
        jae .done
        mov esi, keys_plain
        cmp byte [shifted], 0
        je .look
        mov esi, keys_shifted
.look:
        mov al, [esi + ebx]
        test al, al
        jnz store
.done:
        ret
.shift:
        not al
        and al, KEY_RELEASED
        mov [shifted], al
        ret

on_serial:
        mov edx, COM1 + 5
        in al, dx
        test al, 1                      ; data ready
        jz .done
        mov edx, COM1
        in al, dx
        call store
        jmp on_serial
.done:
        ret

; store: AL into the queue; dropped when it is full. Changes EBX.
store:
        mov ebx, [stored]
        sub ebx, [taken]
        cmp ebx, QUEUE_SIZE
        jae .full
        mov ebx, [stored]
        and ebx, QUEUE_SIZE - 1
        mov [queue + ebx], al
        inc dword [stored]
.full:
        ret

; read_key: waits for a character, into AL. Interrupts are on afterwards.
read_key:
        push ebx
.wait:
        cli
        mov ebx, [taken]
        cmp ebx, [stored]
        jne .have
        sti                             ; takes effect after HLT has begun, so no interrupt is slept over
        hlt
        jmp .wait
.have:
        sti
        and ebx, QUEUE_SIZE - 1
        mov al, [queue + ebx]
        inc dword [taken]
        pop ebx
        ret

; read_line: a line into `line`, zero-terminated, with echo and Backspace.
read_line:
        push eax
        push edi
        mov edi, line
.next:
        call read_key
        cmp al, RETURN
        je .end
        cmp al, LINE_FEED
        je .end
        cmp al, BACKSPACE
        je .back
        cmp al, 0x7f
        je .back
        cmp al, ' '
        jb .next
        cmp edi, line + LINE_SIZE
        jae .next
        stosb
        call put
        jmp .next
.back:
        cmp edi, line
        je .next
        dec edi
        mov al, BACKSPACE
        call put
        jmp .next
.end:
        mov byte [edi], 0
        call new_line
        pop edi
        pop eax
        ret
