; smm-lab - several processors under a storm of SMIs, and a thief on each that tries to get at SMRAM.
;
; A Multiboot 1 loader puts it at 1 MiB and enters `entry` in 32-bit protected mode, paging off. Nobody may have locked SMRAM before. Physical memory:
;
;   00008000  where processors start
;   00030000  SMBASE of every processor at reset: the code at 00038000 moves it
;   000a0000  SMRAM in SMM, for everybody else the display, which answers only from 000b8000 on in text mode and reads as ones below
;   00100000  this program
;   00200000  the interrupt descriptor table
;   00210000  a block for each processor
;   00300000  a stack for each processor
;
; In SMRAM: an entry and a save state a processor, 1 KiB apart from SMBASE a0000 on; words that nobody but the handler may change;
; and code that nobody but the handler may reach. What a thief does is in thief.asm, how it would be noticed in handler.asm.
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

%include "smm-lab/constants.asm"
%include "smm-lab/boot.asm"
%include "smm-lab/smram.asm"
%include "smm-lab/handler.asm"
%include "smm-lab/thief.asm"
%include "smm-lab/source.asm"
%include "smm-lab/keys.asm"
%include "smm-lab/numbers.asm"
%include "smm-lab/screen.asm"
%include "smm-lab/serial.asm"

        align 4096
%include "smm-lab/data.asm"
        align 4096
lab_end:
