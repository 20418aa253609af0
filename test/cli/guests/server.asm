; server - works for each request on COM1 and answers it; inside it is never the same twice.
;
; A Multiboot 1 loader enters `entry` in 32-bit protected mode, paging off. It says "server", and takes lines
;
;     NUMBER WORK                 decimal
;
; does WORK units of work, of some 130,000 instructions each, on a table of 64 KiB, and answers with
;
;     NUMBER SUM                  of the table's words after that work, modulo 2^32
;
; so answers depend on every request before them, and not on time. A hundred times a second, and at each request, it writes the time-stamp counter to 64 of
; 256 pages, about which nobody hears.

        bits 32
        org 0x100000

COM1            equ 0x3f8
STACK_TOP       equ 0x208000
STAMPS          equ 0x300000            ; 256 pages
TABLE           equ 0x240000            ; 16,384 words
TABLE_WORDS     equ 16384
STEPS           equ 16384               ; of a unit of work
VECTOR_BASE     equ 0x20
PIT_DIVISOR     equ 11932               ; 1.193182 MHz / 100

server_start:
        jmp entry
        align 4
multiboot_header:
        dd 0x1badb002, 1 << 16, -(0x1badb002 + (1 << 16))
        dd multiboot_header, server_start, server_end, server_end, entry

entry:
        cli
        cld
        mov esp, STACK_TOP
        lgdt [gdt_pointer]
        jmp 8:.reload
.reload:
        mov eax, 16
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov edi, TABLE
        mov ecx, TABLE_WORDS
        xor eax, eax
        rep stosd
        mov edi, idt + VECTOR_BASE * 8
        mov eax, timer_interrupt
        call put_gate
        add edi, 3 * 8
        mov eax, serial_interrupt
        call put_gate
        lidt [idt_pointer]
%ifdef FILLED
        mov edi, 0x1000000              ; so many MiB from 16 MiB on are no zeros, and no two pages are the same
        mov ecx, FILLED << 18
.fill:
        mov eax, ecx
        stosd
        loop .fill
%endif
        mov esi, ports
.port:
        lodsd                           ; port, value
        test eax, eax
        jz .set
        mov edx, eax
        shr edx, 16
        out dx, al
        jmp .port
.set:
        mov esi, greeting
.greet:
        lodsb
        test al, al
        jz .greeted
        call send
        jmp .greet
.greeted:
        sti

serve:
        call read_number
        push eax
        call read_number
        mov ecx, eax
        call stamp
        jecxz .done
.unit:
        push ecx
        mov ecx, STEPS
        mov eax, [seed]
.step:
        imul eax, eax, 1664525
        add eax, 1013904223
        mov edx, eax
        shr edx, 18
        add [TABLE + edx * 4], eax
        add [sum], eax
        dec ecx
        jnz .step
        mov [seed], eax
        pop ecx
        loop .unit
.done:
        pop eax
        call send_number
        mov al, ' '
        call send
        mov eax, [sum]
        call send_number
        mov al, 10
        call send
        jmp serve

; stamp: the time, to 64 pages.
stamp:
        pushad
        mov ecx, 64
.next:
        mov edi, [stamped]
        inc dword [stamped]
        and edi, 255
        shl edi, 12
        rdtsc
        mov [STAMPS + edi], eax
        mov [STAMPS + edi + 4], edx
        loop .next
        popad
        ret

; read_number: EAX is the next decimal number; what ends it is taken. Halts while there is none. Changes EDX.
read_number:
        push ebx
        xor ebx, ebx
.next:
        cli
        mov edx, [ring_out]
        cmp edx, [ring_in]
        jne .there
        sti
        hlt                             ; an interrupt between the two wakes it
        jmp .next
.there:
        inc dword [ring_out]
        and edx, 4095
        movzx eax, byte [ring + edx]
        sti
        sub eax, '0'
        cmp eax, 9
        ja .end
        imul ebx, ebx, 10
        add ebx, eax
        jmp .next
.end:
        mov eax, ebx
        pop ebx
        ret

timer_interrupt:
        pushad
        call stamp
        mov al, 0x20
        out 0x20, al
        popad
        iretd

serial_interrupt:
        pushad
.next:
        mov edx, COM1 + 5
        in al, dx
        test al, 1
        jz .end
        mov edx, COM1
        in al, dx
        mov ecx, [ring_in]
        inc dword [ring_in]
        and ecx, 4095
        mov [ring + ecx], al
        jmp .next
.end:
        mov al, 0x20
        out 0x20, al
        popad
        iretd

; put_gate: an interrupt gate to EAX at EDI, which moves on. Changes EAX.
put_gate:
        mov [edi], ax
        mov word [edi + 2], 8
        mov word [edi + 4], 0x8e00
        shr eax, 16
        mov [edi + 6], ax
        add edi, 8
        ret

; send: AL. Changes EDX.
send:
        push eax
        mov edx, COM1 + 5
.full:
        in al, dx
        test al, 0x20
        jz .full
        pop eax
        mov edx, COM1
        out dx, al
        ret

; send_number: EAX, decimal. Changes EAX, ECX, EDX.
send_number:
        mov ecx, 10
        push dword 0
.digit:
        xor edx, edx
        div ecx
        add edx, '0'
        push edx
        test eax, eax
        jnz .digit
.next:
        pop eax
        test eax, eax
        jz .done
        call send
        jmp .next
.done:
        ret

greeting:       db 'server', 10, 0
        align 4
ports:                                  ; port << 16 | value
        dd 0x200011, 0x210000 | VECTOR_BASE, 0x210004, 0x210001, 0x2100ee       ; PIC: IRQ 0 and 4
        dd 0xa00011, 0xa10000 | (VECTOR_BASE + 8), 0xa10002, 0xa10001, 0xa100ff
        dd 0x430034, 0x400000 | (PIT_DIVISOR & 0xff), 0x400000 | (PIT_DIVISOR >> 8)
        dd 0x3fb0080, 0x3f80001, 0x3f90000, 0x3fb0003, 0x3fa0007, 0x3fc000b, 0x3f90001
        dd 0
        align 8
gdt:            dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_end:
gdt_pointer:    dw gdt_end - gdt - 1
                dd gdt
idt_pointer:    dw (VECTOR_BASE + 16) * 8 - 1
                dd idt
        align 8
idt:            times (VECTOR_BASE + 16) * 8 db 0
seed:           dd 1
sum:            dd 0
stamped:        dd 0
ring_in:        dd 0                    ; bytes ever put in and ever taken out
ring_out:       dd 0
ring:           times 4096 db 0
        align 4096
server_end:
