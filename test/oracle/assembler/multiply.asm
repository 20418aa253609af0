bits 32
mul bl
mul ecx
mul word [eax]
div dword [ebx]
idiv cl
imul bl
imul ebx
imul eax, ebx
imul ax, [ebx]
imul eax, 5
imul eax, 500
imul ax, -1
imul eax, ebx, 5
imul eax, ebx, 500
imul eax, [ebx], -128
imul ax, bx, 0xffff
neg eax
not byte [ebx]
inc eax
inc bx
inc byte [eax]
dec dword [ebx]
dec dl
test eax, ebx
test ebx, [eax]
test [eax], bl
test al, 5
test eax, 5
test bx, 5
test byte [eax], 5
test dword [eax], 5
