bits 16
org 0x100
start:
jmp start
jmp dword start
jmp dword far [bx]
jmp far [bx]
call far [bx]
jmp 0xf000:0xfff0
jmp dword 8:start
call dword 8:start
loop start
loop start, ecx
jecxz start
jcxz start
o32 ret
o32 iret
retd
iretd
int 0x10
jc far_away
jnc far_away
times 200 db 0x90
far_away:
