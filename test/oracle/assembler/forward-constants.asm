bits 32
add eax, small
add eax, large
push small
push large
mov al, [ebx+small]
mov al, [ebx+large]
imul eax, ebx, small
cmp word [eax], small
and ecx, label2-label1
label1: times 5 nop
label2:
small equ 5
large equ 500
sub ecx, label2-label1
mov eax, [ebx+label2-label1]
mov eax, [ebx+label1]
add eax, label1
push label1
