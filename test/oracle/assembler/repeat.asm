%assign i 0
%rep 10
db i
%assign i i+1
%endrep
%rep 0
db 99
%endrep
%rep 3
%rep 2
db 7
%endrep
db 8
%endrep
%assign n 1
%rep 100
%if n > 50
%exitrep
%endif
dw n
%assign n n*2
%endrep
%macro fill 2
%rep %1
db %2
%endrep
%endmacro
fill 3, 4
fill 2, 'x'
