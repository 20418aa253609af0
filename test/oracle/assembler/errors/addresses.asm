bits 32
mov eax, [eax+bx] ; wrong
mov eax, [eax*7] ; wrong
mov eax, [eax+ebx+ecx] ; wrong
mov ax, [ax] ; wrong
mov ax, [cx+si] ; wrong
mov eax, [esp*2] ; wrong
mov eax, [al] ; wrong
mov eax, [ebx ; wrong
mov eax, [ebx*2+ecx*2] ; wrong
mov eax, [-eax] ; wrong
