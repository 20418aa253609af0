bits 32
mov eax,[ebx] ; no spaces
mov	eax	,	[ ebx + 4 ]
label: mov eax, 5
label2 : mov eax, 5
label3:
db 1,
lea eax, [label3-label]
mov eax, (1+2)*3
mov eax, [(1+2)*3]
mov eax, 'abcd'
cmp al, 'a'
cmp al, `\n`
mov byte [ebx], 'x'
mov eax, ~0
mov eax, -1
mov eax, !1
test byte [ebx], ~1 & 0xff
and al, ~3
mov ax, -32768
mov al, 255
mov ax, word 5
mov eax, dword 5
mov dword [ebx], dword 5
