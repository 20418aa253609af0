%macro define_one 1
%macro %1 1
db %%1, 5
%endmacro
%endmacro
%macro maker 1
%assign count count + %1
%endmacro
%assign count 0
maker 5
maker 7
db count
%macro rec 1
%if %1 > 0
db %1
rec %1-1
%endif
%endmacro
%macro unroll 2
%assign k 0
%rep %1
%2
%assign k k+1
%endrep
%endmacro
unroll 3, {db k}
%macro with_default 0-1 {1, 2}
db %1
%endmacro
with_default
with_default 5
%unmacro maker 1
%ifmacro maker
db 1
%else
db 2
%endif
%macro leave_early 1
db 1
%if %1
%exitmacro
%endif
db 2
%endmacro
leave_early 0
leave_early 1
