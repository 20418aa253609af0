org 0x100
x: nop
section .data
y: nop
section .text
dw x * 2 ; wrong
dw x / 2 ; wrong
dw x + y ; wrong
dw y - x ; wrong
dw ~x ; wrong
mov ax, [x+y] ; wrong
dw x >> 4 ; wrong
