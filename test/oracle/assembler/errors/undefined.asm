mov ax, nowhere ; wrong
jmp missing ; wrong
start: dw start, gone ; wrong
db 1
dw lost + 5 ; wrong
