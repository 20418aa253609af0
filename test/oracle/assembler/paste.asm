%define name(x) label_ %+ x
name(one): db 1
name(two): db 2
dw name(one), name(two), label_one
ab equ 6
%define join(x,y) x %+ y
db join(a, b)
%assign n 3
item %+ n: db n
dw item3
%[item]_x: db 7
dw item_x
%define w 16
l%[w]: db 1
dw l16
