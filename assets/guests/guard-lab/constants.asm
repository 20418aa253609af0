; Numbers of the machine, and of docs/formats/hypercalls.md.

CODE            equ 0x08
DATA            equ 0x10
PAGE            equ 4096
PAGE_SHIFT      equ 12
; Bits of entries of page tables (Intel SDM volume 3A, 4.3), of CR0 and of CR4
PRESENT         equ 1 << 0
WRITABLE        equ 1 << 1
ACCESSED        equ 1 << 5
DIRTY           equ 1 << 6
LARGE           equ 1 << 7
PAGE_ENTRY      equ PRESENT | WRITABLE | ACCESSED | DIRTY
TABLE_ENTRY     equ PRESENT | WRITABLE | ACCESSED
TABLE_ENTRIES   equ 1024
DIRECTORY_SHIFT equ 22
PAGING          equ 1 << 31
LARGE_PAGES     equ 1 << 4

TEXT_SCREEN     equ 0xb8000
COLUMNS         equ 80
ROWS            equ 25
GREY            equ 0x07
WHITE           equ 0x0f
GREEN           equ 0x0a
RED             equ 0x0c
YELLOW          equ 0x0e

COM1            equ 0x3f8
PIC1            equ 0x20
PIC2            equ 0xa0
PIT             equ 0x40
KEYBOARD        equ 0x60
END_OF_INTERRUPT equ 0x20
TICKS           equ 11932               ; 100 a second
VECTOR_TIMER    equ 0x20
VECTOR_KEYBOARD equ 0x21

; Calls of the guard, in EAX
CALL_QUERY      equ 0
CALL_REGISTER   equ 1
CALL_PROTECT    equ 3
CALL_LOOK       equ 6
CALL_SEAL       equ 7
CALL_ALERT      equ 8
ACTION_DENY     equ 4
ACTION_FAULT    equ 5
FOUND_NODE      equ 2

; An alert's kind and outcome
KIND_LISTED     equ 1
KIND_TREE       equ 2
OUTCOME_DROPPED equ 2
OUTCOME_REFUSED equ 3

; The tree (docs/formats/guard-tree.md)
TREE            equ 0xff000000
TREE_PAGES      equ 16                  ; looked through for nodes
ENTRIES         equ 512
USED            equ 1
LISTED          equ 2
LEVEL_ONE       equ 1 << 4              ; an entry that leads to level 1: the root has it

; A process: what the agent protects of it
PROCESS_NEXT    equ 0
PROCESS_ID      equ 4
PROCESS_USER    equ 8
PROCESS_NAME    equ 12                  ; 12 characters
PROCESS_RUN     equ 24                  ; where its changing part is, in a page that nobody protects
PROCESS_BYTES   equ 32

; Its changing part
RUN_COUNT       equ 4
RUN_BYTES       equ 16
