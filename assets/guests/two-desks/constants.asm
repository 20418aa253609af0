IDT             equ 0x200000
STACK_TOP       equ 0x300000

CODE            equ 0x08
DATA            equ 0x10

PIC1            equ 0x20
PIC2            equ 0xa0
END_OF_INTERRUPT equ 0x20
PIT             equ 0x40
ELCR2           equ 0x4d1               ; level or edge of IRQ 8-15
COM1            equ 0x3f8
PCI_ADDRESS     equ 0xcf8
PCI_DATA        equ 0xcfc
VGA_SEQUENCER   equ 0x3c4
VGA_GRAPHICS    equ 0x3ce

VECTOR_TIMER    equ 0x20
VECTOR_DISPLAY  equ 0x2b                ; IRQ 11
TICKS           equ 11932               ; 100 Hz

DISPLAY_FUNCTION equ 0x80001000         ; 00:02.0
DISPLAY_ID      equ 0x56541234
LPC_FUNCTION    equ 0x8000f800          ; 00:1f.0
PIRQ_E          equ 0x68                ; routing of PIRQE# to PIRQH#
REGISTERS_PLACE equ 0xe0000000
MEMORY_PLACE    equ 0xe2000000

; The display device.
DISPLAY_MEMORY  equ 0x0c
DISPLAY_STATUS  equ 0x10
DISPLAY_ENABLE  equ 0x14
DISPLAY_GENERATION equ 0x18
DISPLAY_SESSION equ 0x20
POINTER_OUTPUT  equ 0x50
POINTER_X       equ 0x54
POINTER_Y       equ 0x58
POINTER_BUTTONS equ 0x5c
EVENT_COUNT     equ 0x60
INPUT_DEVICES   equ 0x40
HAS_KEYBOARD    equ 1
HAS_MOUSE       equ 2
HAS_POINTER     equ 4
HAS_TOUCH       equ 8
HAS_PEN         equ 16
TOUCH_POINTS    equ 0x44
INPUT_GENERATION equ 0x48
PEN_STATE       equ 0x80
PEN_OUTPUT      equ 0x84
PEN_X           equ 0x88
PEN_Y           equ 0x8c
PEN_NEAR        equ 1
PEN_TIP         equ 2
CONTACTS        equ 0x100
OUTPUTS         equ 8
FINGERS         equ 10
PEN             equ FINGERS + 1         ; its mark, behind the pointer's and the fingers'
MARKS           equ FINGERS + 2

; One output, from its own base.
OUTPUT_SPACE    equ 0x1000
OUTPUT_STATUS   equ 0x00
OUTPUT_WIDTH    equ 0x04
OUTPUT_HEIGHT   equ 0x08
OUTPUT_MM       equ 0x14
OUTPUT_MM_HIGH  equ 0x18
OUTPUT_SCALE    equ 0x1c
OUTPUT_TURNED   equ 0x20
OUTPUT_GENERATION equ 0x2c
FRAME_BASE      equ 0x40
FRAME_STRIDE    equ 0x44
FRAME_WIDTH     equ 0x48
FRAME_HEIGHT    equ 0x4c
FRAME_CONTROL   equ 0x50
FRAME_DONE      equ 0x58
IS_PRIMARY      equ 2
IS_ESTIMATED    equ 4

GROUND          equ 0x0d1417
GRID            equ 0x1e2a30
WHITE           equ 0xf2f6f7
SOFT            equ 0x9fb4bb
GLYPH_HEIGHT    equ 16
GLYPH_WIDTH     equ 8
RING            equ 28                  ; radius of what shows a finger
NIB             equ 12                  ; and a pen
