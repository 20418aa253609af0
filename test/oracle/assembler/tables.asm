%assign angle 0
%rep 16
dw angle * angle, angle << 4 | angle
%assign angle angle + 1
%endrep
message_table:
dw m1, m2, m3
m1: db 'first', 0
m2: db "second", 0
m3: db `third\n`, 0
.end: dw .end - m1
lengths: db m2-m1, m3-m2, m3.end-m3
