; What the guests of benchmarks have around them that do something so many times a second: a Multiboot kernel at 1 MiB, 32-bit, flat, that goes on at `main`,
; and the timer's interrupt. They run on the bench machine and, as they are, on QEMU.
        bits 32
        org 0x100000

        align 4
header: dd 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
        dd header, header, end, end, start

start:  cli
        cld
        mov esp, stack
        lgdt [gdt_pointer]
        jmp 8:flat
flat:   mov ax, 16
        mov ds, ax
        mov es, ax
        mov ss, ax
        jmp main

; The timer on interrupt 32, AX = 1,193,182 Hz divided by how often; all other interrupts masked.
start_timer:
        push eax
        mov al, 0x11
        out 0x20, al
        mov al, 32
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, 0xfe
        out 0x21, al
        mov al, 0xff
        out 0xa1, al
        mov al, 0x34
        out 0x43, al
        pop eax
        out 0x40, al
        mov al, ah
        out 0x40, al
        mov eax, tick
        mov [idt+32*8], ax
        shr eax, 16
        mov [idt+32*8+6], ax
        mov word [idt+32*8+2], 8
        mov word [idt+32*8+4], 0x8e00
        lidt [idt_pointer]
        sti
        ret

; Sleeps until the next time has come.
await_tick:
        hlt
        cmp byte [due], 0
        je await_tick
        mov byte [due], 0
        ret

tick:   push eax
        mov byte [due], 1
        mov al, 0x20
        out 0x20, al
        pop eax
        iretd

        align 8
gdt:    dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        dw 23
        dd gdt
idt_pointer:
        dw 33*8-1
        dd idt
due:    db 0
        align 8
idt:    times 33*8 db 0
        times 4096 db 0
stack:
