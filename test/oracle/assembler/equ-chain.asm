a equ b+1
b equ c+1
c equ d-start
start: times 10 db 0
d: dw a, b, c
