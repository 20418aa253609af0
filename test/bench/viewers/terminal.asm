; A Multiboot kernel that shows text as a program does that writes to a terminal: 80 x 25, twenty lines a second, each of words that differ, and the screen
; scrolls. Runs on the bench machine and, as it is, on QEMU's standard VGA, in the text mode that each begins in.
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

; The timer: 20 Hz on interrupt 32, all others masked.
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
        mov ax, 59659
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
        mov ebx, 0x2545f491
        sti

wait:   hlt
        cmp byte [due], 0
        je wait
        mov byte [due], 0
        mov esi, 0xb8000 + 160
        mov edi, 0xb8000
        mov ecx, 24 * 160 / 4
        rep movsd
; A line of up to 79 characters: small letters, with a space after every sixth or so.
        mov ecx, 80
        mov edx, ebx
        and edx, 63
letter: call random
        mov eax, ebx
        shr eax, 7
        and eax, 31
        cmp ecx, edx
        jb blank
        cmp al, 26
        jb shown
blank:  mov al, ' ' - 'a'
shown:  add al, 'a'
        mov ah, 7
        stosw
        dec ecx
        jnz letter
        jmp wait

random: mov eax, ebx                    ; xorshift32
        shl eax, 13
        xor ebx, eax
        mov eax, ebx
        shr eax, 17
        xor ebx, eax
        mov eax, ebx
        shl eax, 5
        xor ebx, eax
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
        align 4
due:    db 0
        align 8
idt:    times 33*8 db 0
        times 4096 db 0
stack:
end:
