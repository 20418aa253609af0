; INT 1Ah, AH = B1h (PCI BIOS Specification 2.1, chapter 4).

PCI_UNSUPPORTED equ 0x81
PCI_BAD_VENDOR  equ 0x83
PCI_NOT_FOUND   equ 0x86
PCI_BAD_REGISTER equ 0x87

pci_services:
        mov     al, [bp + F_AL]
        and     al, 0x7f
        cmp     al, 0x01
        je      .present
        cmp     al, 0x02
        je      .find_device
        cmp     al, 0x03
        je      .find_class
        cmp     al, 0x08
        jb      .unsupported
        cmp     al, 0x0d
        jbe     .access
.unsupported:
        mov     ah, PCI_UNSUPPORTED
        jmp     answer_error_ah
.present:
        mov     dword [bp + F_EDX], 0x20494350  ; "PCI "
        mov     word [bp + F_AX], 0x0001        ; configuration mechanism 1
        mov     word [bp + F_BX], 0x0210
        mov     byte [bp + F_CL], 0             ; the last bus
        jmp     answer_ok
.find_device:
        shl     ecx, 16                 ; device and vendor
        mov     cx, dx
        cmp     dx, -1
        mov     ah, PCI_BAD_VENDOR
        je      answer_error_ah
        mov     si, .is_device
        jmp     .find
.find_class:
        and     ecx, 0xffffff
        mov     si, .is_class
; ECX = what to find, SI = who compares, the caller's SI = how many of them to pass by.
.find:  push    bp
        mov     bp, [bp + F_SI]
        call    pci_each
        pop     bp
        mov     ah, PCI_NOT_FOUND
        jnc     answer_error_ah
        mov     [bp + F_BX], bx
        jmp     answer_ok_ah0
.is_device:
        cmp     eax, ecx
        jne     .other
.counted:
        sub     bp, 1                   ; carry at the wanted one
        ret
.is_class:
        mov     di, CONFIG_CLASS
        call    pci_read32
        shr     eax, 8
        cmp     eax, ecx
        je      .counted
.other: clc
        ret
; 8-A read, B-D write a byte, word, double word.
.access:
        mov     bx, [bp + F_BX]
        mov     di, [bp + F_DI]
        sub     al, 8
        mov     cl, al
        cmp     cl, 3
        jb      .read
        sub     cl, 3
.read:  mov     si, 1
        shl     si, cl
        dec     si
        test    di, si
        jnz     .bad_register
        cmp     di, 256
        jae     .bad_register
        call    pci_address
        mov     si, ax
        and     si, 0xff
        add     si, si
        mov     eax, [bp + F_ECX]
        jmp     [cs:si + .accesses]
.bad_register:
        mov     ah, PCI_BAD_REGISTER
        jmp     answer_error_ah
.read8: in      al, dx
        mov     [bp + F_CL], al
        jmp     answer_ok_ah0
.read16:
        in      ax, dx
        mov     [bp + F_CX], ax
        jmp     answer_ok_ah0
.read32:
        in      eax, dx
        mov     [bp + F_ECX], eax
        jmp     answer_ok_ah0
.write8:
        out     dx, al
        jmp     answer_ok_ah0
.write16:
        out     dx, ax
        jmp     answer_ok_ah0
.write32:
        out     dx, eax
        jmp     answer_ok_ah0
        align 2, db 0
.accesses:
        dw      .read8, .read16, .read32, .write8, .write16, .write32
