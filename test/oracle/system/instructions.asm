; Privileged instructions, flags, string instructions that fault in the middle, task switches, debugging.

; --- POPF / PUSHF / CLI / STI: index = pattern + 8 * way ------------------------------------------------------------------
name_flags      db 'flags', 0
flag_patterns   dd 0x00000ed7, 0x00003202, 0x00007002, 0x00244002, 0x003fdad7, 0x00030202, 0x00001000, 0x00180002
flag_ways:
        dd flags_32_0, flags_16_0, flags_32_3, flags_16_3, flags_32_3_iopl, flags_16_3_iopl, flags_cli, flags_sti
FLAG_CASES      equ 8 * 8

run_flags:
        mov ecx, eax
        and ecx, 7
        mov ebx, [flag_patterns + ecx * 4]
        and ebx, ~0x100                 ; single steps have their own group
        shr eax, 3
        jmp [flag_ways + eax * 4]

; user_flags LABEL, EFLAGS
%macro user_flags 2
        push dword DATA3
        push dword USER_STACK
        push dword %2
        push dword CODE3
        push dword %1
        iretd
%endmacro

flags_32_0:
        push ebx
        popfd
        pushfd
        pop ecx
        int END
flags_16_0:
        push bx
        popf
        pushf
        pop cx
        int END
flags_32_3:
        user .at
.at:    push ebx
        popfd
        pushfd
        pop ecx
        int END
flags_16_3:
        user .at
.at:    push bx
        popf
        pushf
        pop cx
        int END
flags_32_3_iopl:
        user_flags .at, 0x3002
.at:    push ebx
        popfd
        pushfd
        pop ecx
        int END
flags_16_3_iopl:
        user_flags .at, 0x3002
.at:    push bx
        popf
        pushf
        pop cx
        int END
flags_cli:
        and ebx, 0x3eff
        or ebx, 2
        user_flags .at, ebx
.at:    cli
        int END
flags_sti:
        and ebx, 0x3cff
        or ebx, 2
        user_flags .at, ebx
.at:    sti
        int END

; --- Instructions from CPL 3 (even index) and CPL 0 (odd) -----------------------------------------------------------------
name_user       db 'instruction', 0

run_user:
        mov ebx, eax
        shr ebx, 1
        mov ebx, [user_cases + ebx * 4]
        mov byte [TSS_A + 104 + 0x80 / 8], 1    ; port 80h is forbidden, 81h is not
        test al, 1
        jnz .inner
        xor eax, eax
        push dword DATA3
        push dword USER_STACK
        push dword 2
        push dword CODE3
        push dword .outer
        iretd
.outer: mov ecx, DATA3
        mov ds, ecx
        mov es, ecx
        xor ecx, ecx
        jmp ebx
.inner: xor eax, eax
        jmp ebx

user_cases:
        dd u0, u1, u2, u3, u4, u5, u6, u7, u8, u9, u10, u11, u12, u13, u14, u15, u16, u17, u18, u19
        dd u20, u21, u22, u23, u24, u25, u26, u27, u28, u29, u30, u31, u32, u33, u34, u35, u36, u37, u38, u39
        dd u40, u41, u42, u43, u44, u45, u46, u47, u48, u49, u50, u51, u52, u53, u54, u55, u56, u57, u58, u59
USER_CASES      equ ($ - user_cases) / 4

; done: EBX held the address of the case.
%macro done 0
        int END
%endmacro

u0:     clts
        done
u1:     mov eax, cr0
        done
u2:     mov eax, dr7
        done
u3:     mov cr2, ebx
        done
u4:     lgdt [gdt_pointer]
        done
u5:     lidt [idt_pointer]
        done
u6:     sgdt [DATA]
        sidt [DATA + 8]
        done
u7:     sldt eax
        str ecx
        done
u8:     sldt [DATA]
        str [DATA + 8]
        done
u9:     smsw eax
        smsw [DATA]
        done
u10:    mov eax, 0xf
        lmsw ax
        done
u11:    mov eax, 0                      ; LMSW cannot clear PE
        lmsw ax
        smsw eax
        done
u12:    wbinvd
        done
u13:    invd
        done
u14:    invlpg [DATA]
        done
u15:    mov ecx, 0x10
        rdmsr
        xor eax, eax
        xor edx, edx
        done
u16:    mov ecx, 0x12345678
        rdmsr
        done
u17:    in al, 0x80
        xor eax, eax
        done
u18:    in al, 0x81
        xor eax, eax
        done
u19:    out 0x80, al
        done
u20:    in ax, 0x7f                     ; reaches into a forbidden port
        xor eax, eax
        done
u21:    in eax, 0x81
        xor eax, eax
        done
u22:    mov edx, 0x80
        mov edi, DATA
        insb
        mov byte [DATA], 0              ; what such a port reads is the machine's affair
        done
u23:    mov edx, 0xfffe
        in eax, dx
        xor eax, eax
        done
u24:    ud2
u25:    db 0x0f, 0xff, 0xc0             ; UD0
        done
u26:    db 0xf0, 0x89, 0xc0             ; LOCK MOV
        done
u27:    db 0xf0, 0x01, 0xd8             ; LOCK ADD with registers
        done
u28:    db 0x8e, 0xc8                   ; MOV CS, EAX
        done
u29:    db 0x8e, 0xf8                   ; MOV to segment register 7
        done
u30:    db 0x8d, 0xc0                   ; LEA with a register
        done
u31:    db 0x0f, 0x20, 0xc8             ; MOV EAX, CR1
        done
u32:    db 0xc5, 0xc0                   ; LDS with a register
        done
u33:    mov eax, 11
        mov dword [DATA], 0
        mov dword [DATA + 4], 10
        bound eax, [DATA]
        done
u34:    mov eax, 10
        mov dword [DATA], 0
        mov dword [DATA + 4], 10
        bound eax, [DATA]
        done
u35:    mov eax, -1
        mov dword [DATA], -2
        mov dword [DATA + 4], 0
        bound eax, [DATA]
        done
u36:    mov al, 0x7f
        inc al
        into
u37:    xor eax, eax
        into
        done
u38:    int3
u39:    db 0xf1
u40:    mov ecx, cs                     ; CPL 0 would sleep for ever
        test cl, 3
        jz .done
        hlt
.done:  done
u41:    xor ecx, ecx
        mov eax, 1
        div ecx
u42:    mov edx, 1
        xor eax, eax
        mov ecx, 1
        div ecx
u43:    mov eax, 0x80000000
        cdq
        mov ecx, -1
        idiv ecx
u44:    mov ax, 0x0100
        mov cl, 0
        div cl
u45:    mov ebp, esp                    ; ENTER with frames to copy
        mov dword [USER_STACK - 4], 0x11111111
        enter 16, 0
        done
u46:    lea ebp, [esp - 16]
        enter 8, 1
        done
u47:    lea ebp, [esp - 16]
        enter 8, 5
        done
u48:    lea ebp, [esp - 64]
        enter 0, 31
        done
u49:    lea ebp, [esp - 16]
        o16 enter 8, 3
        done
u50:    mov ebp, esp
        sub esp, 32
        push dword 0x77
        leave
        done
u51:    arpl ax, bx
        done
u52:    mov ecx, 0x174                  ; SYSENTER with a null CS
        sysenter
u53:    sysexit
u54:    db 0x0f, 0xaa                   ; RSM outside of SMM
u55:    mov eax, cr4
        or eax, 1 << 2                  ; TSD; a reserved bit makes this QEMU hang
        mov cr4, eax
        push dword DATA3
        push dword USER_STACK
        push dword 2
        push dword CODE3
        push dword .at
        iretd
.at:    rdtsc
        done
u56:    mov eax, 0x94                   ; TSD PSE PGE; QEMU does not check CR0.NW without CD
        mov cr4, eax
        mov ecx, cr4
        done
u57:    mov eax, 0x12345018             ; PWT and PCD stay
        mov cr3, eax
        mov ecx, cr3
        done
u58:    mov ecx, DATA3_16               ; limits of call targets
        mov ds, ecx
        lsl eax, ecx
        done
u59:    push dword 0x12345678
        db 0x66, 0x0f, 0xa1             ; POP FS, 16 bits
        done

; --- String instructions into a page that is not there -----------------------------------------------------------------
; index: instruction + 16 * (direction + 2 * side): side 0 the destination faults, 1 the source.
name_strings    db 'string', 0
string_instructions:
        dd s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15
STRING_CASES    equ 16 * 4

HOLE            equ 0x40002000          ; LINEAR's two pages are there, the third is not

run_strings:
        mov ebp, eax
        mov edi, PAGES
        mov ecx, 0x8000 / 4
        xor eax, eax
        rep stosd
        mov dword [DIRECTORY], 0x000000e7
        mov dword [DIRECTORY + (LINEAR >> 22) * 4], TABLE + 7
        mov dword [TABLE], DATA + 7
        mov dword [TABLE + 4], DATA + 0x1000 + 7
        mov dword [TABLE + 12], DATA + 0x1000 + 7       ; and a page behind the hole
        mov eax, DIRECTORY
        mov cr3, eax
        mov eax, 0x90
        mov cr4, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        mov esi, DATA + 0x100
        mov edi, HOLE - 13
        test ebp, 16
        jz .forward
        mov edi, HOLE + 0x1000 + 9
        std
.forward:
        test ebp, 32
        jz .destination
        xchg esi, edi
.destination:
        mov ecx, 9
        mov edx, 0x81
        mov eax, ebp
        and eax, 15
        mov ebx, [string_instructions + eax * 4]
        mov eax, 0xa5a5a5a5
        mov ebp, 0
        jmp ebx

s0:     rep movsb
        done
s1:     rep movsw
        done
s2:     rep movsd
        done
s3:     rep stosb
        done
s4:     rep stosd
        done
s5:     rep lodsb
        done
s6:     rep lodsd
        done
s7:     repne scasb
        done
s8:     repne scasd
        done
s9:     repe cmpsb
        done
s10:    repne cmpsd
        done
s11:    movsd
        movsd
        movsd
        movsd
        done
s12:    rep movsd
        rep movsd
        done
s13:    xor ecx, ecx                    ; nothing to do: no fault
        rep movsd
        done
s14:    mov ecx, 2
        add edi, 7
        add esi, 7
        rep stosw
        done
s15:    push dword [esi]                ; faults with ESP unchanged
        push dword [edi]
        pop dword [edi + 12]
        done

; --- Hardware task switches --------------------------------------------------------------------------------------------
name_tasks      db 'task', 0
task_cases:
        dd t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15, t16, t17, t18, t19
TASK_CASES      equ ($ - task_cases) / 4

; faults_by_task: #TS, #NP, #SS and #GP switch to TSS_C, since the task that faults has no stack yet.
faults_by_task:
        mov eax, IDT + 10 * 8
.next:
        mov word [eax + 2], SEL_TSS_C
        mov byte [eax + 5], 0x85
        add eax, 8
        cmp eax, IDT + 14 * 8
        jb .next
        xor eax, eax
        ret

run_tasks:
        mov ecx, 0xcccccccc
        mov edx, 0xdddddddd
        jmp [task_cases + eax * 4]

t0:     jmp SEL_TSS_B:0
t1:     call SEL_TSS_B:0
t2:     jmp SEL_TSS_C:0
t3:     call SEL_TSS_C:0
t4:     jmp TASK_GATE:0
t5:     call TASK_GATE:0
t6:     user .at
.at:    call TASK_GATE:0
t7:     user .at
.at:    jmp SEL_TSS_B:0
t8:     mov dword [TSS_B + 32], .back   ; a task that returns with IRET
        call SEL_TSS_B:0
        int END
.back:  iretd
t9:     jmp SEL_TSS_A:0                 ; busy
t10:    mov word [GDT + SEL_TSS_B], 0x66        ; limit too small
        jmp SEL_TSS_B:0
t11:    mov byte [GDT + SEL_TSS_B + 5], 0x09    ; not present
        jmp SEL_TSS_B:0
t12:    call faults_by_task
        mov word [TSS_B + 76], ABSENT_CODE
        jmp SEL_TSS_B:0
t13:    call faults_by_task
        mov word [TSS_B + 80], ABSENT_DATA
        jmp SEL_TSS_B:0
t14:    call faults_by_task
        mov word [TSS_B + 80], DATA3
        jmp SEL_TSS_B:0
t15:    call faults_by_task
        mov word [TSS_B + 96], DATA0    ; an LDT that is none
        jmp SEL_TSS_B:0
t16:    mov word [TSS_B + 84], CODE3    ; the task runs at CPL 3
        mov word [TSS_B + 76], CODE3
        mov word [TSS_B + 80], DATA3
        mov word [TSS_B + 84], DATA3
        mov word [TSS_B + 72], DATA3
        mov word [TSS_B + 88], DATA3
        mov word [TSS_B + 92], DATA3
        mov dword [TSS_B + 56], USER_STACK
        jmp SEL_TSS_B:0
t17:    mov word [IDT + USER_VECTOR * 8 + 2], SEL_TSS_B ; INT through a task gate
        mov byte [IDT + USER_VECTOR * 8 + 5], 0xe5
        int USER_VECTOR
t18:    mov word [IDT + 13 * 8 + 2], SEL_TSS_B          ; an exception with an error code through one
        mov byte [IDT + 13 * 8 + 5], 0x85
        mov eax, 0xfff8
        mov ds, eax
t19:    mov word [IDT + 8 * 8 + 2], SEL_TSS_B           ; double fault: #GP's own gate is absent
        mov byte [IDT + 8 * 8 + 5], 0x85
        mov byte [IDT + 13 * 8 + 5], 0x0e
        mov byte [IDT + 11 * 8 + 5], 0x0e
        mov eax, 0xfff8
        mov ds, eax

; --- TF, RF, breakpoints, interrupt shadows ------------------------------------------------------------------------------
name_debug      db 'debug', 0
debug_cases:
        dd d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15, d16, d17, d18, d19
DEBUG_CASES     equ ($ - debug_cases) / 4

run_debug:
        jmp [debug_cases + eax * 4]

%macro trap_on 0
        push dword 0x102
        popfd
%endmacro

d0:     trap_on
        inc ebx
        inc ebx
        done
d1:     mov eax, DATA0
        trap_on
        mov ss, eax                     ; no trap right behind MOV SS
        inc ebx
        inc ebx
        done
d2:     trap_on
        int END                         ; INT clears TF before its handler
d3:     trap_on
        pushfd
        pop ecx
        done
d4:     mov ecx, 3
        mov edi, DATA
        trap_on
        rep stosb                       ; a trap after each round
        done
d5:     trap_on
        jmp .at
        inc ebx
.at:    inc ecx
        done
d6:     mov eax, .at                    ; execute breakpoint
        mov dr0, eax
        mov eax, 1 << 1
        mov dr7, eax
        inc ebx
.at:    inc ecx
        done
d7:     mov eax, DATA + 4               ; write breakpoint of 4 bytes
        mov dr1, eax
        mov eax, 0x00d00008             ; G1, R/W1 = 01, LEN1 = 11
        mov dr7, eax
        mov ecx, [DATA + 4]
        mov [DATA + 8], ecx
        mov byte [DATA + 6], 1
        inc ebx
        done
d8:     mov eax, DATA + 4               ; read and write
        mov dr1, eax
        mov eax, 0x00f00008
        mov dr7, eax
        mov [DATA + 8], ecx
        mov cl, [DATA + 7]
        inc ebx
        done
d9:     mov eax, .at                    ; RF lets it through once
        mov dr0, eax
        mov eax, 1 << 1
        mov dr7, eax
        push dword 0x10002
        push dword CODE0
        push dword .at
        iretd
.at:    inc ecx
        done
d10:    mov eax, 1 << 13                ; general detect
        mov dr7, eax
        mov eax, dr0
        done
d11:    mov eax, 8                      ; DR4 and DR5 with CR4.DE
        mov cr4, eax
        db 0x0f, 0x21, 0xe0             ; mov eax, dr4
        done
d12:    db 0x0f, 0x21, 0xe3             ; without: DR6 under its other name
        done
d13:    mov eax, 0xffffffff
        mov dr6, eax
        mov ecx, dr6
        mov eax, 0x0000dc00
        mov dr7, eax
        mov ebx, dr7
        xor eax, eax
        mov dr7, eax
        done
d14:    push dword 0x10002              ; POPF cannot set RF
        popfd
        pushfd
        pop ecx
        done
d15:    user .at                        ; single step in from CPL 3
.at:    trap_on
        inc ebx
        done
d16:    mov ecx, .at                    ; code that rewrites the next instruction
        mov byte [ecx], 0x43            ; INC EBX for INC ECX
        jmp .at
.at:    inc ecx
        done
d17:    mov byte [.at], 0x43            ; with no jump between
.at:    inc ecx
        done
d18:    mov edi, .at                    ; a store that covers what comes behind it
        mov eax, 0x90909043
        stosd
.at:    inc ecx
        nop
        nop
        nop
        done
d19:    mov ecx, 5                      ; a loop that changes its own body each round
.loop:  inc byte [.patch + 1]
.patch: mov al, 0
        add ebx, eax
        loop .loop
        done
