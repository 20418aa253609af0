struc point
.x: resd 1
.y: resd 1
endstruc
struc packet, -4
.length: resw 1
.kind: resb 1
.rest:
endstruc
p: istruc point
at point.x, dd 5
at point.y, dd 7
iend
q: istruc packet
at packet.kind, db 9
iend
r: istruc point
at .y, dd 8
iend
dw point_size, point.y, packet_size, packet.rest, p, q, r
mov eax, [ebx+point.y]
bits 32
mov eax, [ebx+point.y]
mov [ebx+packet.length], ax
