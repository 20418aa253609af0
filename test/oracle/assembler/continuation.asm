%define long(a, b, \
             c) a, \
                b, c
db long(1, 2, 3)
mov ax, \
    5
db 'joined\
text'
; a comment \
db 1
db 2 ; comment
