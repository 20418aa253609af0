bits 32
%macro handler 1
isr%1: push dword %1
jmp shared
%endmacro
%assign n 0
%rep 48
handler n
%assign n n+1
%endrep
shared: pusha
popa
add esp, 4
iret
table:
%assign n 0
%rep 48
dd isr%[n]
%assign n n+1
%endrep
