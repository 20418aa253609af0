bits 32
%macro each 1-*
%rep %0
mov eax, [%1]
mov [%1+5], ebx
mov cl, [%1-0x80]
lea edx, [%1+0x12345678]
%rotate 1
%endrep
%endmacro
each eax, ebx, ecx, edx, esi, edi, ebp, esp
each eax+ebx, eax+ecx*2, ebp+eax*4, esp+ebp*8, ebp+ebp*2, eax*2, eax*3, eax*4, eax*5, eax*8, eax*9
each ebx+eax, esp+eax, eax+esp, ebp+eax, eax+ebp, eax*2+ebx, eax*1+ebx, ebx+eax*1, 2*eax, eax+eax, eax+eax*2
mov eax, [nosplit eax*2]
mov eax, [nosplit eax+eax]
mov eax, [nosplit eax*1]
mov eax, [eax*1]
mov eax, [eax,ebx*4]
mov eax, [byte eax]
mov eax, [dword eax]
mov eax, [byte ebp+4]
mov eax, [dword ebp+4]
mov eax, [word 5]
mov eax, [bx+si]
mov eax, [es:di]
mov eax, [(eax+4)*2-8]
mov eax, [eax+ebx-eax]
mov eax, [fs:0]
mov [gs:0x30], eax
mov al, [0x1234]
mov [0x1234], al
mov [0x1234], bl
