; Descriptor tables, and the way of every interrupt and exception through one common entry.

; A stub pushes an error code where the processor pushed none, and calls interrupt_entry; which stub it was tells the vector.
STUB_SIZE       equ 16

%macro stub_plain 0
        push dword 0
        call interrupt_entry
        align STUB_SIZE
%endmacro

%macro stub_error 0
        call interrupt_entry
        align STUB_SIZE
%endmacro

        align STUB_SIZE
stubs:
%rep 8                                  ; 0-7
        stub_plain
%endrep
        stub_error                      ; 8 #DF
        stub_plain                      ; 9
%rep 5                                  ; 10 #TS, 11 #NP, 12 #SS, 13 #GP, 14 #PF
        stub_error
%endrep
        stub_plain                      ; 15
        stub_plain                      ; 16 #MF
        stub_error                      ; 17 #AC
%rep VECTORS - 18
        stub_plain
%endrep

interrupt_entry:
        pushad
        cld
        mov ebp, esp
        mov eax, [ebp + Frame.vector]   ; still the stub's return address
        sub eax, stubs
        shr eax, 4                      ; STUB_SIZE
        mov [ebp + Frame.vector], eax
        inc dword [interrupt_counts + eax * 4]
        cmp eax, IRQ_BASE
        jb .exception
        call [irq_handlers + eax * 4 - IRQ_BASE * 4]
        mov al, END_OF_INTERRUPT
        cmp byte [ebp + Frame.vector], IRQ_BASE + 8
        jb .master
        out PIC2, al
.master:
        out PIC1, al
        popad
        add esp, 8                      ; vector and error code
        iretd
.exception:
        call report_exception
        ; The command that failed is given up; its interrupt flag comes back with the shell.
        mov esp, STACK_TOP
        jmp shell

ignore_irq:
        ret

; tables_start: our GDT, an IDT with a gate for each stub, and the interrupt controllers moved away from the exceptions.
tables_start:
        pushad
        lgdt [gdt_pointer]
        jmp CODE:.reload
.reload:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov fs, eax
        mov gs, eax
        mov ss, eax
        mov edi, idt
        mov ecx, VECTORS
        mov eax, stubs
.gate:
        mov [edi], ax                   ; offset 15:0
        mov word [edi + 2], CODE
        mov word [edi + 4], 0x8e00      ; 32-bit interrupt gate, present, DPL 0
        mov edx, eax
        shr edx, 16
        mov [edi + 6], dx               ; offset 31:16
        add eax, STUB_SIZE
        add edi, 8
        loop .gate
        lidt [idt_pointer]

        mov esi, pic_setup
        mov ecx, PIC_SETUP_COUNT
.pic:
        lodsw                           ; port, value
        movzx edx, al
        mov al, ah
        out dx, al
        loop .pic
        popad
        ret

; report_exception: what happened, where, and with which registers. EBP is the Frame.
report_exception:
        pushad
        call new_line
        mov byte [colour], RED
        mov eax, [ebp + Frame.vector]
        mov esi, [exception_names + eax * 4]
        call put_text
        say GREY, '  vector '
        call put_decimal
        say GREY, ', error code '
        mov eax, [ebp + Frame.error]
        call put_hex_word
        say GREY, ', at '
        mov eax, [ebp + Frame.cs]
        call put_hex_word
        say GREY, ':'
        mov byte [colour], WHITE
        mov eax, [ebp + Frame.eip]
        call put_hex
        call new_line
        cmp dword [ebp + Frame.vector], 14
        jne .registers
        say GREY, '  cr2 '
        mov byte [colour], YELLOW
        mov eax, cr2
        call put_hex
        say GREY, ': '
        mov ebx, [ebp + Frame.error]
        mov esi, text_read
        test ebx, 1 << 1
        jz .access
        mov esi, text_write
.access:
        call put_text
        mov esi, text_not_present
        test ebx, 1 << 0
        jz .why
        mov esi, text_not_allowed
.why:
        call put_text
        call new_line
.registers:
        mov esi, frame_names
        mov ecx, 8
.register:
        call space
        call space
        mov byte [colour], DARK
        call put_text
        add esi, 4
        call space
        movzx ebx, byte [esi]
        inc esi
        mov byte [colour], GREY
        mov eax, [ebp + ebx]
        call put_hex
        cmp ecx, 5
        jne .same
        call new_line
.same:
        loop .register
        call new_line
        popad
        ret
