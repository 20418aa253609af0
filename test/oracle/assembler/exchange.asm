bits 32
xchg eax, ebx
xchg ebx, eax
xchg ecx, ebx
xchg ax, cx
xchg al, bl
xchg [eax], bl
xchg bl, [eax]
xchg ebx, [eax]
xchg [eax], bx
xchg eax, eax
xchg ax, ax
cmpxchg [eax], bl
cmpxchg ebx, ecx
lock cmpxchg [eax], ecx
xadd [eax], ecx
lock xadd [eax], al
cmpxchg8b [eax]
lock cmpxchg8b qword [ebx]
bswap eax
bswap edi
