bits 32
MAGIC equ 0x1badb002
FLAGS equ 1 << 16 | 3
org 0x100000
header: dd MAGIC, FLAGS, -(MAGIC + FLAGS)
        dd header, header, 0, 0, start
start:  mov esp, stack.top
        push eax
        push ebx
        call main
.hang:  hlt
        jmp .hang
main:   ret
section .bss
stack:  resb 4096
.top:
