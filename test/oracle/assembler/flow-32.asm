bits 32
start:
jmp start
jmp near start
jmp short start
jmp strict near start
jmp word start
jmp dword start
call start
call dword start
call word start
jmp eax
jmp ax
call eax
jmp [eax]
jmp dword [eax]
jmp word [eax]
call [eax]
jmp far [eax]
jmp word far [eax]
jmp dword far [eax]
call far [eax]
call far word [eax]
jmp 8:start
jmp 0x10:0x12345
jmp word 8:start
call 8:start
jmp end
times 130 nop
jmp end
je end
loop end
jcxz end
jecxz end
loop end, cx
loop end, ecx
loope end
loopnz end
end:
ret
ret 4
retn
retf
retf 8
retw
retfw
iret
iretd
iretw
int 3
int3
int1
int 0x80
into
jmp 0x100
call 0x12345
