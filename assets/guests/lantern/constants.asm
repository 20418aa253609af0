; Numbers of the hardware, and the macros used everywhere.

; Colours of text mode.
GREY            equ 0x07
DARK            equ 0x08
GREEN           equ 0x0a
CYAN            equ 0x0b
RED             equ 0x0c
YELLOW          equ 0x0e
WHITE           equ 0x0f

; Selectors in our GDT.
CODE            equ 0x08
DATA            equ 0x10
ABSENT          equ 0x18                ; a data segment that is not present, for `fault`
BEYOND          equ 0x7ff8              ; behind the end of the GDT

; Ports.
PIC1            equ 0x20
PIC2            equ 0xa0
PIT_CHANNEL0    equ 0x40
PIT_CONTROL     equ 0x43
KEYBOARD_DATA   equ 0x60
KEYBOARD_CONTROL equ 0x64
CRTC            equ 0x3d4
COM1            equ 0x3f8
PCI_ADDRESS     equ 0xcf8
PCI_DATA        equ 0xcfc
RESET_CONTROL   equ 0xcf9

END_OF_INTERRUPT equ 0x20
IRQ_BASE        equ 32                  ; vector of IRQ 0
VECTORS         equ 48

; Control register bits.
CR0_WP          equ 1 << 16
CR0_PG          equ 1 << 31
CR4_PSE         equ 1 << 4
CR4_PGE         equ 1 << 7

; Page entry bits (SDM vol. 3, 4.3).
PAGE_PRESENT    equ 1 << 0
PAGE_WRITE      equ 1 << 1
PAGE_USER       equ 1 << 2
PAGE_ACCESSED   equ 1 << 5
PAGE_DIRTY      equ 1 << 6
PAGE_LARGE      equ 1 << 7
PAGE_GLOBAL     equ 1 << 8
PAGE_SIZE       equ 4096
LARGE_SIZE      equ 4 << 20

; say COLOUR, text...: prints the text that follows the call.
%macro say 2+
        mov byte [colour], %1
        call put_inline
        db %2, 0
%endmacro

; What interrupt_entry leaves on the stack; EBP points at it in handlers.
struc Frame
.edi:           resd 1
.esi:           resd 1
.ebp:           resd 1
.esp:           resd 1
.ebx:           resd 1
.edx:           resd 1
.ecx:           resd 1
.eax:           resd 1
.vector:        resd 1
.error:         resd 1
.eip:           resd 1
.cs:            resd 1
.eflags:        resd 1
endstruc
