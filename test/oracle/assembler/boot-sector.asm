        org 0x7c00
        bits 16
start:  cli
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, start
        sti
        mov si, message
.next:  lodsb
        or al, al
        jz .done
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        jmp .next
.done:  hlt
        jmp .done
message: db 'Hello', 13, 10, 0
        times 510-($-$$) db 0
        dw 0xaa55
