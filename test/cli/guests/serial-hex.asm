; What the guests of test/cli that are kernels say on COM1, without interrupts.

COM1            equ 0x3f8

; hex: EDX with eight digits.
hex:
        push ecx
        mov ecx, 8
.digit:
        rol edx, 4
        mov eax, edx
        and eax, 15
        mov al, [digits + eax]
        call send
        loop .digit
        pop ecx
        ret

send:
        push edx
        push eax
        mov dx, COM1 + 5
.wait:
        in al, dx
        test al, 0x20
        jz .wait
        pop eax
        mov dx, COM1
        out dx, al
        pop edx
        ret

digits:         db '0123456789abcdef'
