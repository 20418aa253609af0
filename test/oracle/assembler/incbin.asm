incbin "include/data.bin"
incbin "include/data.bin", 4
incbin "include/data.bin", 4, 3
times 2 incbin "include/data.bin", 0, 2
db 'end'
