%macro bad 1
mov ax, %1
mov ax, eax
%endmacro
nop
bad 5
bad ebx
%macro outer 0
bad 7
%endmacro
outer
%rep 2
mov al, bx
%endrep
