; Returns of all kinds, and virtual-8086 mode.
name_returns    db 'return', 0

run_returns:
        jmp [return_cases + eax * 4]

; frame3 EFLAGS: an IRETD frame to CPL 3 at `land`.
%macro iret3 1
        push dword DATA3
        push dword USER_STACK
        push dword %1
        push dword CODE3
        push dword land
        iretd
%endmacro
%macro iret0 1
        push dword %1
        push dword CODE0
        push dword land
        iretd
%endmacro

return_cases:
        dd back0, back1, back2, back3, back4, back5, back6, back7, back8, back9, back10, back11, back12, back13, back14, back15, back16, back17, back18, back19, back20, back21, back22, back23, back24, back25
RETURN_CASES    equ ($ - return_cases) / 4
back0:     iret3 0x00000002
back1:     iret3 0x00000ed7                ; all arithmetic flags, IF, DF; not TF
back2:     iret3 0x00003002                ; IOPL 3
back3:     iret3 0x00244002                ; ID, AC, NT
back4:     iret0 0x00003ed7
back5:     iret0 0x00244002
back6:     push word 0xed7                 ; 16-bit IRET to CPL 0, 1 MiB segment
        push word HIGH_CODE0
        push word HIGH_LAND
        o16 iret
back7:     push word DATA3                 ; and to CPL 3
        push word 0x0f00
        push word 0x0002
        push word HIGH_CODE3
        push word HIGH_LAND
        o16 iret
back8:     user .at                        ; CPL 3 cannot change IOPL or IF
.at:    push dword 0x3202
        push dword CODE3
        push dword land
        iretd
back9:     user .at                        ; nor return inwards
.at:    push dword 2
        push dword CODE0
        push dword land
        iretd
back10:    push dword 0x4002               ; NT: nested task return without a task behind
        popfd
        iretd
back11:    mov word [TSS_A], SEL_TSS_B     ; and with one that is not busy
        push dword 0x4002
        popfd
        iretd
back12:    mov word [TSS_A], SEL_TSS_B     ; and with a busy one
        mov byte [GDT + SEL_TSS_B + 5], 0x8b
        push dword 0x4002
        popfd
        iretd
back13:    mov word [TSS_A], SEL_TSS_C
        mov byte [GDT + SEL_TSS_C + 5], 0x83
        push dword 0x4002
        popfd
        iretd
back14:    push dword DATA3                ; data segments of more privilege are nulled on the way out
        push dword USER_STACK
        push dword CODE3
        push dword land
        mov ebx, DATA0
        mov ds, ebx
        mov ebx, DATA3
        mov es, ebx
        mov ebx, CONFORMING
        mov fs, ebx
        mov ebx, DATA1
        mov gs, ebx
        retf
back15:    push dword DATA3                ; RETF n to CPL 3 releases on both stacks
        push dword USER_STACK - 64
        push dword 1
        push dword 2
        push dword CODE3
        push dword land
        add esp, 0
        mov ebx, esp
        mov dword [esp + 8], DATA3
        mov ecx, [esp + 16]
        push dword DATA3
        push dword USER_STACK - 64
        push dword 0x77
        push dword 0x88
        push dword CODE3
        push dword land
        retf 8
back16:    push dword 0x55
        push dword 0x66
        push dword CODE0
        push dword land
        retf 8
back17:    push dword DATA1                ; to CPL 1, with a stack of CPL 1
        push dword USER_STACK
        push dword 2
        push dword CODE1
        push dword land
        iretd
back18:    push dword DATA3                ; stack of the wrong level
        push dword USER_STACK
        push dword 2
        push dword CODE1
        push dword land
        iretd
back19:    push dword 0                    ; null stack
        push dword USER_STACK
        push dword 2
        push dword CODE3
        push dword land
        iretd
back20:    push dword ABSENT_DATA | 3
        push dword USER_STACK
        push dword 2
        push dword CODE3
        push dword land
        iretd
back21:    push dword 2
        push dword 0
        push dword land
        iretd
back22:    push dword 2
        push dword ABSENT_CODE
        push dword land
        iretd
back23:    push dword 2
        push dword 0xfff8
        push dword land
        iretd
back24:    push dword 2                    ; through the LDT
        push dword 0x0f
        push dword land
        iretd
back25:    push dword 0x17
        push dword USER_STACK
        push dword 2
        push dword 0x0f
        push dword land
        iretd

; Virtual-8086 mode: small pieces of 16-bit code at 2000:0000, with IOPL 0 and 3, by index & 1; TF by bit 1; the I/O bitmap
; forbids port 80h when bit 2 is set.
name_v86        db 'v86', 0

run_v86:
        mov ebx, eax
        shr ebx, 3
        mov esi, [v86_cases + ebx * 4]
        mov edi, 0x20000
        mov ecx, 64
        rep movsb
        mov edi, 0x30000
        mov ecx, 0x1000 / 4
        mov ebx, 0x33333333
        xchg eax, ebx
        rep stosd
        xchg eax, ebx
        mov edx, 1 << 17 | 2
        test al, 1
        jz .iopl
        or edx, 3 << 12
.iopl:
        test al, 2
        jz .trap
        or edx, 1 << 8
.trap:
        test al, 4
        jz .bitmap
        mov byte [TSS_A + 104 + 0x80 / 8], 1
.bitmap:
        ; The real-mode vector of INT 21h plays no part without VME.
        push dword 0x5000               ; GS FS DS ES
        push dword 0x4000
        push dword 0x3000
        push dword 0x2000
        push dword 0x3000               ; SS:ESP
        push dword 0x0800
        push edx
        push dword 0x2000
        push dword 0
        xor eax, eax
        xor ebx, ebx
        xor edx, edx
        xor esi, esi
        xor edi, edi
        iretd

v86_cases:
        dd v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, v10, v11, v12, v13, v14, v15, v16, v17, v18, v19, v20, v21, v22, v23
V86_CASES       equ ($ - v86_cases) / 4

        bits 16
v0:     cli
        int END
v1:     sti
        int END
v2:     pushf
        pop ax
        int END
v3:     push word 0x7fd7
        popf
        nop
        int END
v4:     int 0x21
v5:     push word 0x0ed7
        push word 0x2000
        push word 0x10
        iret
        times 16 nop
        int END
v6:     in al, 0x80
        xor ax, ax
        int END
v7:     out 0x80, al
        int END
v8:     in ax, 0x7f
        xor ax, ax
        int END
v9:     hlt
v10:    mov eax, cr0
v11:    lgdt [0]
v12:    mov ax, 0x1234
        mov ds, ax
        mov es, ax
        int END
v13:    jmp 0x2001:0
        times 16 nop
        int END
v14:    call 0x1fff:0x20
        times 32 nop
        int END
v15:    int3
v16:    mov al, 0x7f
        add al, 1
        into
        int END
v17:    lar ax, bx
v18:    arpl ax, bx
v19:    o32 pushf
        pop eax
        int END
v20:    mov byte [ds:0xffff], 0x5a      ; the segment is 64 KiB long
        inc byte [0x10]
        pop dword [0x20]
        int END
v21:    push dword 0x00244ed7
        o32 popf
        int END
v22:    db 0xf1                         ; INT1
v23:    ud2
        times 32 nop
        bits 32
