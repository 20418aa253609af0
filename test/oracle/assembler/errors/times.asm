times forward db 0 ; wrong
forward equ 5
times -1 db 0 ; wrong
resb -1 ; wrong
