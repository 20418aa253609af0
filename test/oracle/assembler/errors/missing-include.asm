nop
%include "missing.inc"
mov ax, eax
incbin "missing.bin"
