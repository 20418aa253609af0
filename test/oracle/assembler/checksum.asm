org 0
sum equ (5 + 7) & 0xff
db 5, 7, -sum & 0xff
%assign crc 0
%assign k 0
%rep 8
%assign crc crc ^ (k << 1)
%assign k k + 1
%endrep
db crc
dd 0xedb88320, 0xedb88320 >> 1, (0xedb88320 >> 1) ^ 0xffffffff
