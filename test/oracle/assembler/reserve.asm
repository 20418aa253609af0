resb 3
db 1
resw 2
resd 1
resq 1
x equ 4
resb x*2
times 3 resb 2
db 2
section .bss
a: resb 4
b: resd 2
.c: resw 1
section .text
dw a, b, b.c
