nop
%error first
nop
%fatal second
mov ax, eax
