%define yes 1
%define no 0
%if yes
db 1
%else
db 2
%endif
%if no
db 3
%elif yes
db 4
%else
db 5
%endif
%if no
%if yes
db 6
%else
db 7
%endif
%elif no
db 8
%else
db 9
%endif
%if 1 == 1 && 2 > 1 || 0
db 10
%endif
%ifn no
db 11
%endif
%ifdef yes
db 12
%endif
%ifndef nothing
db 13
%endif
%ifdef nothing
db 14
%elifdef yes
db 15
%endif
%macro m 1-2
%endmacro
%ifmacro m 1
db 16
%endif
%ifmacro m 3
db 17
%endif
%ifmacro m
db 18
%endif
%ifnmacro zz 0
db 19
%endif
%if yes
%ifdef nothing
bogus text here 'unclosed
%endif
%endif
