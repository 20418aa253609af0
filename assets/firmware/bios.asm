; The firmware of Vitrine's machines: a PC BIOS for a Q35/ICH9 board (and for the i440FX of QEMU's "pc" machine).
;
; The image is 128 KiB and ends at 4 GiB. The same bytes are seen at 0xE0000, where the firmware copies itself into RAM:
;
;   E0000  section .tables: ACPI and MP tables, the display's option ROM; labels are physical addresses
;   F0000  section .code:   code, constants and variables; labels are offsets in segment F000
;   FFFF0  reset vector
;
; After reset.asm has put RAM there, the variables of segment F000 can be written; they are reached through CS.
; Low memory: 0-3FF interrupt vectors, 400-4FF BIOS data area, 7C00 the boot sector with the stack of the POST below it, 9FC00 extended
; BIOS data area.
;
; Services (INT 10h to 1Ah) run on the caller's stack. All of them save the registers in one shape, the frame of
; constants.asm, and answer by changing the saved registers.

        cpu 686
        bits 16

%include "constants.asm"

        section .tables progbits start=0 vstart=0xe0000 align=1
tables_start:
%include "acpi.asm"
%include "acpi-dsdt.asm"
%include "mp-tables.asm"
        align 16, db 0
video_rom:      incbin "vgabios.bin"
video_rom_end:

        section .code progbits start=0x10000 vstart=0 align=1
code_start:
%include "frame.asm"
%include "print.asm"
%include "post.asm"
%include "pci.asm"
%include "option-rom.asm"
%include "flat.asm"
%include "keyboard.asm"
%include "keyboard-map.asm"
%include "memory.asm"
%include "system.asm"
%include "refresh.asm"
%include "clock.asm"
%include "pci-services.asm"
%include "ports.asm"
%include "disk.asm"
%include "ide.asm"
%include "floppy.asm"
%include "cdrom.asm"
%include "acpi-checksums.asm"
%include "processors.asm"
%include "smm.asm"
%include "boot.asm"
%include "kernel.asm"
%include "variables.asm"
%include "reset.asm"
