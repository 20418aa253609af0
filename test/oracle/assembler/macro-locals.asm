%macro wait_for 1
%%again: in al, %1
test al, 1
jz %%again
jmp %%done
nop
%%done:
%endmacro
wait_for 0x60
wait_for 0x64
%macro outer 1
%%label: dw %%label
inner %%label
%endmacro
%macro inner 1
%%label: dw %%label, %1
%endmacro
outer 1
outer 2
x:
.a: db 1
wait_for 5
.b: dw .a, x.b
