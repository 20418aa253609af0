db 1/0 ; wrong
db 5 % 0 ; wrong
db 1 // (2-2) ; wrong
db 1
