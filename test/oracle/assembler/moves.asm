bits 16
mov ax, bx
mov eax, ebx
mov al, bl
mov ax, 5
mov eax, 5
mov al, 5
mov ah, 'a'
mov word [bx], 5
mov byte [bx], 5
mov dword [bx], 5
mov ds, ax
mov ax, ds
mov eax, ds
mov ds, eax
mov [bx], ds
mov ds, [bx]
mov es, [bx+si+5]
mov eax, cr0
mov cr0, eax
mov cr3, ebx
mov edx, cr2
mov cr4, eax
mov dr7, eax
mov eax, dr6
movzx ax, bl
movzx eax, bl
movzx eax, bx
movzx eax, byte [bx]
movzx eax, word [bx]
movsx ax, byte [bx]
movsx ecx, dx
bits 32
mov ds, ax
mov ax, ds
mov eax, ds
mov eax, cr0
movzx ax, byte [ebx]
