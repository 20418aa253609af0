; What drivers in guest assembly begin with and say things by: a Multiboot kernel at 1 MiB, 32-bit, without interrupts, that goes on at `driver`;
; configuration space of PCI, and the debug console, port E9. The includer ends with `end_of_file`.

        bits 32
        org 0x100000

start:  jmp entry
        align 4
header: dd 0x1badb002, 1 << 16, -(0x1badb002 + (1 << 16)), header, start, end_of_file, end_of_file, entry

entry:
        cli
        cld
        mov esp, 0x300000
        jmp driver

; EAX = the configuration word at address EAX. Changes DX.
pci_read:
        mov dx, 0xcf8
        out dx, eax
        mov dx, 0xcfc
        in eax, dx
        ret

; EBX to the configuration word at address EAX. Changes EAX and DX.
pci_write:
        mov dx, 0xcf8
        out dx, eax
        mov dx, 0xcfc
        mov eax, ebx
        out dx, eax
        ret

; The text at ESI, which ends in 0. Changes ESI and AL.
say:    lodsb
        test al, al
        jz .done
        out 0xe9, al
        jmp say
.done:  ret

; The device is not what it should be.
broken: mov esi, text_broken
        call say
.dead:  hlt
        jmp .dead

text_broken     db 'broken', 10, 0
