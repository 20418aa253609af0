a: nop
b: nop
a: nop ; wrong
.x: nop
.x: nop ; wrong
c equ 5
c equ 6 ; wrong
