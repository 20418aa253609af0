%macro bad 1
mov ax, %1
mov ax, eax
%endmacro
nop
bad 5 ; wrong
bad ebx ; wrong
%macro outer 0
bad 7
%endmacro
outer ; wrong
%rep 2
mov al, bx ; wrong
%endrep
