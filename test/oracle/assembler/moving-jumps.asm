; Jumps and alignments that move each other: which of them end up short depends on the order in which passes find out.
bits 16
org 0x1000
l0: dd l37
l1: push word l0
l2: mov cx, l46
l3: mov ax, [l54]
l4: call l42
l5: push word l14
l6: add bx, l10 - l42
l7: lea si, [bx + l20 - l7]
l8: call l26
l9: dw l42 - l3
l10: push word l32
l11: add bx, l49 - l40
l12: times 19 nop
l13: push word l49
l14: add bx, l51 - l8
l15: jmp l32
l16: mov ax, [l16]
l17: dw l33 - l34
l18: dw l50 - l24
l19: mov cx, l56
l20: align 2
l21: call l33
l22: jnz l30
c22 equ l11 - $$
mov dx, c22
l23: dw l56 - l7
l24: dd l3
l25: push word l36
l26: jmp l56
l27: mov cx, l10
l28: times 53 nop
l29: align 4
l30: align 4
l31: lea si, [bx + l45 - l31]
l32: call l1
l33: add bx, l15 - l13
l34: add bx, l21 - l50
l35: push word l15
l36: mov ax, [l35]
l37: call l23
l38: mov ax, [l27]
l39: mov cx, l14
l40: mov cx, l33
l41: push word l10
l42: push word l20
l43: dw l50 - l29
l44: dw l13 - l58
l45: lea si, [bx + l57 - l45]
l46: push word l33
l47: lea si, [bx + l46 - l47]
l48: add bx, l49 - l53
l49: align 2
l50: call l20
l51: call l14
l52: call l57
l53: dd l1
l54: jmp short l53
l55: times 71 nop
l56: jz l38
l57: times 69 nop
l58: jnz l0
c58 equ l10 - $$
mov dx, c58
