bits 16
jmp near_one
mov ax, [far_one]
mov bx, far_one - near_one
near_one: times 60 db 0
jz far_one
times 70 db 0
far_one: jnz near_one
mov cx, far_one
mov dx, [bx+far_one-near_one]
loop $
