%macro list 1-*
%rep %0
db %1
%rotate 1
%endrep
%endmacro
list 1, 2, 3, 4
%macro back 1-*
%rep %0
%rotate -1
db %1
%endrep
%endmacro
back 1, 2, 3
%macro pasted 2
%1_name: dw %1_name
pre%2: dw pre%2
mid%{1}dle: dw mid%{1}dle
%endmacro
pasted aa, bb
%macro span 1-*
db %{2:4}
db %{-1:1}
%endmacro
span 1, 2, 3, 4, 5
%macro condition 1
j%1 $
j%+1 $
j%-1 $
%endmacro
condition c
condition nz
%macro named 0
%ifidn %?, named
db 1
%endif
%endmacro
named
%macro labelled 0
%00: dw %00
%endmacro
lab: labelled
