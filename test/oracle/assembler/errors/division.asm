db 1/0
db 5 % 0
db 1 // (2-2)
db 1
