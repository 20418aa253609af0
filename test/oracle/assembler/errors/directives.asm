bits 48 ; wrong
org foo ; wrong
section
align 3 ; wrong
[nonsense 5] ; wrong
extern bar
dw bar ; wrong
