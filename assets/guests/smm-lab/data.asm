; Data, in pages without code.

processors:     dd 0                    ; that have come
moved:          dd 0                    ; SMBASEs
door:           dd 0                    ; bit 0: somebody is inside
pm_base:        dd 0
ticks_per_microsecond: dd 1
next_redraw:    dd 0
redraws:        dd 0
turn:           dd 0                    ; index in `sources`
victim:         dd 0
pace:           dd 64                   ; microseconds between two SMIs of the storm
trip:           dd 0                    ; ticks
shortest_trip:  dd -1
taken_before:   dd 0
go:             db 0
storm_on:       db 1
thieves_on:     db 1
is_locked:      db 0
broken:         db 0

        align 4
sources:        dd by_port, to_self, to_next, to_others, to_all

totals:
total_taken:    dd 0
total_sent:     dd 0
total_leaks:    dd 0
total_loads:    dq 0
total_stores:   dq 0
total_calls:    dq 0
totals_end:

DIGITS          equ 26
digits:         times DIGITS db ' '
digits_end:     db 0

locked_text:    db 'SMRAM is locked: the firmware has its own. Start this kernel without firmware.', 0
unexpected_text: db 13, 10, 'smm-lab: an exception that nobody expected', 13, 10, 0

        align 8
gdt:
        dq 0
        dq 0x00cf9a000000ffff
        dq 0x00cf92000000ffff
gdt_end:
gdt_pointer:
        dw gdt_end - gdt - 1
        dd gdt
idt_pointer:
        dw 256 * 8 - 1
        dd IDT
