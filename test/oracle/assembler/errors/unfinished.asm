nop
%if 1 ; wrong
mov ax, eax ; wrong
