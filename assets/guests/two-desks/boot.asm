; From the loader's state to the loop that waits for the display to change.

entry:
        cli
        cld
        mov esp, STACK_TOP
        lgdt [gdt_pointer]
        jmp CODE:.flat
.flat:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        call serial_start
        call interrupts_start
        call take_font
        call find_display
        jc no_display
        mov byte [changed], 1
        mov ebx, [registers]
        mov dword [ebx + DISPLAY_ENABLE], 7
        sti
.loop:
        cmp byte [changed], 0
        je .input
        mov byte [changed], 0
        call outputs_changed
        jmp .loop
.input:
        cmp byte [touched], 0
        je .rest
        mov byte [touched], 0
        call input_changed
        jmp .loop
.rest:
        cli                             ; an interrupt between the test and HLT must not be slept over
        mov al, [changed]
        or al, [touched]
        jnz .more
        sti                             ; takes effect after the next instruction
        hlt
        jmp .loop
.more:  sti
        jmp .loop

no_display:
        mov esi, text_none
        call serial_text
.dead:  hlt
        jmp .dead

; Gates to `ignored` for all vectors, then the two that mean something.
interrupts_start:
        pusha
        xor ecx, ecx
.each:  mov eax, ignored
        cmp ecx, 32
        jae .set
        mov eax, exception
.set:   call set_gate
        inc ecx
        cmp ecx, 256
        jb .each
        mov ecx, VECTOR_TIMER
        mov eax, on_timer
        call set_gate
        mov ecx, VECTOR_DISPLAY
        mov eax, on_display
        call set_gate
        lidt [idt_pointer]
        mov al, 0x11                    ; ICW1: edge, cascade, ICW4
        out PIC1, al
        out PIC2, al
        mov al, VECTOR_TIMER
        out PIC1 + 1, al
        mov al, VECTOR_TIMER + 8
        out PIC2 + 1, al
        mov al, 4
        out PIC1 + 1, al
        mov al, 2
        out PIC2 + 1, al
        mov al, 1
        out PIC1 + 1, al
        out PIC2 + 1, al
        mov al, 0xfa                    ; the timer and the cascade
        out PIC1 + 1, al
        mov al, 0xf7                    ; IRQ 11
        out PIC2 + 1, al
        mov dx, ELCR2
        in al, dx
        or al, 1 << 3                   ; IRQ 11 is a level
        out dx, al
        mov al, 0x34                    ; channel 0, mode 2
        out PIT + 3, al
        mov al, TICKS & 0xff
        out PIT, al
        mov al, TICKS >> 8
        out PIT, al
        popa
        ret

; A 32-bit interrupt gate for vector ECX to EAX.
set_gate:
        push edi
        lea edi, [IDT + ecx * 8]
        mov [edi], ax
        mov word [edi + 2], CODE
        mov word [edi + 4], 0x8e00
        push eax
        shr eax, 16
        mov [edi + 6], ax
        pop eax
        pop edi
        ret

; Hundredths of a second that the guest has lived: they stand still while nobody has the machine.
on_timer:
        push eax
        inc dword [ticks]
        mov al, END_OF_INTERRUPT
        out PIC1, al
        pop eax
ignored:
        iret

on_display:
        push eax
        push ebx
        mov ebx, [registers]
        mov eax, [ebx + DISPLAY_STATUS]
        mov [ebx + DISPLAY_STATUS], eax ; lets the line go
        test al, 3
        jz .pointer
        mov byte [changed], 1
        mov byte [touched], 1
.pointer:
        test al, 4
        jz .done
        mov byte [touched], 1
.done:  mov al, END_OF_INTERRUPT
        out PIC2, al
        out PIC1, al
        pop ebx
        pop eax
        iret

exception:
        cli
        mov esi, text_exception
        call serial_text
.dead:  hlt
        jmp .dead
