bits 16
times 5 jmp there
there:
times 3 je back
times 130 nop
back:
times 2 jmp there
times 3 call back
times 2 mov ax, $
x: times 2 dw x, $
