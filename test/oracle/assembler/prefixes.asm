bits 32
lock inc dword [eax]
lock add [eax], ebx
rep
movsb
lock
inc dword [eax]
es
movsb
o16 nop
a16 nop
o16 push 5
o16 pusha
repne
rep ret
es jmp near [eax]
lock xchg [eax], bl
a16 loop $
bits 16
o32 nop
a32 nop
o32 pusha
o32 push es
ds nop
