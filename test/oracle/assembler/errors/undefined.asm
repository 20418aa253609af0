mov ax, nowhere
jmp missing
start: dw start, gone
db 1
dw lost + 5
