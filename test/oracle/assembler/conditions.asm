bits 16
x:
%macro conditions 1-*
%rep %0
j%1 x
set%1 al
set%1 [bx]
cmov%1 ax, bx
cmov%1 eax, [bx]
j%-1 x
%rotate 1
%endrep
%endmacro
conditions a, ae, b, be, c, e, g, ge, l, le, na, nae, nb, nbe, nc, ne, ng, nge, nl, nle, no, np, ns, nz, o, p, pe, po, s, z
