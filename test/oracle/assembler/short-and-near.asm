bits 16
a: jmp b
times 126 nop
b: jmp c
times 127 nop
c: jmp d
times 128 nop
d: jmp a
je a
jmp short $+2
jmp $
jmp near $
je e
times 124 nop
je e
e: call a
jmp e+1
jmp e-200
