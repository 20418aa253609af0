absolute 0x500
first: resb 4
second: resw 2
.inner: resb 1
section .text
mov ax, [first]
mov al, [bx+second-first]
mov eax, [ebx+(second-first)]
dw first, second, second.inner
org 0x100
x: db 1
absolute x
y: resb 5
z:
section .text
dw y, z
