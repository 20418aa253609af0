; two-desks - a guest whose display is what somebody's display is, and who sees it change.
;
; It has no screen of a size of its own: on every output of the display device it draws a test card as large as that output really is, and
; says what it was told of it. When a window is resized, closed or opened, or another desk takes the machine, the device's interrupt comes and
; the cards are drawn anew. Pointer and fingers are shown where they are. The register interface is docs/formats/display.md.
;
; A Multiboot 1 loader puts it at 1 MiB and enters `entry` in 32-bit protected mode, paging off. Physical memory:
;
;   00100000  this program
;   00200000  the interrupt descriptor table
;   00300000  the stack, down from here
;   e0000000  the display device's registers, where no firmware has placed them
;   e2000000  its memory for frames, likewise
;
; Registers: routines keep all they do not name as a result.

        bits 32
        org 0x100000

; --- Multiboot header (specification 0.6.96, 3.1): a flat image, so with the address fields ---------------------------

MULTIBOOT_MAGIC equ 0x1badb002
HAVE_ADDRESSES  equ 1 << 16

desks_start:
        jmp entry
        align 4
multiboot_header:
        dd MULTIBOOT_MAGIC, HAVE_ADDRESSES, -(MULTIBOOT_MAGIC + HAVE_ADDRESSES)
        dd multiboot_header, desks_start, desks_end, desks_end, entry

%include "two-desks/constants.asm"
%include "two-desks/boot.asm"
%include "two-desks/device.asm"
%include "two-desks/outputs.asm"
%include "two-desks/card.asm"
%include "two-desks/draw.asm"
%include "two-desks/text.asm"
%include "two-desks/input.asm"
%include "two-desks/serial.asm"
%include "two-desks/data.asm"
        align 4096
desks_end:
