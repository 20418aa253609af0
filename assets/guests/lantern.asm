; lantern - a small protected-mode kernel with a shell to look around in the machine it runs on.
;
; A Multiboot 1 loader puts it at 1 MiB and enters `entry` in 32-bit protected mode, paging off. Physical memory:
;
;   00000000  page 0, left unmapped so that a null pointer faults
;   000b8000  text memory of the display
;   00100000  lantern: code (mapped read-only), then data
;   00200000  page directory, and the page table of the first 4 MiB
;   00202000  a page left unmapped: the stack cannot grow into the tables unnoticed
;   00203000  the stack, up to 00208000
;   00400000  free memory, used by `sieve`
;
; All RAM is mapped where it is; the first 4 MiB page by page, the rest in 4 MiB pages. A read-only window at c0000000 shows
; the first 4 MiB a second time.
;
; Registers: routines keep all they do not name as a result. Text goes to the screen and to COM1.

        bits 32
        org 0x100000

VERSION         equ 1

PAGE_DIRECTORY  equ 0x200000
PAGE_TABLE      equ 0x201000
STACK_BOTTOM    equ 0x203000
STACK_TOP       equ 0x208000
FREE_MEMORY     equ 0x400000
WINDOW          equ 0xc0000000

; --- Multiboot header (specification 0.6.96, 3.1): a flat image, so with the address fields ---------------------------

MULTIBOOT_MAGIC equ 0x1badb002
WANT_MEMORY     equ 1 << 1
HAVE_ADDRESSES  equ 1 << 16
HEADER_FLAGS    equ WANT_MEMORY | HAVE_ADDRESSES

lantern_start:
        jmp entry
        align 4
multiboot_header:
        dd MULTIBOOT_MAGIC, HEADER_FLAGS, -(MULTIBOOT_MAGIC + HEADER_FLAGS)
        dd multiboot_header, lantern_start, lantern_end, STACK_TOP, entry

%include "lantern/constants.asm"
%include "lantern/console.asm"
%include "lantern/numbers.asm"
%include "lantern/interrupts.asm"
%include "lantern/clock.asm"
%include "lantern/input.asm"
%include "lantern/paging.asm"
%include "lantern/power.asm"
%include "lantern/shell.asm"
%include "lantern/commands.asm"
%include "lantern/look.asm"
%include "lantern/boot.asm"

        align 4096
code_end:
%include "lantern/data.asm"
        align 4096
lantern_end:
