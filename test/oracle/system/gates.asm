; Every type, DPL and P in a gate, with several targets and from two levels. Index: type + 16 * DPL + 64 * P + 128 * variant.
name_interrupts db 'interrupt', 0
name_calls      db 'call', 0

HIGH_LAND       equ land - image_start

; Selector, and the level it is tried from.
gate_variants:
        dw HIGH_CODE0, 0
        dw HIGH_CODE0, 3
        dw HIGH_CONFORMING, 3
        dw HIGH_CODE3, 3
        dw HIGH_CODE3, 0
        dw ABSENT_CODE, 3
        dw DATA0, 3
        dw 0, 3
        dw HIGH_CODE1, 3
        dw SEL_TSS_B, 0
        dw SEL_TSS_B, 3
        dw SEL_TSS_C, 0
GATE_VARIANTS   equ ($ - gate_variants) / 4
PARAMETERS      equ 3

; build_gate: at EBX from index EAX; ECX = the level. A TSS would be taken for real, so its types become gates.
build_gate:
        mov esi, eax
        shr esi, 7
        mov ecx, eax
        and eax, 0x0f
        and ecx, 0x70
        shl ecx, 1
        or eax, ecx
        mov ecx, eax
        and ecx, 0x05
        cmp ecx, 1
        jne .type
        or eax, 4
.type:
        mov cx, [gate_variants + esi * 4]
        mov word [ebx], HIGH_LAND
        mov [ebx + 2], cx
        mov byte [ebx + 4], PARAMETERS
        mov [ebx + 5], al
        mov word [ebx + 6], 0
        movzx ecx, word [gate_variants + esi * 4 + 2]
        ret

run_interrupts:
        mov ebx, IDT + USER_VECTOR * 8
        call build_gate
        mov byte [ebx + 4], 0
        test ecx, ecx
        jz .go
        user .go
.go:
        int USER_VECTOR
        int END

run_calls:
        mov ebx, GDT + GATE
        call build_gate
        push dword 0xa0a0a0a0           ; parameters
        push dword 0xb1b1b1b1
        push dword 0xc2c2c2c2
        test ecx, ecx
        jz .go
        user .from3
.go:
        call GATE:0
        int END
.from3:
        push dword 0xa3a3a3a3
        push dword 0xb4b4b4b4
        push dword 0xc5c5c5c5
        call GATE | 3:0
        int END

; A call from CPL 3 to CPL 1 (so that CPL 0 still has a stack for the fault) through a good gate, with all kinds of inner stacks, gate counts and RPLs. Index: see the table.
name_stacks     db 'inner stack', 0
inner_stacks:
        dd 0, GATE_STACK
        dd DATA1, GATE_STACK - 0x800
        dd DATA1 | 3, GATE_STACK - 0x800
        dd DATA1 & ~3, GATE_STACK - 0x800
        dd DATA3, GATE_STACK - 0x800
        dd DATA0, GATE_STACK - 0x800
        dd DATA0 | 1, GATE_STACK - 0x800
        dd ABSENT_DATA1, GATE_STACK - 0x800
        dd CODE0, GATE_STACK
        dd SEL_TSS_A, GATE_STACK
        dd 0x1000, GATE_STACK
        dd DATA1_16, 0x0f00
        dd 4, GATE_STACK
        dd 0x1d, GATE_STACK - 0x800
        dd 0x25, GATE_STACK - 0x800
INNER_STACKS    equ ($ - inner_stacks) / 8
STACK_COUNTS    equ 4
STACK_CASES     equ INNER_STACKS * STACK_COUNTS * 2
gate_counts     db 0, 1, 7, 31

run_stacks:
        xor edx, edx
        mov ecx, INNER_STACKS
        div ecx
        mov ebx, [inner_stacks + edx * 8]
        mov [TSS_A + 16], ebx
        mov ebx, [inner_stacks + edx * 8 + 4]
        mov [TSS_A + 12], ebx
        mov word [GDT + GATE], HIGH_LAND_FLAT
        mov word [GDT + GATE + 2], HIGH_CODE1
        mov ecx, eax
        and ecx, STACK_COUNTS - 1
        mov cl, [gate_counts + ecx]
        mov [GDT + GATE + 4], cl
        mov byte [GDT + GATE + 5], 0xec ; 32-bit call gate, DPL 3
        test al, STACK_COUNTS
        jz .wide
        mov byte [GDT + GATE + 5], 0xe4 ; 16-bit
.wide:
        mov word [GDT + GATE + 6], 0
        xor eax, eax
        xor ebx, ebx
        xor edx, edx
        ; Numbered doublewords as parameters.
        mov edi, USER_STACK - 128
        mov ecx, 32
.fill:
        mov [edi], ecx
        add edi, 4
        loop .fill
        push dword DATA3
        push dword USER_STACK - 128
        push dword 2
        push dword CODE3
        push dword .at
        iretd
.at:    call GATE | 3:0
        int END

; Back to a flat stack before the report, whatever the inner one was; ESI shows where it was.
land_flat:
        pop eax                         ; by SP or ESP, as the stack is
        movzx eax, ax
        movzx esi, sp                   ; QEMU keeps the upper half of the old ESP on a 16-bit stack
        mov edi, ss
        mov ebx, DATA1
        mov ss, ebx
        mov esp, GATE_STACK - 0x880
        int END
HIGH_LAND_FLAT  equ land_flat - image_start
