; What the clerk shows: text memory, 80 by 25.

SCREEN          equ 0xb8000
COLUMNS         equ 80

screen_start:
        pushad
        mov edi, SCREEN
        mov ecx, COLUMNS * 25
        mov eax, 0x0720
        rep stosw
        mov esi, title
        mov edi, SCREEN + 2 * (1 * COLUMNS + 2)
        mov ah, 0x0f
        call put_text
        popad
        ret

; put_text: the text at ESI to EDI, which moves behind it, in colour AH. Changes AL, ESI.
put_text:
        lodsb
        test al, al
        jz .done
        stosw
        jmp put_text
.done:
        ret

; put_value: row CL, name at ESI, number EDX.
put_value:
        pushad
        movzx eax, cl
        imul eax, 2 * COLUMNS
        lea edi, [eax + SCREEN + 4]
        mov ah, 0x07
        call put_text
        mov eax, edx
        call digits_of
        mov ah, 0x0b
        call put_text
        mov eax, 0x0720                 ; a shorter number than before
        mov ecx, 10
        rep stosw
        popad
        ret

draw:
        pushad
        mov esi, name_requests
        mov cl, 3
        mov edx, [ledger + Ledger.last]
        call put_value
        mov esi, name_total
        mov cl, 4
        mov edx, [ledger + Ledger.total]
        call put_value
        mov esi, name_refused
        mov cl, 5
        mov edx, [refused]
        call put_value
        mov esi, name_errors
        mov cl, 6
        mov edx, [disk_errors]
        call put_value
        mov edi, SCREEN + 2 * (8 * COLUMNS + 2)
        mov ah, 0x07
        mov esi, with_disk
        cmp byte [has_disk], 0
        jne .put
        mov esi, without_disk
.put:
        call put_text
        popad
        ret

title:          db 'Bank clerk: a ledger, and a line for each request on COM1', 0
name_requests:  db 'Requests     ', 0
name_total:     db 'Total        ', 0
name_refused:   db 'Refused      ', 0
name_errors:    db 'Disk errors  ', 0
with_disk:      db 'The ledger is on the disk.                                    ', 0
without_disk:   db 'There is no disk: the ledger lasts until the machine is off.  ', 0
        align 4
refused:        dd 0
