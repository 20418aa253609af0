db 1, 2, 'abc', "def", 0x55, -1
dw 1, 'abc', -1, 0xffff
dd 1, 'abcde', 1.5, -2.0
dq 1, 'abc', 1.5, 1e10, -0.0, 1.0e-5, 0x1p4
dt 1.5, 3.14159265358979, -1.0e100
dw 1.0
dd __Infinity__, -__Infinity__, __NaN__, __QNaN__, __SNaN__
dq __Infinity__, __?NaN?__
dd 1.17549435e-38, 1e-45, 3.40282347e38, 0.1, 1.0e-40
dq 2.2250738585072014e-308, 4.9e-324, 0.1, 1.7976931348623157e308
db 5 dup 3, 2 dup (1, 2), 2 dup (0, 3 dup 7)
dw 2 dup ('ab', 5), ?
db 3 dup ?
times 3 db 1, 2
times 2*3 dw 0x1234
db ''
db 'a', '', 'b'
