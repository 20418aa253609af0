times forward db 0
forward equ 5
times -1 db 0
resb -1
