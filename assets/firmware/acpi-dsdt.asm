; The DSDT, in AML (ACPI 6.5, chapter 20).

FIRST_ROUTED_DEVICE equ 25              ; of bus 0: the ICH9's own, which do not go round

; The four pins of device %1 for a _PRT: %2 is 1 for inputs of the I/O APIC, 0 for IRQs. pci.asm and the LPC bridge route them so.
%macro ACPI_DEVICE_PINS 2
%assign pin 0
%rep 4
%if %1 >= FIRST_ROUTED_DEVICE
%assign pirq pin
%else
%assign pirq 4 + ((%1 + pin) & 3)
%endif
%if %2
%assign line 16 + pirq
%else
%assign line 10 + ((pirq & 2) >> 1)
%endif
        db      0x12, 12, 4, 0x0c       ; Package (4) { device and any function, pin, Zero, line }
        dw      0xffff, %1
        db      0x0a, pin, 0x00, 0x0a, line
%assign pin pin + 1
%endrep
%endmacro

; A device of the ISA bus: name, EISA identifier, resources.
%macro ACPI_ISA_DEVICE 3+
        db      0x5b, 0x82
%%device:
        db      0x40 | ((%%end - %%device) & 15), (%%end - %%device) >> 4
        db      %1
        db      0x08, "_HID", 0x0c
        dd      %2
        db      0x08, "_CRS", 0x11
%%buffer:
        db      %%end - %%buffer, 0x0a, %%end - %%resources
%%resources:
        db      %3
        db      0x79, 0
%%end:
%endmacro

HOT_PLUG_PORTS  equ 0xcc0
FIRST_SLOT      equ 8                   ; of the input devices
SLOTS           equ 5

; The name of slot %1: S08 to S0F.
%macro ACPI_SLOT_NAME 1
%if %1 < 10
        db      "S0", '0' + %1, "_"
%else
        db      "S0", 'A' + %1 - 10, "_"
%endif
%endmacro

; For each slot whose bit is in Local0: Notify (slot, %1).
%macro ACPI_NOTIFY_SLOTS 1
%assign slot FIRST_SLOT
%rep SLOTS
        db      0xa0, 16, 0x7b, 0x60, 0x0c
        dd      1 << slot
        db      0x00, 0x86
        ACPI_SLOT_NAME slot
        db      0x0a, %1
%assign slot slot + 1
%endrep
%endmacro

        align 16, db 0
acpi_dsdt:
        ACPI_HEADER "DSDT", acpi_dsdt, acpi_dsdt_end, 1
        ; Name (\_S5, Package (4) { 0, 0, 0, 0 })
        db      0x08, "\_S5_", 0x12, 6, 4, 0, 0, 0, 0
        ; Name (PICF, Zero); Method (_PIC, 1) { PICF = Arg0 }: 1 when the system uses the I/O APIC
        db      0x08, "PICF", 0x00
        db      0x14, 12, "_PIC", 1, 0x70, 0x68, "PICF"
        ; Scope (\_SB) { Device (PCI0) { ... } }
        db      0x10
acpi_sb:
        db      0x40 | ((acpi_sb_end - acpi_sb) & 15), (acpi_sb_end - acpi_sb) >> 4
        db      "\_SB_"
        db      0x5b, 0x82
acpi_pci0:
        db      0x40 | ((acpi_sb_end - acpi_pci0) & 15), (acpi_sb_end - acpi_pci0) >> 4
        db      "PCI0"
        db      0x08, "_HID", 0x0c      ; Name (_HID, EisaId ("PNP0A03"))
        dd      0x030ad041
        db      0x08, "_BBN", 0x00      ; Name (_BBN, Zero)
        db      0x08, "_CRS"            ; Name (_CRS, ResourceTemplate () { ... })
        db      0x11
acpi_crs:
        db      0x40 | ((acpi_crs_end - acpi_crs) & 15), (acpi_crs_end - acpi_crs) >> 4
        db      0x0b                    ; BufferSize, a word
        dw      acpi_crs_end - acpi_resources
acpi_resources:
        db      0x88                    ; WordBusNumber: 0 to 255
        dw      13
        db      2, 0x0c, 0
        dw      0, 0, 255, 0, 256
        db      0x47, 1                 ; IO: configuration mechanism 1
        dw      PORT_PCI, PORT_PCI
        db      1, 8
        db      0x88                    ; WordIO: below it
        dw      13
        db      1, 0x0c, 3
        dw      0, 0, 0x0cf7, 0, 0x0cf8
        db      0x88                    ; WordIO: above it
        dw      13
        db      1, 0x0c, 3
        dw      0, 0x0d00, 0xffff, 0, 0xf300
        db      0x87                    ; DWordMemory: the display's window
        dw      23
        db      0, 0x0c, 3
        dd      0, 0x000a0000, 0x000bffff, 0, 0x00020000
        db      0x87                    ; DWordMemory: where POST places memory BARs
        dw      23
        db      0, 0x0c, 1
        dd      0, PCI_MEMORY_START, PCI_MEMORY_END - 1, 0, PCI_MEMORY_END - PCI_MEMORY_START
        db      0x79, 0
acpi_crs_end:
        ; Method (_PRT) { If (PICF) { Return (PRTA) } Return (PRTP) }
        db      0x14, 22, "_PRT", 0
        db      0xa0, 10, "PICF", 0xa4, "PRTA"
        db      0xa4, "PRTP"
        db      0x08, "PRTA", 0x12      ; Package (128)
acpi_prt_apic:
        db      0x40 | ((acpi_prt_apic_end - acpi_prt_apic) & 15), (acpi_prt_apic_end - acpi_prt_apic) >> 4
        db      128
%assign device 0
%rep 32
        ACPI_DEVICE_PINS device, 1
%assign device device + 1
%endrep
acpi_prt_apic_end:
        db      0x08, "PRTP", 0x12
acpi_prt_pic:
        db      0x40 | ((acpi_prt_pic_end - acpi_prt_pic) & 15), (acpi_prt_pic_end - acpi_prt_pic) >> 4
        db      128
%assign device 0
%rep 32
        ACPI_DEVICE_PINS device, 0
%assign device device + 1
%endrep
acpi_prt_pic_end:
        ; Device (ISA) { Name (_ADR, 0x001F0000) ... }
        db      0x5b, 0x82
acpi_isa:
        db      0x40 | ((acpi_isa_end - acpi_isa) & 15), (acpi_isa_end - acpi_isa) >> 4
        db      "ISA_"
        db      0x08, "_ADR", 0x0c
        dd      0x001f0000
        ; 47h is an I/O range (decoding, first, last, alignment, length), 22h an edge-triggered IRQ's bit, 2Ah a DMA channel's.
        ACPI_ISA_DEVICE "KBD_", 0x0303d041, 0x47, 1, 0x60, 0, 0x60, 0, 1, 1, 0x47, 1, 0x64, 0, 0x64, 0, 1, 1, 0x22, 0x02, 0x00
        ACPI_ISA_DEVICE "MOU_", 0x130fd041, 0x22, 0x00, 0x10
        ACPI_ISA_DEVICE "RTC_", 0x000bd041, 0x47, 1, 0x70, 0, 0x70, 0, 1, 8, 0x22, 0x00, 0x01
        ACPI_ISA_DEVICE "TMR_", 0x0001d041, 0x47, 1, 0x40, 0, 0x40, 0, 1, 4, 0x22, 0x01, 0x00
        ACPI_ISA_DEVICE "SPKR", 0x0008d041, 0x47, 1, 0x61, 0, 0x61, 0, 1, 1
        ACPI_ISA_DEVICE "FPU_", 0x040cd041, 0x47, 1, 0xf0, 0, 0xf0, 0, 1, 1, 0x22, 0x00, 0x20
        ACPI_ISA_DEVICE "FDC0", 0x0007d041, 0x47, 1, 0xf2, 3, 0xf2, 3, 1, 4, 0x47, 1, 0xf7, 3, 0xf7, 3, 1, 1, 0x22, 0x40, 0x00, 0x2a, 0x04, 0x00
        ACPI_ISA_DEVICE "COM1", 0x0105d041, 0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8, 0x22, 0x10, 0x00
acpi_isa_end:
acpi_sb_end:
        ; Scope (\_SB.PCI0): slots of functions that come and go, at the ports of the hot-plug controller.
        db      0x10
acpi_slots:
        db      0x40 | ((acpi_slots_end - acpi_slots) & 15), (acpi_slots_end - acpi_slots) >> 4
        db      0x5c, 0x2e, "_SB_PCI0"
        ; OperationRegion (PCST, SystemIO, HOT_PLUG_PORTS, 12); Field (PCST, DWordAcc) { PCIU, 32, PCID, 32, B0EJ, 32 }
        db      0x5b, 0x80, "PCST", 1, 0x0b
        dw      HOT_PLUG_PORTS
        db      0x0a, 12
        db      0x5b, 0x81, 21, "PCST", 3, "PCIU", 32, "PCID", 32, "B0EJ", 32
%assign slot FIRST_SLOT
%rep SLOTS
        ; Device (S08) { Name (_ADR, 0x00080000) Name (_SUN, 8) Method (_EJ0, 1) { B0EJ = 0x100 } }
        db      0x5b, 0x82, 39
        ACPI_SLOT_NAME slot
        db      0x08, "_ADR", 0x0c
        dd      slot << 16
        db      0x08, "_SUN", 0x0a, slot
        db      0x14, 16, "_EJ0", 1, 0x70, 0x0c
        dd      1 << slot
        db      "B0EJ"
%assign slot slot + 1
%endrep
        ; Method (PCNT) { Local0 = PCIU; If (Local0 & 0x100) { Notify (S08, 1) } ... Local0 = PCID; If (Local0 & 0x100) { Notify (S08, 3) } ... }
        db      0x14
acpi_slots_changed:
        db      0x40 | ((acpi_slots_changed_end - acpi_slots_changed) & 15), (acpi_slots_changed_end - acpi_slots_changed) >> 4
        db      "PCNT", 0
        db      0x70, "PCIU", 0x60
        ACPI_NOTIFY_SLOTS 1             ; device check
        db      0x70, "PCID", 0x60
        ACPI_NOTIFY_SLOTS 3             ; eject request
acpi_slots_changed_end:
acpi_slots_end:
        ; Scope (\_GPE) { Method (_E11) { \_SB.PCI0.PCNT () } }: general-purpose event 17
        db      0x10, 28, "\_GPE"
        db      0x14, 21, "_E11", 0, 0x5c, 0x2f, 3, "_SB_PCI0PCNT"
acpi_dsdt_end:
