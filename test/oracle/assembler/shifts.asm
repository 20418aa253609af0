bits 32
%macro s 1
%1 al, 1
%1 al, cl
%1 al, 5
%1 ax, 1
%1 eax, cl
%1 eax, 31
%1 byte [ebx], 1
%1 word [ebx], cl
%1 dword [ebx], 5
%1 eax, byte 1
%endmacro
s rol
s ror
s rcl
s rcr
s shl
s sal
s shr
s sar
shld eax, ebx, 5
shld [eax], ebx, cl
shrd ax, bx, cl
shrd [eax], bx, 1
bt eax, ebx
bt [eax], ebx
bt dword [eax], 5
bts ax, 5
btr word [eax], 5
btc [eax], cx
bsf eax, [ebx]
bsr ax, bx
