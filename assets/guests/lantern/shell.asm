; The shell: reads a line, finds the command, calls it with ESI at its arguments.

shell:
        mov esp, STACK_TOP
        sti
.next:
        say CYAN, 'lantern:/# '
        mov byte [colour], WHITE
        call read_line
        mov byte [colour], GREY
        mov esi, line
        call skip_blanks
        cmp byte [esi], 0
        je .next
        mov edi, commands
.compare:
        cmp dword [edi], 0
        je .unknown
        push esi
        mov ebx, [edi]                  ; name
.letter:
        mov al, [ebx]
        test al, al
        jz .whole
        cmp al, [esi]
        jne .other
        inc esi
        inc ebx
        jmp .letter
.whole:
        cmp byte [esi], ' '             ; the word on the line ends here as well
        ja .other
        add esp, 4
        call [edi + 4]
        jmp .next
.other:
        pop esi
        add edi, 16
        jmp .compare
.unknown:
        say YELLOW, 'no such command; try help', LINE_FEED
        jmp .next

; usage: what EDI's command wants; commands jump here when their arguments are wrong.
usage:
        say YELLOW, 'usage: '
        mov esi, [edi]
        call put_text
        call space
        mov esi, [edi + 8]
        call put_text
        call new_line
        ret

command_help:
        mov edi, commands
.next:
        mov esi, [edi]
        test esi, esi
        jz .done
        say WHITE, '  '
        call put_text
        call space
        mov byte [colour], GREY
        mov esi, [edi + 8]
        call put_text
        mov al, 20
        call column
        mov byte [colour], DARK
        mov esi, [edi + 12]
        call put_text
        call new_line
        add edi, 16
        jmp .next
.done:
        ret

command_clear:
        jmp clear_screen
