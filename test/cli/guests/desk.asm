; Says on COM1 what comes from the keyboard and the mouse, each line with a number: "N k XX" for a scancode byte, "N m X Y B" for where the mouse
; is by now, in counts from where it began, and its buttons; all in hexadecimal. "0 desk" when it can be used. Asleep in between.

        bits 32
        org 0x100000

MULTIBOOT_MAGIC equ 0x1badb002
HAVE_ADDRESSES  equ 1 << 16
CODE            equ 8
FLAT            equ 16
COM1            equ 0x3f8
FIRST_IRQ       equ 0x20

start:
        jmp entry
        align 4
header: dd MULTIBOOT_MAGIC, HAVE_ADDRESSES, -(MULTIBOOT_MAGIC + HAVE_ADDRESSES)
        dd header, start, end, end, entry

entry:
        cli
        cld
        mov esp, 0x200000
        lgdt [gdt_pointer]
        jmp CODE:.flat
.flat:
        mov ax, FLAT
        mov ds, ax
        mov es, ax
        mov ss, ax
        ; Every gate leads to the same place: what there is to read, the controller says.
        mov edi, idt
        mov ecx, 256
.gate:
        mov eax, interrupt
        mov [edi], ax
        mov word [edi + 2], CODE
        mov word [edi + 4], 0x8e00
        shr eax, 16
        mov [edi + 6], ax
        add edi, 8
        loop .gate
        lidt [idt_pointer]
        mov al, 0x11
        out 0x20, al
        out 0xa0, al
        mov al, FIRST_IRQ
        out 0x21, al
        mov al, FIRST_IRQ + 8
        out 0xa1, al
        mov al, 4
        out 0x21, al
        mov al, 2
        out 0xa1, al
        mov al, 1
        out 0x21, al
        out 0xa1, al
        ; The mouse reports. Before interrupts are on: its answer is read here.
        mov al, 0xa8
        call command
        mov al, 0xd4
        call command
        mov al, 0xf4
        call data
.answer:
        in al, 0x64
        test al, 1
        jz .answer
        in al, 0x60
        cmp al, 0xfa
        jne .answer
        mov al, 0x60                    ; both interrupts, translated scancodes
        call command
        mov al, 0x47
        call data
        mov al, 0xf9                    ; IRQ 1 and 2
        out 0x21, al
        mov al, 0xef                    ; IRQ 12
        out 0xa1, al
        mov dword [number], 0
        mov esi, greeting
        call begin
        call finish
        sti
.idle:
        hlt
        jmp .idle

command:
        push eax
.wait:
        in al, 0x64
        test al, 2
        jnz .wait
        pop eax
        out 0x64, al
        ret

data:
        push eax
.wait:
        in al, 0x64
        test al, 2
        jnz .wait
        pop eax
        out 0x60, al
        ret

interrupt:
        pushad
.next:
        in al, 0x64
        test al, 1
        jz .end
        test al, 0x20
        in al, 0x60
        movzx eax, al
        jnz .mouse
        mov esi, key
        call begin
        mov edx, eax
        mov ecx, 2
        call hex
        call finish
        jmp .next
.mouse:
        mov ebx, [have]
        mov [packet + ebx], al
        inc ebx
        cmp ebx, 3
        jb .part
        xor ebx, ebx
        call moved
.part:
        mov [have], ebx
        jmp .next
.end:
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        popad
        iret

; moved: three bytes of the mouse are there.
moved:
        movzx eax, byte [packet + 1]
        test byte [packet], 0x10
        jz .right
        sub eax, 256
.right:
        add [across], eax
        movzx eax, byte [packet + 2]
        test byte [packet], 0x20
        jz .up
        sub eax, 256
.up:
        add [along], eax
        mov esi, mouse
        call begin
        mov edx, [across]
        mov ecx, 8
        call hex
        mov al, ' '
        call send
        mov edx, [along]
        mov ecx, 8
        call hex
        mov al, ' '
        call send
        mov edx, [packet]
        and edx, 7
        mov ecx, 1
        call hex
        jmp finish

; begin: the number of the line, and the word at ESI.
begin:
        push eax
        mov edx, [number]
        inc dword [number]
        mov ecx, 8
        call hex
        mov al, ' '
        call send
.next:
        lodsb
        test al, al
        jz .end
        call send
        jmp .next
.end:
        pop eax
        ret

finish:
        mov al, 10
        jmp send

; hex: the low ECX digits of EDX.
hex:
        push eax
        push ecx
        push edx
        mov eax, 8
        sub eax, ecx
        shl eax, 2
        xchg eax, ecx
        shl edx, cl
        mov ecx, eax
.next:
        rol edx, 4
        mov eax, edx
        and eax, 15
        mov al, [digits + eax]
        call send
        loop .next
        pop edx
        pop ecx
        pop eax
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
greeting:       db 'desk', 0
key:            db 'k ', 0
mouse:          db 'm ', 0
                align 8
gdt:            dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:    dw 23
                dd gdt
idt_pointer:    dw 256 * 8 - 1
                dd idt
number:         dd 0
have:           dd 0
packet:         dd 0
across:         dd 0
along:          dd 0
idt:            times 256 dq 0
end:
