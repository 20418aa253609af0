org 0x1000
start: dw $, $$, $-$$, start, end-start, $-start
dd start+4, 4+start, end-4, -start+end
times 3 dw $-$$
dw ($-$$)/2
times 4 - (($-$$) % 4) db 0xff
x: equ $
y equ x+2
dw x, y
end:
%if ($-$$) > 10
db 'big'
%else
db 'small'
%endif
