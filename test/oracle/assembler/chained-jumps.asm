bits 16
%assign i 0
%rep 40
l%[i]: jmp m%[i]
times 3*i nop
m%[i]: jc l%[i]
jmp l0
%assign i i+1
%endrep
