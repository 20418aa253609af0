foo ax, bx ; wrong
mov ax, (1+2 ; wrong
db (1 ; wrong
mov ax, 1 + ; wrong
dw 1 2 ; wrong
mov ax, * 5 ; wrong
db 'unclosed ; wrong
mov ax, 12abc ; wrong
: nop ; wrong
mov ax, bx cx ; wrong
