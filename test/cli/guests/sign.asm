; Puts a sign on the screen, says that it has, and does nothing more.
        org 0x7c00
        bits 16
        mov ax, 0xb800
        mov es, ax
        xor di, di
        mov si, text
        mov ah, 0x1e
next:   lodsb
        test al, al
        jz done
        stosw
        jmp next
done:   mov dx, 0x3f8
        mov al, '!'
        out dx, al
        cli
        hlt
text:   db 'The same on both sides', 0
