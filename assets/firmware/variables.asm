; Variables, in RAM once reset.asm copied the image. All are 0 at reset or set by POST.

        align 4, db 0
memory_below_4g:        dd 0            ; KiB
memory_above_4g_mib:    dd 0
pci_memory_next:        dd 0
pci_io_next:            dd 0
cpu_features:           dd 0            ; CPUID 1, EDX
cpu_signature:          dd 0            ; CPUID 1, EAX
vga_function:           dw 0xffff       ; bus and function of the display adapter
pci_slot_shift:         db 0            ; what the board takes off the slot before it goes round
mmconfig_present:       db 0
pm_present:             db 0            ; there is power management at PM_BASE
acpi_present:           db 0            ; and it is the ICH9's, which the tables describe
boot_apic_id:           db 0
processors_missing:     db 0            ; that have not come yet
        align 2, db 0
processors:             dw 0            ; one bit for each APIC identifier
smm_relocated:          dw 0            ; those that have an SMBASE of their own

        align 4, db 0
e820_count:             dw 0
E820_MAXIMUM            equ 8
e820_map:               times E820_MAXIMUM * 20 db 0

boot_first:             db 0            ; 1 and up: the entry that the menu chose
        align 2, db 0
tried_count:            dw 0
tried:                  times 3 * 2 dw 0 ; name and reason of what was tried

        align 4, db 0
devices:                                ; DEVICE: select and port are fixed
        db 0, 0xa0
        dw 0x1f0
        times DEVICE.size - 4 db 0
        db 0, 0xb0
        dw 0x1f0
        times DEVICE.size - 4 db 0
        db 0, 0xa0
        dw 0x170
        times DEVICE.size - 4 db 0
        db 0, 0xb0
        dw 0x170
        times DEVICE.size - 4 db 0
devices_end:
ide_writes:             db 0
ide_status:             db 0
        align 4, db 0
cdrom_packet:           db 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0        ; READ(10), one block
cdrom_image:            dd 0            ; what was loaded to start from the CD
cdrom_segment:          dw 0
cdrom_count:            dw 0            ; sectors of 512 bytes
cdrom_started:          db 0
cdrom_emulated:         db 0            ; sectors a track of the emulated floppy, 0: none
floppy_types:           db 0            ; CMOS: first drive in bits 4-7, second in 0-3
