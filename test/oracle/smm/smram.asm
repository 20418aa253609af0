; TSEG of a Q35: hidden from everybody who is not in SMM, and locked. As lines of numbers for the debug console: run here and on QEMU, and compared.

%include "bring-up.asm"

PCI_ADDRESS     equ 0xcf8
PCI_DATA        equ 0xcfc
HOST_BRIDGE     equ 0x80000000
SMRAM           equ 0x9d
ESMRAMC         equ 0x9e
TSEG_BASE       equ 0xac
TSEG            equ (MEBIBYTES - 1) << 20
HANDLER         equ 0x8000              ; from SMBASE
SMBASE_FIELD    equ 0xfef8              ; of the 32-bit save-state map, from SMBASE
COUNTER         equ 0x9000              ; from SMBASE
seen            equ shared              ; what the handler shows of its counter

main:
        mov dx, 0x630                   ; SMI_EN: SMIs, and those of port 0xb2
        mov eax, 0x21
        out dx, eax
        ; Where SMBASE is now: 0x30000, or 0xa0000 behind SeaBIOS.
        mov al, 0x4a                    ; D_OPEN, G_SMRAME
        call write_smram
        mov esi, relocate
        mov edi, 0x30000 + HANDLER
        mov ecx, relocate_end - relocate
        rep movsb
        mov esi, relocate
        mov edi, 0xa0000 + HANDLER
        mov ecx, relocate_end - relocate
        rep movsb
        mov al, 0x0a
        call write_smram
        mov esi, handler
        mov edi, TSEG + HANDLER
        mov ecx, handler_end - handler
        rep movsb
        mov dword [TSEG + COUNTER], 0
        call raise                      ; SMBASE is TSEG now
        call raise
        mov edi, seen
        mov esi, text.moved
        call show
        ; The handler's counter is seen: TSEG is not enabled.
        mov edi, TSEG + COUNTER
        mov esi, text.before
        call show

        mov ecx, TSEG_BASE
        mov eax, TSEG
        call write_bridge
        mov al, 0x39                    ; T_EN, 1 MiB
        call write_esmramc
        mov esi, text.control
        call show_esmramc
        mov edi, TSEG + COUNTER
        mov esi, text.hidden
        call show
        mov edi, TSEG
        mov esi, text.first
        call show
        mov edi, TSEG + 0xffffc
        mov esi, text.last
        call show
        mov dword [TSEG + COUNTER], 0x12345678
        mov byte [TSEG + HANDLER], 0xf4
        xor eax, eax
        lock inc dword [TSEG + COUNTER]
        setz al
        mov [shared + 0x40], eax
        mov edi, shared + 0x40
        mov esi, text.locked_inc
        call show
        mov eax, 0x11111111
        xchg [TSEG + COUNTER], eax
        mov [shared + 0x40], eax
        mov edi, shared + 0x40
        mov esi, text.exchanged
        call show
        call raise
        mov edi, seen
        mov esi, text.counted
        call show

        mov al, 0x1a                    ; D_LCK
        call write_smram
        mov al, 0x4a
        call write_smram
        mov ecx, SMRAM
        mov esi, text.lock
        call show_register
        xor eax, eax
        call write_esmramc
        mov esi, text.control_locked
        call show_esmramc
        mov ecx, TSEG_BASE
        xor eax, eax
        call write_bridge
        mov edi, TSEG + COUNTER
        mov esi, text.still
        call show
        call raise
        mov edi, seen
        mov esi, text.served
        call show
        ret

finish:
        ret

raise:
        mov al, 0
        out 0xb2, al
        ret

; Register ECX of the host bridge is EAX.
write_bridge:
        push eax
        mov eax, ecx
        and eax, 0xfc
        or eax, HOST_BRIDGE
        mov dx, PCI_ADDRESS
        out dx, eax
        pop eax
        mov dx, PCI_DATA
        out dx, eax
        ret

write_smram:
        mov ecx, SMRAM
        jmp write_byte
write_esmramc:
        mov ecx, ESMRAMC
; Byte register ECX is AL. Keeps ESI and EDI.
write_byte:
        call select
        out dx, al
        ret

; Selects byte register ECX, whose data port is DX then. Keeps EAX.
select:
        push eax
        mov eax, ecx
        and eax, 0xfc
        or eax, HOST_BRIDGE
        mov dx, PCI_ADDRESS
        out dx, eax
        mov edx, ecx
        and edx, 3
        add edx, PCI_DATA
        pop eax
        ret

show_esmramc:
        mov ecx, ESMRAMC
; Name at ESI and the byte of register ECX that is no cache bit.
show_register:
        call select
        xor eax, eax
        in al, dx
        and eax, 0x87 | 0x78
        cmp ecx, ESMRAMC
        jne .print
        and eax, 0x87
.print: mov [shared + 0x40], eax
        mov edi, shared + 0x40
; Name at ESI, and the dword at EDI in hexadecimal.
show:
        call print
        mov al, ' '
        out DEBUG_PORT, al
        mov edx, [edi]
        mov ecx, 8
.digit: rol edx, 4
        mov al, dl
        and al, 0xf
        cmp al, 10
        jb .out
        add al, 'a' - '0' - 10
.out:   add al, '0'
        out DEBUG_PORT, al
        loop .digit
        mov al, 10
        out DEBUG_PORT, al
        ret

text:
.moved:         db "in TSEG", 0
.before:        db "before it is enabled", 0
.control:       db "control", 0
.hidden:        db "counter from outside", 0
.first:         db "first dword", 0
.last:          db "last dword", 0
.locked_inc:    db "locked increment gives zero", 0
.exchanged:     db "exchange gives", 0
.counted:       db "nothing was written", 0
.lock:          db "SMRAM register behind D_LCK", 0
.control_locked: db "control behind D_LCK", 0
.still:         db "still hidden", 0
.served:        db "still served", 0

        bits 16
relocate:
        mov dword [cs:SMBASE_FIELD], TSEG
        rsm
relocate_end:

handler:
        mov eax, [cs:COUNTER]
        inc eax
        mov [cs:COUNTER], eax
        mov [dword seen], eax
        rsm
handler_end:
        bits 32

kernel_end:
bss_end         equ kernel_end
