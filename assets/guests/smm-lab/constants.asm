; Numbers of the hardware, and the layout of memory.

GREY            equ 0x07
DARK            equ 0x08
GREEN           equ 0x0a
RED             equ 0x0c
YELLOW          equ 0x0e
WHITE           equ 0x0f
TITLE           equ 0x5f                ; white on magenta

CODE            equ 0x08
DATA            equ 0x10

; Ports.
PIC1            equ 0x20
PIC2            equ 0xa0
PIT_CHANNEL2    equ 0x42
PIT_CONTROL     equ 0x43
KEYBOARD_DATA   equ 0x60
KEYBOARD_STATUS equ 0x64
PORT_B          equ 0x61
APM_CONTROL     equ 0xb2
COM1            equ 0x3f8
PCI_ADDRESS     equ 0xcf8
PCI_DATA        equ 0xcfc

; The host bridge and the LPC bridge (Intel 3 Series datasheet, 5.1; ICH9 datasheet, 13).
HOST_BRIDGE     equ 0 << 11
SMRAM_CONTROL   equ 0x9d
SMRAM_BASE      equ 0x02                ; C_BASE_SEG: the one legal value
SMRAM_ENABLE    equ 1 << 3              ; G_SMRAME
SMRAM_LOCK      equ 1 << 4              ; D_LCK
SMRAM_OPEN      equ 1 << 6              ; D_OPEN
LPC_BRIDGE      equ 31 << 11
PM_BASE         equ 0x40                ; PMBASE
ACPI_CONTROL    equ 0x44
ACPI_ENABLE     equ 1 << 7
PM_BASE_HERE    equ 0x600
PM1_CONTROL     equ 0x04
SLEEP_OFF       equ 7 << 10 | 1 << 13   ; S5 of the ICH9
SLEEP_OFF_ZERO  equ 0 << 10 | 1 << 13   ; S5 as some emulated chipsets number it
SMI_ENABLE      equ 0x30
SMI_STATUS      equ 0x34
GLOBAL_SMI      equ 1 << 0              ; GBL_SMI_EN
END_OF_SMI      equ 1 << 1              ; EOS
APM_SMI         equ 1 << 5              ; APMC_EN, APM_STS

; The local APIC (SDM vol. 3, chapter 11).
APIC            equ 0xfee00000
APIC_ID         equ APIC + 0x20
APIC_EOI        equ APIC + 0xb0
APIC_SPURIOUS   equ APIC + 0xf0
APIC_COMMAND    equ APIC + 0x300
APIC_TARGET     equ APIC + 0x310
IPI_PENDING     equ 1 << 12
IPI_ALL_BUT_SELF equ 3 << 18
IPI_SMI         equ 2 << 8 | 1 << 14
IPI_INIT        equ 5 << 8 | 1 << 14
IPI_START       equ 6 << 8 | 1 << 14
IPI_WAKE        equ 0x40 | 1 << 14      ; vector 40h, fixed
EVERYBODY       equ 0xff                ; a physical destination

INVALID_OPCODE  equ 6
WAKE_VECTOR     equ 0x40
SPURIOUS_VECTOR equ 0xff

; SMRAM.
SMBASE_AT_RESET equ 0x30000
SMRAM           equ 0xa0000
SMM_ENTRY       equ 0x8000              ; from SMBASE
SLOT            equ 0x400               ; from one processor's SMBASE to the next one's
SECRETS         equ 0xa1000
SECRET_COUNT    equ 64
SECRET          equ 0x5ec2e7ed
BAIT            equ 0xa2000             ; code in SMRAM that a thief calls
STOLEN          equ 0x1eaced00          ; what it would return
; The save state (SDM vol. 3, 32.4.1; AMD64 APM vol. 2, 10.2.3), from SMBASE.
REVISION        equ 0xfefc
WIDE_REVISION   equ 0x64                ; low 16 bits: the layout of AMD64
SAVED_SMBASE    equ 0xfef8
SAVED_SMBASE_WIDE equ 0xff00

TEXT_MEMORY     equ 0xb8000
DARKNESS        equ -1                  ; what memory that the display does not answer for reads as

TRAMPOLINE      equ 0x8000
IDT             equ 0x200000
CPUS            equ 0x210000
CPU_SHIFT       equ 8
MAXIMUM         equ 16
STACKS          equ 0x300000
STACK_SHIFT     equ 12

; What is known of a processor. Its own code counts here, but for `sent`; what lies in the second line belongs to the SMI handler.
struc Processor
.present:       resd 1
.sent:          resd 1                  ; SMIs sent to it, by anybody
.cursor:        resd 1                  ; where its thief reads next
.rounds:        resd 1
.leaks:         resd 1                  ; reads and calls that got at SMRAM
.gap:           resd 1                  ; longest time between two looks at the clock, in ticks of it
.recover:       resd 1                  ; where #UD goes on, 0 if it is not expected
.recover_esp:   resd 1
.loads:         resq 1
.stores:        resq 1
.calls:         resq 1
.spare:         resq 1
.taken:         resd 1                  ; SMIs taken
.spoiled:       resd 1                  ; secrets that the handler found changed
endstruc
