bits 32
mov eax, [eax+bx]
mov eax, [eax*7]
mov eax, [eax+ebx+ecx]
mov ax, [ax]
mov ax, [cx+si]
mov eax, [esp*2]
mov eax, [al]
mov eax, [ebx
mov eax, [ebx*2+ecx*2]
mov eax, [-eax]
