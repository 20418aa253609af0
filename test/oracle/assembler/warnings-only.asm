db 300, -200
dw 70000
mov al, 300
mov ax, 70000
add bl, 300
lonely
bits 32
mov eax, 0x123456789
lock mov eax, ebx
