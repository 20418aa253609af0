; From the loader's state to all processors at work.

entry:
        cli
        cld
        lgdt [gdt_pointer]
        jmp CODE:.flat
.flat:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov esp, STACKS + (1 << STACK_SHIFT)
        mov al, 0xff                    ; the 8259s are not used
        out PIC1 + 1, al
        out PIC2 + 1, al
        mov edi, CPUS                   ; nobody promised that memory is zero
        mov ecx, (MAXIMUM << CPU_SHIFT) / 4
        xor eax, eax
        rep stosd
        call idt_start
        call serial_start
        call clear_screen
        call clock_start
        call pm_start
        call smram_open
        jc .locked
        call cpu_start
        call others_start
        call handlers_move
        call smram_close
        call title
        mov byte [go], 1
        jmp source
.locked:
        mov edi, TEXT_MEMORY
        mov esi, locked_text
        mov ah, YELLOW
        call put_text
        mov esi, locked_text
        call say
        cli
.stop:
        hlt
        jmp .stop

; cpu_start: this processor's APIC and its block, whose address goes to EBP.
cpu_start:
        push eax
        mov dword [APIC_SPURIOUS], 0x100 | SPURIOUS_VECTOR
        mov ebp, [APIC_ID]
        shr ebp, 24
        shl ebp, CPU_SHIFT
        add ebp, CPUS
        mov dword [ebp + Processor.present], 1
        mov dword [ebp + Processor.cursor], SMRAM
        lidt [idt_pointer]
        call smbase_move
        lock inc dword [processors]
        pop eax
        ret

; others_start: wakes all other processors and waits until no more come.
others_start:
        pushad
        mov esi, trampoline
        mov edi, TRAMPOLINE
        mov ecx, trampoline_end - trampoline
        rep movsb
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | IPI_INIT
        mov eax, 10000
        call wait_microseconds
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | IPI_START | (TRAMPOLINE >> 12)
        mov eax, 200
        call wait_microseconds
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | IPI_START | (TRAMPOLINE >> 12)
.more:
        mov ebx, [processors]
        mov eax, 500000
        call wait_microseconds
        cmp ebx, [processors]
        jne .more
        popad
        ret

trampoline:
        bits 16
        cli
        cld
        xor ax, ax
        mov ds, ax
        o32 lgdt [TRAMPOLINE + .pointer - trampoline]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword CODE:other_entry
        align 4
.pointer:
        dw gdt_end - gdt - 1
        dd gdt
trampoline_end:
        bits 32

; The others come here all at once: a stack by the number of the APIC, and one after the other from there on.
other_entry:
        mov eax, DATA
        mov ds, eax
        mov es, eax
        mov ss, eax
        mov eax, [APIC_ID]
        shr eax, 24
        cmp eax, MAXIMUM
        jae .park
        inc eax
        shl eax, STACK_SHIFT
        lea esp, [STACKS + eax]
.door:
        lock bts dword [door], 0
        jnc .inside
        pause
        jmp .door
.inside:
        call cpu_start
        mov dword [door], 0
.wait:
        pause
        cmp byte [go], 0
        je .wait
        sti
        jmp thief
.park:
        cli
        hlt
        jmp .park

; idt_start: every vector to `unexpected`, but for #UD, the wake-up and the spurious vector.
idt_start:
        pushad
        xor ecx, ecx
.next:
        mov eax, unexpected
        call set_gate
        inc ecx
        cmp ecx, 256
        jb .next
        mov ecx, INVALID_OPCODE
        mov eax, invalid_opcode
        call set_gate
        mov ecx, WAKE_VECTOR
        mov eax, wake
        call set_gate
        mov ecx, SPURIOUS_VECTOR
        mov eax, spurious
        call set_gate
        popad
        ret

; set_gate: vector ECX to the handler at EAX, as an interrupt gate.
set_gate:
        pushad
        mov edx, eax
        and eax, 0xffff
        or eax, CODE << 16
        mov [IDT + 8 * ecx], eax
        and edx, 0xffff0000
        or edx, 0x8e00
        mov [IDT + 8 * ecx + 4], edx
        popad
        ret

; Nothing but an opcode that is none is expected, and that only where a thief calls into darkness.
invalid_opcode:
        push ebp
        push eax
        mov ebp, [APIC_ID]
        shr ebp, 24
        shl ebp, CPU_SHIFT
        add ebp, CPUS
        xor eax, eax
        xchg eax, [ebp + Processor.recover]
        test eax, eax
        jz unexpected
        mov [esp + 8], eax
        pop eax
        pop ebp
        iret

wake:
        mov dword [APIC_EOI], 0
spurious:
        iret

unexpected:
        mov esi, unexpected_text
        call say
        mov byte [broken], 1
        cli
.stop:
        hlt
        jmp .stop

; clock_start: how many ticks of the time-stamp counter make a microsecond, by 10 ms of PIT channel 2.
clock_start:
        pushad
        in al, PORT_B
        and al, 0xfc
        or al, 1                        ; gate on, speaker off
        out PORT_B, al
        mov al, 0xb0                    ; channel 2, both bytes, mode 0
        out PIT_CONTROL, al
        mov al, 11932 & 0xff
        out PIT_CHANNEL2, al
        mov al, 11932 >> 8
        out PIT_CHANNEL2, al
        rdtsc
        mov ebx, eax
        mov esi, edx
.wait:
        in al, PORT_B
        test al, 0x20                   ; OUT of channel 2
        jz .wait
        rdtsc
        sub eax, ebx
        sbb edx, esi
        mov ecx, 10000
        div ecx
        test eax, eax
        jnz .known
        inc eax
.known:
        mov [ticks_per_microsecond], eax
        popad
        ret

; wait_microseconds: at least EAX microseconds; up to about a second.
wait_microseconds:
        pushad
        mul dword [ticks_per_microsecond]
        mov ecx, eax
        rdtsc
        mov ebx, eax
.wait:
        pause
        rdtsc
        sub eax, ebx
        cmp eax, ecx
        jb .wait
        popad
        ret
