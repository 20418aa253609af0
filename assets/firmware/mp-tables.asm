; The MP configuration table (MultiProcessor Specification 1.4, chapter 4). POST says which processors are there, and completes the
; checksum; processors.asm has the pointer to it.

PCI_BUS         equ 0                   ; as PCI itself numbers it
ISA_BUS         equ 1
MP_FROM_BUS     equ 0                   ; polarity and trigger mode as the bus has them
MP_LEVEL        equ 0x0d                ; level, active high
MP_PCI_LEVEL    equ 0x0f                ; level, active low
MP_PCI_INTERRUPTS equ 32 * 4

        align 16, db 0
mp_configuration:
        db      "PCMP"
        dw      mp_configuration_end - mp_configuration
        db      4, 0                    ; version 1.4, checksum
        db      "VITRINE "
        db      "MACHINE     "
        dd      0                       ; no table of the board's maker
        dw      0
        dw      16 + 2 + 1 + 15 + MP_PCI_INTERRUPTS + 2 ; entries
        dd      LOCAL_APIC_BASE
        dw      0
        db      0, 0
mp_processors:
%assign number 0
%rep 16
        db      0, number, 0x14, 0      ; APIC identifier and version, flags
        dd      0, 0                    ; signature, features
        dd      0, 0
%assign number number + 1
%endrep
        db      1, PCI_BUS, "PCI   "
        db      1, ISA_BUS, "ISA   "
        db      2, 0, 0x20, 1           ; the I/O APIC, usable
        dd      IO_APIC_BASE
%macro MP_INTERRUPT 3
        db      3, 0                    ; vectored
        dw      %1
        db      ISA_BUS, %2, 0, %3      ; from the bus's IRQ to an input of I/O APIC 0
%endmacro
        MP_INTERRUPT MP_FROM_BUS, 0, 2
%assign number 1
%rep 15
%if number != 2 && number != SCI_IRQ
        MP_INTERRUPT MP_FROM_BUS, number, number
%endif
%assign number number + 1
%endrep
        MP_INTERRUPT MP_LEVEL, SCI_IRQ, SCI_IRQ
; The pins of each PCI device, as in the _PRT of the DSDT.
%assign device 0
%rep 32
%assign pin 0
%rep 4
%if device >= FIRST_ROUTED_DEVICE
%assign line 16 + pin
%else
%assign line 20 + ((device + pin) & 3)
%endif
        db      3, 0
        dw      MP_PCI_LEVEL
        db      PCI_BUS, device * 4 + pin, 0, line
%assign pin pin + 1
%endrep
%assign device device + 1
%endrep
        db      4, 3                    ; ExtINT at LINT0 of every processor
        dw      0
        db      ISA_BUS, 0, 0xff, 0
        db      4, 1                    ; NMI at LINT1
        dw      0
        db      ISA_BUS, 0, 0xff, 1
mp_configuration_end:
