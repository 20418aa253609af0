; Numbers that several files need.

BIOS_SEGMENT    equ 0xf000
TABLES_SEGMENT  equ 0xe000
BIOS_BYTES      equ 0x20000
EBDA_SEGMENT    equ 0x9fc0
EBDA_KIB        equ 1
LOW_MEMORY_KIB  equ 639
BOOT_ADDRESS    equ 0x7c00

; BIOS data area, offsets in segment 0 (IBM PS/2 and PC BIOS Interface Technical Reference, "Data areas").
BDA_SERIAL_PORTS        equ 0x400
BDA_PARALLEL_PORTS      equ 0x408
BDA_EBDA_SEGMENT        equ 0x40e
BDA_EQUIPMENT           equ 0x410
BDA_MEMORY_KIB          equ 0x413
BDA_SHIFT_FLAGS         equ 0x417
BDA_SHIFT_FLAGS2        equ 0x418
BDA_ALT_DIGITS          equ 0x419
BDA_KEY_HEAD            equ 0x41a
BDA_KEY_TAIL            equ 0x41c
BDA_KEY_BUFFER          equ 0x41e
BDA_FLOPPY_SEEK         equ 0x43e       ; bit 7: IRQ 6 came; bits 0-1: drive was recalibrated
BDA_FLOPPY_MOTOR        equ 0x43f
BDA_FLOPPY_TIMEOUT      equ 0x440
BDA_FLOPPY_STATUS       equ 0x441
BDA_FLOPPY_RESULT       equ 0x442       ; 7 bytes
BDA_VIDEO_MODE          equ 0x449
BDA_COLUMNS             equ 0x44a
BDA_PAGE_BYTES          equ 0x44c
BDA_PAGE_START          equ 0x44e
BDA_CURSOR              equ 0x450       ; 8 words: column, row
BDA_CURSOR_SHAPE        equ 0x460
BDA_PAGE                equ 0x462
BDA_CRTC_PORT           equ 0x463
BDA_CRT_MODE            equ 0x465
BDA_CRT_PALETTE         equ 0x466
BDA_TICKS               equ 0x46c
BDA_MIDNIGHT            equ 0x470
BDA_BREAK               equ 0x471
BDA_RESET_FLAG          equ 0x472
BDA_DISK_STATUS         equ 0x474
BDA_DISK_COUNT          equ 0x475
BDA_PARALLEL_TIMEOUT    equ 0x478
BDA_SERIAL_TIMEOUT      equ 0x47c
BDA_KEY_START           equ 0x480
BDA_KEY_END             equ 0x482
BDA_LAST_ROW            equ 0x484
BDA_CHARACTER_HEIGHT    equ 0x485
BDA_VIDEO_CONTROL       equ 0x487
BDA_VIDEO_SWITCHES      equ 0x488
BDA_VIDEO_FLAGS         equ 0x489
BDA_DISPLAY_CODE        equ 0x48a
BDA_VBE_MODE            equ 0x4ba       ; as function 4F03h tells it, 0: a mode of the VGA
BDA_KEY_MODE            equ 0x496       ; bit 0: last was E1, bit 1: last was E0, bit 4: 101 keys, bits 2-3: right Ctrl, right Alt
BDA_KEY_LEDS            equ 0x497
BDA_EVENT_FLAG          equ 0x498       ; far pointer to what INT 15h 83h marks
BDA_EVENT_LEFT          equ 0x49c       ; microseconds until then
BDA_EVENT_STATE         equ 0x4a0       ; bit 0: one is waited for

BDA_EQUIPMENT_VIDEO     equ 0x30        ; both bits: monochrome, 80 columns
BDA_EQUIPMENT_COLOUR    equ 0x20        ; colour, 80 columns

; The display.
OPTION_ROM_SIGNATURE    equ 0xaa55
VIDEO_ROM_SEGMENT       equ 0xc000
TEXT_SEGMENT            equ 0xb800
MONO_SEGMENT            equ 0xb000
GRAPHICS_SEGMENT        equ 0xa000
PORT_CRTC_MONO  equ 0x3b4
PORT_CRTC       equ 0x3d4
PORT_ATTRIBUTE  equ 0x3c0
PORT_MISC       equ 0x3c2
PORT_SEQUENCER  equ 0x3c4
PORT_DAC_MASK   equ 0x3c6
PORT_DAC_READ   equ 0x3c7
PORT_DAC_WRITE  equ 0x3c8
PORT_DAC        equ 0x3c9
PORT_FEATURE    equ 0x3ca               ; to be read
PORT_MISC_READ  equ 0x3cc
PORT_GRAPHICS   equ 0x3ce
PORT_STATUS     equ 0x3da
PORT_DISPI      equ 0x1ce

; The display interface (Bochs VBE display API, B0C5).
DISPI_ID        equ 0
DISPI_WIDTH     equ 1
DISPI_HEIGHT    equ 2
DISPI_DEPTH     equ 3
DISPI_ENABLE    equ 4
DISPI_BANK      equ 5
DISPI_VIRTUAL_WIDTH     equ 6
DISPI_VIRTUAL_HEIGHT    equ 7
DISPI_X         equ 8
DISPI_Y         equ 9
DISPI_MEMORY    equ 10                  ; in 64 KiB
DISPI_ENABLED   equ 0x01
DISPI_CAPABILITIES      equ 0x02
DISPI_DAC8      equ 0x20
DISPI_LINEAR    equ 0x40
DISPI_KEEP      equ 0x80

; Ports.
PORT_PIC1       equ 0x20
PORT_PIC1_DATA  equ 0x21
PORT_PIT0       equ 0x40
PORT_PIT_MODE   equ 0x43
PORT_KBD_DATA   equ 0x60
PORT_SYSTEM_B   equ 0x61                ; bit 4 toggles with each refresh, every 15.085 us
PORT_KBD        equ 0x64
PORT_CMOS       equ 0x70
PORT_SYSTEM_A   equ 0x92                ; bit 1: A20, bit 0: INIT
PORT_PIC2       equ 0xa0
PORT_PIC2_DATA  equ 0xa1
PORT_DEBUG      equ 0x402
PORT_ELCR2      equ 0x4d1
PORT_PCI        equ 0xcf8
PORT_PCI_DATA   equ 0xcfc
PORT_RESET      equ 0xcf9
END_OF_INTERRUPT equ 0x20

PM_BASE         equ 0x600
PM1_STATUS      equ PM_BASE
PM1_ENABLE      equ PM_BASE + 2
PM1_CONTROL     equ PM_BASE + 4
PM_TIMER        equ PM_BASE + 8
GPE0_BLOCK      equ PM_BASE + 0x20
SLEEP_TYPE_S5   equ 0                   ; in bits 10-12 of PM1_CNT
SLEEP_ENABLE    equ 1 << 13
SCI_IRQ         equ 9

MMCONFIG_BASE   equ 0xb0000000
MMCONFIG_BYTES  equ 0x10000000
PCI_MEMORY_START equ 0xc0000000
PCI_MEMORY_END  equ 0xfec00000
PCI_IO_START    equ 0xc000
IO_APIC_BASE    equ 0xfec00000
LOCAL_APIC_BASE equ 0xfee00000

; Flags in the frame.
FLAG_CARRY      equ 0x0001
FLAG_ZERO       equ 0x0040
FLAG_INTERRUPT  equ 0x0200
