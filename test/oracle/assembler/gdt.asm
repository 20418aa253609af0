bits 16
org 0x7c00
%macro descriptor 4
dw %2 & 0xffff, %1 & 0xffff
db (%1 >> 16) & 0xff, %3, (%2 >> 16) & 0xf | %4 << 4, (%1 >> 24) & 0xff
%endmacro
cli
lgdt [gdtr]
mov eax, cr0
or al, 1
mov cr0, eax
jmp dword 8:protected
gdt: dq 0
descriptor 0, 0xfffff, 0x9a, 0xc
descriptor 0, 0xfffff, 0x92, 0xc
descriptor 0x12345678, 0xabcd, 0xfa, 4
.end:
gdtr: dw gdt.end - gdt - 1
dd gdt
bits 32
protected: mov ax, 0x10
mov ds, ax
mov ss, ax
mov esp, 0x90000
hlt
