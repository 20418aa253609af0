section .data
d: db 1,2,3
section .text
c: dw d, c, e
section .extra
e: db 9
section .bss
z: resb 3
section .late
l: dw z, l, d
