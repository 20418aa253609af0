; ACPI tables of the Q35/ICH9 board (ACPI 6.5, chapter 5). POST fills in what it finds out and the checksums; they stay in the
; shadow RAM, which the memory map reports as reserved.

        align 16, db 0
acpi_rsdp:
        db      "RSD PTR "
        db      0                       ; checksum of the first 20 bytes
        db      "VITRIN"
        db      2
        dd      acpi_rsdt
        dd      36
        dq      acpi_xsdt
        db      0                       ; checksum of all 36
        db      0, 0, 0

; A table's header: signature, start, end, revision.
%macro ACPI_HEADER 4
        db      %1
        dd      %3 - %2
        db      %4, 0                   ; revision, checksum
        db      "VITRIN", "VITRINE "
        dd      1
        db      "VTRN"
        dd      1
%endmacro

        align 16, db 0
acpi_rsdt:
        ACPI_HEADER "RSDT", acpi_rsdt, acpi_rsdt_end, 1
        dd      acpi_fadt, acpi_mcfg, acpi_madt
acpi_rsdt_end:

        align 16, db 0
acpi_xsdt:
        ACPI_HEADER "XSDT", acpi_xsdt, acpi_xsdt_end, 1
        dq      acpi_fadt, acpi_mcfg, acpi_madt
acpi_xsdt_end:

        align 64, db 0
acpi_facs:
        db      "FACS"
        dd      64
        times   64 - 8 db 0
acpi_facs_end:

FADT_PROCESSOR_WBINVD   equ 1 << 0
FADT_SLEEP_BUTTON_NONE  equ 1 << 5      ; the sleep button is no fixed one; the power button is (bit 4 is 0)
FADT_RTC_NOT_FIXED      equ 1 << 6
FADT_RESET_REGISTER     equ 1 << 10

        align 16, db 0
acpi_fadt:
        ACPI_HEADER "FACP", acpi_fadt, acpi_fadt_end, 3
        dd      acpi_facs, acpi_dsdt
        db      0, 1                    ; a desktop
        dw      SCI_IRQ
        dd      0                       ; no SMI command: ACPI is on from the start
        db      0, 0, 0, 0
        dd      PM1_STATUS, 0           ; PM1a and PM1b event blocks
        dd      PM1_CONTROL, 0
        dd      0                       ; PM2
        dd      PM_TIMER
        dd      GPE0_BLOCK, 0
        db      4, 2, 0, 4, 16, 0, 0, 0 ; lengths of the blocks, GPE1 base, CST
        dw      0xfff, 0xfff            ; C2 and C3 take too long: there are none
        dw      0, 0
        db      0, 0, 0, 0, 0x32        ; duty cycle, alarms, century
        dw      3                       ; legacy devices, i8042
        db      0
        dd      FADT_PROCESSOR_WBINVD | FADT_SLEEP_BUTTON_NONE | FADT_RTC_NOT_FIXED | FADT_RESET_REGISTER
        db      1, 8, 0, 1              ; the reset register: I/O, 8 bits
        dq      PORT_RESET
        db      6, 0, 0, 0
        dq      acpi_facs, acpi_dsdt
        db      1, 32, 0, 0             ; generic addresses: PM1a event, PM1b event
        dq      PM1_STATUS
        times   12 db 0
        db      1, 16, 0, 0             ; PM1a control, PM1b control
        dq      PM1_CONTROL
        times   12 db 0
        times   12 db 0                 ; PM2
        db      1, 32, 0, 0
        dq      PM_TIMER
        db      1, 128, 0, 0
        dq      GPE0_BLOCK
        times   12 db 0
acpi_fadt_end:

        align 16, db 0
acpi_mcfg:
        ACPI_HEADER "MCFG", acpi_mcfg, acpi_mcfg_end, 1
        dq      0
        dq      MMCONFIG_BASE
        dw      0
        db      0, 255
        dd      0
acpi_mcfg_end:

; Only listed when the processor has a local APIC and an I/O APIC answers.
        align 16, db 0
acpi_madt:
        ACPI_HEADER "APIC", acpi_madt, acpi_madt_end, 1
        dd      LOCAL_APIC_BASE
        dd      1                       ; there are 8259s too
        db      1, 12, 0, 0             ; the I/O APIC, inputs from 0 on
        dd      IO_APIC_BASE, 0
        db      2, 10, 0, 0             ; IRQ 0 is at input 2
        dd      2
        dw      0
        db      2, 10, 0, SCI_IRQ       ; the SCI: level, active high
        dd      SCI_IRQ
        dw      0x000d
        db      4, 6, 0xff              ; NMI at LINT1 of all processors
        dw      0
        db      1
acpi_madt_processors:                   ; POST lists those that are there: an OS keeps room for one that is merely named
        times   16 * 8 db 0
acpi_madt_end:

; The DSDT is in acpi-dsdt.asm.
