; COM1: a line a second for who watches from outside.

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

; say: the zero-terminated text at ESI, which moves behind it.
say:
        push eax
.next:
        lodsb
        test al, al
        jz .done
        call send
        jmp .next
.done:
        pop eax
        ret

send:
        push edx
        push eax
        mov edx, COM1 + 5
.full:
        in al, dx
        test al, 0x20
        jz .full
        mov edx, COM1
        mov al, [esp]
        out dx, al
        pop eax
        pop edx
        ret

; say_number: EAX without commas. say_time: EAX ticks in microseconds.
say_number:
        pushad
        xor edx, edx
        call number
.next:
        lodsb
        cmp al, ','
        je .next
        call send
        cmp esi, digits_end
        jb .next
        popad
        ret

say_time:
        pushad
        call tenths
        call say                        ; a zero follows the digits
        popad
        ret

; said text...
%macro said 1+
        push esi
        mov esi, %%text
        call say
        pop esi
        jmp %%end
%%text: db %1, 0
%%end:
%endmacro

; report: what `draw` has added up.
report:
        pushad
        said 'smm-lab: '
        mov eax, [processors]
        call say_number
        said ' processors, '
        mov eax, [total_taken]
        call say_number
        said ' of '
        mov eax, [total_sent]
        call say_number
        said ' SMIs taken, '
        mov eax, [total_leaks]
        call say_number
        said ' leaks, '
        mov eax, [total_loads]
        call say_number
        said ' loads, shortest trip '
        mov eax, [shortest_trip]
        call say_time
        cmp byte [is_locked], 0
        je .open
        said ' us, locked', 13, 10
        popad
        ret
.open:
        said ' us, not locked', 13, 10
        popad
        ret

serial_setup:                           ; register, value: 115,200 baud 8N1, FIFO on, no interrupts
        db 1, 0, 3, 0x80, 0, 1, 1, 0, 3, 3, 2, 7, 4, 3
        db 0xff, 0xff
