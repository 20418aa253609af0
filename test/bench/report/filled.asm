; Writes every dword of the memory above 1 MiB, says so on COM1, and goes on counting. The size comes with -d or below.
        org 0x7c00
        bits 16
%ifndef MEBIBYTES
%define MEBIBYTES 2048
%endif
start:  cli
        xor ax, ax
        mov ds, ax
        lgdt [gdtr]
        in al, 0x92
        or al, 2
        out 0x92, al
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 8:flat
        bits 32
flat:   mov ax, 16
        mov ds, ax
        mov es, ax
        mov edi, 0x100000
        mov ecx, (MEBIBYTES - 1) << 18
        mov eax, 0x5a17c0de
        rep stosd
        mov dx, 0x3f8
        mov al, '!'
        out dx, al
count:  inc ebx
        jmp count
gdt:    dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdtr:   dw 23
        dd gdt
        times 510 - ($ - $$) db 0
        dw 0xaa55
