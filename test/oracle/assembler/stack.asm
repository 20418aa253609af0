bits 32
push eax
push ax
push dword [eax]
push word [eax]
push 5
push -1
push 500
push 0xffffffff
push byte 5
push word 5
push word 500
push dword 5
push strict dword 5
push strict word 5
push strict byte 5
push es
push cs
push ss
push ds
push fs
push gs
pop eax
pop ax
pop dword [eax]
pop es
pop ss
pop ds
pop fs
pop gs
pusha
pushad
pushaw
popa
popaw
pushf
pushfw
pushfd
popf
popfd
enter 16, 0
leave
bits 16
push eax
push ax
push 5
push dword 5
push dword 0x12345
push 0xffff
push fs
pushad
pushfd
popfd
leave
o32 leave
