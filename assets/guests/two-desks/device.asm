; Finding the display device, and a place for it where no firmware has given it one.

; Carry: there is none.
find_display:
        pusha
        mov eax, DISPLAY_FUNCTION
        call pci_read
        cmp eax, DISPLAY_ID
        jne .none
        mov ebx, REGISTERS_PLACE
        mov eax, DISPLAY_FUNCTION + 0x10
        call place
        mov [registers], eax
        mov ebx, MEMORY_PLACE
        mov eax, DISPLAY_FUNCTION + 0x18
        call place
        mov [memory], eax
        mov eax, DISPLAY_FUNCTION + 4
        call pci_read
        movzx ebx, ax                   ; what is set in the status would be cleared by writing it
        or ebx, 2                       ; memory space
        mov eax, DISPLAY_FUNCTION + 4
        call pci_write
        mov eax, LPC_FUNCTION + PIRQ_E  ; PIRQG# is this function's: IRQ 11
        call pci_read
        and eax, 0xff00ffff
        or eax, 11 << 16
        mov ebx, eax
        mov eax, LPC_FUNCTION + PIRQ_E
        call pci_write
        mov ebx, [registers]
        mov eax, [ebx + DISPLAY_MEMORY]
        mov [memory_bytes], eax
        popa
        clc
        ret
.none:  popa
        stc
        ret

; EAX = where the base address register at EAX leads, after it was given EBX if it led nowhere.
place:
        push ecx
        mov ecx, eax
        call pci_read
        and eax, ~15
        jnz .placed
        mov eax, ecx
        call pci_write
        mov eax, ebx
.placed:
        pop ecx
        ret

; EAX = the configuration word at EAX.
pci_read:
        push edx
        mov dx, PCI_ADDRESS
        out dx, eax
        mov dx, PCI_DATA
        in eax, dx
        pop edx
        ret

; Writes EBX to the configuration word at EAX.
pci_write:
        push eax
        push edx
        mov dx, PCI_ADDRESS
        out dx, eax
        mov dx, PCI_DATA
        mov eax, ebx
        out dx, eax
        pop edx
        pop eax
        ret

; The characters of text mode lie in plane 2 of the VGA, 32 bytes each, 16 of them used. They are copied for our own use.
take_font:
        pusha
        mov esi, font_registers
        call vga_set
        mov esi, 0xa0000
        mov edi, font
        mov ecx, 256
.each:  push ecx
        mov ecx, GLYPH_HEIGHT / 4
        rep movsd
        add esi, 32 - GLYPH_HEIGHT
        pop ecx
        loop .each
        mov esi, text_registers
        call vga_set
        popa
        ret

; Registers of the sequencer and the graphics controller from pairs at ESI: port (low byte), index and value; 0 ends them.
vga_set:
        push eax
        push edx
.next:  movzx edx, byte [esi]
        test edx, edx
        jz .done
        add edx, 0x300
        mov ax, [esi + 1]
        out dx, ax
        add esi, 3
        jmp .next
.done:  pop edx
        pop eax
        ret
