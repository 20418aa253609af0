section .data
db 1
%macro in_text 1
[section .text]
db %1
__SECT__
%endmacro
in_text 5
db 2
in_text 6
db 3
