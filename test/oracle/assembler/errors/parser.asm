foo ax, bx
mov ax, (1+2
db (1
mov ax, 1 +
dw 1 2
mov ax, * 5
db 'unclosed
mov ax, 12abc
: nop
mov ax, bx cx
