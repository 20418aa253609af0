bits 32
mov ax ; wrong
mov eax, bx ; wrong
mov [eax], 5 ; wrong
mov 5, ax ; wrong
mov eax, ebx, ecx ; wrong
push [eax] ; wrong
inc [eax] ; wrong
movzx eax, [ebx] ; wrong
lea eax, ebx ; wrong
mov cs ; wrong
jmp ; wrong
int ; wrong
nop
ret eax ; wrong
shl eax, ebx ; wrong
in eax, 5, 6 ; wrong
add [eax], [ebx] ; wrong
mov cr0, 5 ; wrong
xchg eax, 5 ; wrong
pop 5 ; wrong
