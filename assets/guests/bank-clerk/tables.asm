; Descriptor tables, and the interrupt controllers with all lines masked but IRQ 4.

VECTOR_BASE     equ 0x20
VECTORS         equ VECTOR_BASE + 16

tables_start:
        pushad
        lgdt [gdt_pointer]
        jmp CODE:.reload
.reload:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov ecx, VECTORS
        mov edi, idt
.gate:
        mov eax, unexpected
        cmp ecx, VECTORS - VECTOR_BASE - 4
        jne .put
        mov eax, serial_interrupt
.put:
        mov [edi], ax                   ; offset 15:0
        mov word [edi + 2], CODE
        mov word [edi + 4], 0x8e00      ; 32-bit interrupt gate, present, DPL 0
        shr eax, 16
        mov [edi + 6], ax               ; offset 31:16
        add edi, 8
        loop .gate
        lidt [idt_pointer]
        mov esi, pic_setup
.pic:
        lodsw                           ; port, value
        movzx edx, al
        test edx, edx
        jz .done
        mov al, ah
        out dx, al
        jmp .pic
.done:
        popad
        ret

; Nothing else is to happen. A machine that stands still shows that it did.
unexpected:
        cli
        hlt
        jmp unexpected

pic_setup:                              ; ICW1 to ICW4 of both, then the masks
        db 0x20, 0x11, 0x21, VECTOR_BASE, 0x21, 4, 0x21, 1
        db 0xa0, 0x11, 0xa1, VECTOR_BASE + 8, 0xa1, 2, 0xa1, 1
        db 0x21, 0xef, 0xa1, 0xff, 0, 0

        align 8
gdt:
        dq 0
        dq 0x00cf9a000000ffff           ; code, 4 GiB
        dq 0x00cf92000000ffff           ; data, 4 GiB
gdt_end:
gdt_pointer:
        dw gdt_end - gdt - 1
        dd gdt
idt_pointer:
        dw VECTORS * 8 - 1
        dd idt
        align 8
idt:            times VECTORS * 8 db 0
