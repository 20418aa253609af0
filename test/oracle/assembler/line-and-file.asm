dw __LINE__
db __FILE__
%line 100+1 other.asm
dw __LINE__
db __FILE__
dw __LINE__
%macro m 0
dw __LINE__
%endmacro
m
m
db __BITS__
bits 32
db __?BITS?__
dw __?LINE?__
db __NASM_MAJOR__
