cpu 386
mov eax, ebx
cpu 686
cmovc eax, ebx
[bits 32]
mov eax, [ebx]
default abs
use16
mov eax, [ebx]
use32
mov eax, [ebx]
BITS 16
global start
start: nop
