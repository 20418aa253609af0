bits 32
%macro all 1
%1 al, 5
%1 al, -1
%1 ax, 5
%1 ax, 500
%1 ax, -1
%1 ax, 0xffff
%1 ax, 0xff80
%1 eax, 5
%1 eax, 500
%1 eax, -128
%1 eax, -129
%1 eax, 0xffffffff
%1 ebx, 127
%1 ebx, 128
%1 bl, 0x80
%1 bl, bh
%1 bx, cx
%1 ebx, ecx
%1 [ebx], al
%1 [ebx], ax
%1 [ebx], eax
%1 al, [ebx]
%1 ax, [ebx]
%1 eax, [ebx]
%1 byte [ebx], 5
%1 word [ebx], 5
%1 dword [ebx], 5
%1 word [ebx], 500
%1 dword [ebx], 500
%1 eax, strict dword 5
%1 ebx, strict dword 5
%1 ax, strict word 5
%1 ebx, strict byte 5
%1 [ebx], byte 5
%endmacro
all add
all or
all adc
all sbb
all and
all sub
all xor
all cmp
