org 0x100
db 1
align 4
db 2
align 16, db 0x55
db 3
align 8, int3
dw 4
alignb 4
db 5
align 32
section .data
db 1
align 64
db 2
section .other align=8
db 3
