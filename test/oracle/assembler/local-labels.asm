first:
.loop: jmp .loop
jmp second.loop
.end:
second:
.loop: jmp .loop
jmp first.loop
jmp first.end
..@special: jmp ..@special
jmp .loop
third equ 5
jmp .loop
dw second.loop-first.loop
$mov: dw $mov
$eax equ 9
mov ax, $eax
label_without_colon
dw label_without_colon
