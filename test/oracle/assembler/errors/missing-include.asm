nop
%include "missing.inc" ; wrong
mov ax, eax ; wrong
incbin "missing.bin" ; wrong
