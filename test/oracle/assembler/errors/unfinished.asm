nop
%if 1
mov ax, eax
