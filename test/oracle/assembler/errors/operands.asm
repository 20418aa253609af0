bits 32
mov ax
mov eax, bx
mov [eax], 5
mov 5, ax
mov eax, ebx, ecx
push [eax]
inc [eax]
movzx eax, [ebx]
lea eax, ebx
mov cs
jmp
int
nop
ret eax
shl eax, ebx
in eax, 5, 6
add [eax], [ebx]
mov cr0, 5
xchg eax, 5
pop 5
