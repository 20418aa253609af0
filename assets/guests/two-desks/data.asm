        align 8
gdt:
        dq 0
        dq 0x00cf9a000000ffff
        dq 0x00cf92000000ffff
gdt_pointer:
        dw gdt_pointer - gdt - 1
        dd gdt
idt_pointer:
        dw 256 * 8 - 1
        dd IDT

        align 4
registers       dd 0
memory          dd 0
memory_bytes    dd 0
ticks           dd 0
; The output that is drawn.
output          dd 0
output_number   dd 0
frame           dd 0
stride          dd 0
width           dd 0
height          dd 0
colour          dd 0
accent          dd 0
step            dd 0
zoom            dd 1
centre_x        dd 0
centre_y        dd 0
middle_x        dd 0
middle_y        dd 0
low_end         dd 0
high_end        dd 0
drawn_generation times OUTPUTS dd -1
drawn_base      times OUTPUTS dd -1
drawn_input     dd -1                   ; the generation of the input devices that the cards name
; The pointer, then the fingers, then the pen.
shown           times MARKS dd 0
shown_output    times MARKS dd 0
shown_x         times MARKS dd 0
shown_y         times MARKS dd 0
shown_buttons   dd 0
shown_pen       dd 0
inverting       db 0
changed         db 0
touched         db 0

        align 4
output_colours  dd 0x5fc4da, 0xe3b04b, 0x5cc47c, 0xc49cf3, 0xff9a5c, 0x7fb0ff, 0xff7b70, 0xadb9be
bar_colours     dd 0xc0c0c0, 0xc0c000, 0x00c0c0, 0x00c000, 0xc000c0, 0xc00000, 0x0000c0

; Plane 2 at A0000, byte after byte; and back to text.
font_registers:
        db VGA_SEQUENCER & 0xff, 2, 0x04, VGA_SEQUENCER & 0xff, 4, 0x07
        db VGA_GRAPHICS & 0xff, 4, 0x02, VGA_GRAPHICS & 0xff, 5, 0x00, VGA_GRAPHICS & 0xff, 6, 0x04, 0
text_registers:
        db VGA_SEQUENCER & 0xff, 2, 0x03, VGA_SEQUENCER & 0xff, 4, 0x03
        db VGA_GRAPHICS & 0xff, 4, 0x00, VGA_GRAPHICS & 0xff, 5, 0x10, VGA_GRAPHICS & 0xff, 6, 0x0e, 0

word_output     db 'output ', 0
word_primary    db ', primary', 0
word_comma      db ', ', 0
word_about      db ', about ', 0
word_dots       db ' dpi', 0
word_per_cent   db ' %, ', 0
word_landscape  db 'landscape', 0
word_portrait   db 'portrait', 0
word_turned     db ', turned ', 0
word_session    db 'session ', 0
word_up         db ', up ', 0
word_keyboard   db 'keyboard', 0
word_mouse      db 'mouse', 0
word_pointer    db 'pointer', 0
word_touch      db 'touch ', 0
word_pen        db 'pen', 0
word_no_input   db 'no input', 0
text_none       db 'There is no display device at 00:02.0.', 13, 10, 0
text_exception  db 'An exception.', 13, 10, 0
text_session    db 'session ', 0
text_change     db ' change ', 0
text_alive      db ' ticks ', 0
text_output     db ' output ', 0
text_input      db 'input ', 0
text_line       db 13, 10, 0

words           times 80 db 0
font            times 256 * GLYPH_HEIGHT db 0
