bits 48
org foo
section
align 3
[nonsense 5]
extern bar
