; Time: PIT channel 0 at 1000 Hz.

PIT_FREQUENCY   equ 1193182
TICKS_PER_SECOND equ 1000
PIT_RELOAD      equ PIT_FREQUENCY / TICKS_PER_SECOND

clock_start:
        push eax
        mov al, 0x34                    ; channel 0, both bytes, mode 2: rate generator
        out PIT_CONTROL, al
        mov al, PIT_RELOAD & 0xff
        out PIT_CHANNEL0, al
        mov al, PIT_RELOAD >> 8
        out PIT_CHANNEL0, al
        pop eax
        ret

on_timer:
        inc dword [ticks]
        ret

; microseconds: EDX:EAX = time since clock_start. The counter gives what a tick is too coarse for.
microseconds:
        push ebx
        push ecx
        pushfd
        cli
        xor eax, eax
        out PIT_CONTROL, al             ; latch channel 0
        in al, PIT_CHANNEL0
        mov cl, al
        in al, PIT_CHANNEL0
        mov ch, al
        movzx ecx, cx
        mov ebx, [ticks]
        mov al, 0x0a                    ; read the request register
        out PIC1, al
        in al, PIC1
        test al, 1
        jz .counted
        cmp ecx, PIT_RELOAD / 2         ; the counter has wrapped and its tick is still waiting
        jb .counted
        inc ebx
.counted:
        popfd
        mov eax, PIT_RELOAD
        sub eax, ecx
        mov ecx, 1000
        mul ecx
        mov ecx, PIT_RELOAD
        div ecx
        mov ecx, eax                    ; microseconds within the tick
        mov eax, ebx
        mov ebx, 1000
        mul ebx
        add eax, ecx
        adc edx, 0
        ; An emulated counter may wrap a moment before its tick is raised; time must not go back for that.
        cmp edx, [latest + 4]
        ja .later
        jb .earlier
        cmp eax, [latest]
        jae .later
.earlier:
        mov eax, [latest]
        mov edx, [latest + 4]
.later:
        mov [latest], eax
        mov [latest + 4], edx
        pop ecx
        pop ebx
        ret

; put_time: " 12.034567", seconds since clock_start.
put_time:
        pushad
        call microseconds
        mov ebx, 1000000
        div ebx
        mov ecx, (' ' << 8) | 3
        call put_decimal_wide
        mov al, '.'
        call put
        mov eax, edx
        mov ecx, ('0' << 8) | 6
        call put_decimal_wide
        popad
        ret

; stamp: begins a line of the log.
stamp:
        say DARK, '['
        call put_time
        say DARK, '] '
        mov byte [colour], GREY
        ret
