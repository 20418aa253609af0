bits 16
%macro all 1
%1 al, 5
%1 ax, 5
%1 ax, 500
%1 ax, -1
%1 eax, 5
%1 eax, 500
%1 eax, -128
%1 bx, cx
%1 ebx, ecx
%1 [bx], al
%1 [bx+si], ax
%1 [bx+di+1], eax
%1 al, [bp+si]
%1 ax, [bp+di+500]
%1 eax, [bp]
%1 byte [si], 5
%1 word [di], 5
%1 dword [0x1234], 5
%endmacro
%rep 1
all add
all cmp
all xor
%endrep
