; guard-lab - a small kernel with three processes, an agent that has its tables protected, and an attacker with attacks to pick by key.
;
; A Multiboot 1 loader puts it at 1 MiB and enters `entry` in 32-bit protected mode, paging off. The machine listens to hypercalls
; ("guard": { "hypercalls": true } in machine.json; docs/formats/hypercalls.md). Physical memory:
;
;   00100000  this program; its code and what the agent protects are pages of their own
;   ff000000  the pages of the guard's tree
;
; Keys 1 to 8 attack; a does all of them; q switches the machine off. What an attack did is shown from the guard's own record of it, and by
; looking at the memory that was attacked. Everything is on COM1 as well.
;
; Registers: routines keep all they do not name as a result.

        bits 32
        org 0x100000

; --- Multiboot header (specification 0.6.96, 3.1): a flat image, so with the address fields ---------------------------

MULTIBOOT_MAGIC equ 0x1badb002
HAVE_ADDRESSES  equ 1 << 16

lab_start:
        jmp entry
        align 4
multiboot_header:
        dd MULTIBOOT_MAGIC, HAVE_ADDRESSES, -(MULTIBOOT_MAGIC + HAVE_ADDRESSES)
        dd multiboot_header, lab_start, lab_end, lab_end, entry

%include "guard-lab/constants.asm"

        align 4096
text_start:                             ; kernel text: the agent protects these pages
%include "guard-lab/kernel.asm"
%include "guard-lab/agent.asm"
%include "guard-lab/attacks.asm"
%include "guard-lab/screen.asm"
        align 4096
text_end:

%include "guard-lab/data.asm"
        align 4096
lab_end:
