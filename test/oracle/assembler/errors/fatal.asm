nop
%error first ; wrong
nop
%fatal second ; wrong
mov ax, eax
