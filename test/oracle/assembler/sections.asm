org 0x7c00
section .text
mov ax, value
mov bx, zeros
jmp code
section .data
value: dw 5
section .bss
zeros: resb 10
more: resw 1
section .text
code: mov cx, more
lea dx, [value+2]
mov si, [zeros]
section .rodata align=16
constant: dd 7, value, constant
section .text
mov di, constant
dd section..data.start, section..rodata.vstart, section..bss.start
