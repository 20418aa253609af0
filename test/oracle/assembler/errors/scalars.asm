org 0x100
x: nop
section .data
y: nop
section .text
dw x * 2
dw x / 2
dw x + y
dw y - x
dw ~x
mov ax, [x+y]
dw x >> 4
