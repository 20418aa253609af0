a: nop
b: nop
a: nop
.x: nop
.x: nop
c equ 5
c equ 6
