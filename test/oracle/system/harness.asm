; A guest that runs system-level test cases and reports each in one line on COM1. The same image runs on QEMU and on
; Vitrine; the lines have to be equal.
;
; A case is a group and an index. For each case the harness puts descriptor tables, task state segments, scratch memory and
; control registers into the same state, and enters the group's routine at CPL 0 with EAX = index and all other registers zero.
; A case ends with the first interrupt or exception, whichever it is; `int END` when it went to its end. All gates of the IDT
; lead to one handler, which writes the report and goes on with the next case.
;
; Physical memory
;   100000  this program
;   200000  GDT   200800 IDT   201000 LDT   202000 TSS_A   205000 TSS_B   206000 TSS_C (16 bits)
;   210000  page directory  211000 page table  212000 PDPT  214000-217000 directories and tables of PAE mode
;   300000  scratch data, two pages
;   310000  user stack   320000 stack of a case at CPL 0   330000 stack of gates   340000 stack of other tasks   350000 ours
;    20000  code of virtual-8086 cases    30000 their stack

        bits 32
        org 0x100000

GDT             equ 0x200000
IDT             equ 0x200800
LDT             equ 0x201000
TSS_A           equ 0x202000
TSS_B           equ 0x205000
TSS_C           equ 0x206000
PAGES           equ 0x210000
DATA            equ 0x300000
USER_STACK      equ 0x311000
CASE_STACK      equ 0x321000
GATE_STACK      equ 0x331000
TASK_STACK      equ 0x341000
OWN_STACK       equ 0x351000

CODE0           equ 0x08
DATA0           equ 0x10
CODE3           equ 0x1b
DATA3           equ 0x23
SEL_TSS_A       equ 0x28
SEL_LDT         equ 0x30
TESTED            equ 0x38                ; rebuilt by the sweeps
SEL_TSS_B       equ 0x40
SEL_TSS_C       equ 0x48
CONFORMING      equ 0x50
HIGH_CODE0      equ 0x58                ; base 1 MiB, so that 16 bits of offset reach our code
CODE0_16        equ 0x60
GATE            equ 0x68
TASK_GATE       equ 0x70
DATA3_16        equ 0x78
ABSENT_CODE     equ 0x80
CODE1           equ 0x89
DATA1           equ 0x91
EXPAND_DOWN     equ 0x9b
CODE3_16        equ 0xa3
TASK_DATA16     equ 0xa8
HIGH_CODE3      equ 0xb3
HIGH_CONFORMING equ 0xb8
HIGH_CODE1      equ 0xc1
ABSENT_DATA     equ 0xc8
ABSENT_DATA1    equ 0xd1
DATA1_16        equ 0xd9
GDT_ENTRIES     equ 64

END             equ 0x40
USER_VECTOR     equ 0x41                ; rebuilt by the gate sweep

COM1            equ 0x3f8

; --- Multiboot header ---------------------------------------------------------------------------------------------------
image_start:
        jmp entry
        align 4
header:
        dd 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
        dd header, image_start, image_end, 0x360000, entry

; What to run; the test changes these words in the image (system-image.ts knows their order).
options:
verbose         dd 0                    ; 1: whole lines. 0: all behind the flags is folded into a checksum
first_group     dd 0
last_group      dd 0xffff
first_index     dd 0
last_index      dd 0xffffff
stride          dd 1                    ; every which case

; user LABEL: goes on at CPL 3.
%macro user 1
        push dword DATA3
        push dword USER_STACK
        push dword 2
        push dword CODE3
        push dword %1
        iretd
%endmacro

entry:
        mov esp, OWN_STACK
        call serial_start
        mov dword [group], groups
        mov eax, [first_index]
        mov [index], eax
        lgdt [own_gdt_pointer]
        jmp CODE0:next_case

; --- Cases one after the other -------------------------------------------------------------------------------------------
next_case:
        mov ax, DATA0
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, OWN_STACK
        mov esi, [group]
        mov eax, [esi]
        test eax, eax
        jz finished
        mov eax, esi
        sub eax, groups
        shr eax, 4
        cmp eax, [first_group]
        jb .next_group
        cmp eax, [last_group]
        ja finished
        mov eax, [index]
        cmp eax, [last_index]
        ja .next_group
        cmp eax, [esi + 4]
        jb .run
.next_group:
        add dword [group], 16
        mov eax, [first_index]
        mov [index], eax
        jmp next_case
.run:
        call prepare
        mov esi, [group]
        mov esp, CASE_STACK
        push dword [esi + 8]
        mov eax, [index]
        xor ebx, ebx
        xor ecx, ecx
        xor edx, edx
        xor esi, esi
        xor edi, edi
        xor ebp, ebp
        push dword 2
        popfd
        ret

finished:
        mov esi, text_finished
        call send_text
        mov al, 0x2a                    ; debug-exit port of QEMU and Vitrine: status 55h
        out 0xf4, al
        cli
        hlt

STACK_WORDS     equ 96                  ; around the top of each stack

; prepare: the same state for every case.
prepare:
        cld
        mov eax, cr0
        and eax, 0x7ffeffff             ; PG and WP off
        and eax, ~8                     ; TS
        mov cr0, eax
        xor eax, eax
        mov cr4, eax
        mov cr2, eax
        mov cr3, eax
        mov dr7, eax
        mov dr0, eax
        mov eax, 0xffff0ff0
        mov dr6, eax
        mov esi, pristine_gdt
        mov edi, GDT
        mov ecx, GDT_ENTRIES * 2
        rep movsd
        mov edi, IDT
        mov eax, stubs
        mov ecx, 256
.gate:
        mov [edi], ax
        mov word [edi + 2], CODE0
        mov word [edi + 4], 0xee00      ; 32-bit interrupt gate, DPL 3
        mov edx, eax
        shr edx, 16
        mov [edi + 6], dx
        add eax, STUB_SIZE
        add edi, 8
        loop .gate
        ; Exceptions that a program must not raise by INT keep DPL 3 too: the cases depend on it.
        mov edi, TSS_A
        mov ecx, (0x3000 + 0x1000 + 0x1000) / 4
        xor eax, eax
        rep stosd
        mov esi, tss_a_image
        mov edi, TSS_A
        mov ecx, 104 / 4
        rep movsd
        mov byte [TSS_A + 104 + 0x2000], 0xff
        mov esi, tss_b_image
        mov edi, TSS_B
        mov ecx, 104 / 4
        rep movsd
        mov esi, tss_c_image
        mov edi, TSS_C
        mov ecx, 44 / 4
        rep movsd
        mov edi, LDT
        mov ecx, 0x100 / 4
        xor eax, eax
        rep stosd
        mov esi, pristine_ldt
        mov edi, LDT
        mov ecx, 10
        rep movsd
        mov edi, DATA
        mov ecx, 2048
        mov eax, 0x01020304
.fill:
        stosd
        add eax, 0x11050301
        loop .fill
        mov edi, USER_STACK - 256
        mov ecx, STACK_WORDS
        mov eax, 0x55555555
        rep stosd
        mov edi, CASE_STACK - 256
        mov ecx, STACK_WORDS
        rep stosd
        mov edi, GATE_STACK - 256
        mov ecx, STACK_WORDS
        rep stosd
        mov edi, TASK_STACK - 256
        mov ecx, STACK_WORDS
        rep stosd
        lgdt [gdt_pointer]
        lidt [idt_pointer]
        mov ax, SEL_LDT
        lldt ax
        mov ax, SEL_TSS_A
        ltr ax
        ret

; --- Every interrupt and exception comes here ------------------------------------------------------------------------------
STUB_SIZE       equ 16
        align 16
stubs:
%rep 256
        push dword ($ - stubs) / STUB_SIZE
        jmp near caught
        align STUB_SIZE
%endrep

; Stack: gs fs es ds, eight registers of PUSHAD, vector, error code or not, EIP CS EFLAGS, perhaps ESP SS, perhaps ES DS FS GS.
SAVED           equ 48
caught:
        pushad
        push ds
        push es
        push fs
        push gs
        mov eax, DATA0
        mov ds, eax
        mov es, eax
        mov fs, eax
        mov gs, eax
        mov ebp, esp
        mov ss, eax
        mov esp, OWN_STACK
        cld
        mov eax, cr2
        mov [seen_cr2], eax
        mov eax, cr0
        mov [seen_cr0], eax
        mov eax, cr3
        mov [seen_cr3], eax
        mov eax, dr6
        mov [seen_dr6], eax
        mov eax, dr7
        mov [seen_dr7], eax
        str ax
        mov [seen_tr], ax
        sldt ax
        mov [seen_ldt], ax
        mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        xor eax, eax
        mov cr4, eax
        mov cr3, eax
        mov dr7, eax
        lgdt [gdt_pointer]
        lidt [idt_pointer]

        mov edi, report
        mov esi, [group]
        mov esi, [esi]
        call add_text
        mov al, ':'
        stosb
        mov eax, [index]
        call add_word
        mov esi, text_vector
        call add_text
        mov eax, [ebp + SAVED]
        call add_byte
        lea ebx, [ebp + SAVED + 4]      ; error code or EIP
        mov ecx, [ebp + SAVED]
        cmp ecx, 31
        ja .no_error
        mov eax, 0x00027d00             ; 8, 10-14, 17
        bt eax, ecx
        jnc .no_error
        mov esi, text_error
        call add_text
        mov eax, [ebx]
        call add_word
        add ebx, 4
.no_error:
        mov esi, text_at
        call add_text
        movzx eax, word [ebx + 4]
        call add_word
        mov al, ':'
        stosb
        mov eax, [ebx]
        call add_long
        mov esi, text_flags
        call add_text
        mov eax, [ebx + 8]
        cmp dword [ebp + SAVED], 31
        ja .interrupt
        and eax, ~0x10000               ; RF, which QEMU does not set for faults
.interrupt:
        call add_long

        mov [detail], edi
        lea edx, [ebx + 12]             ; what lies above the frame
        test dword [ebx + 8], 1 << 17
        jnz .outer
        test dword [ebx + 4], 3
        jz .same
.outer:
        mov esi, text_stack
        call add_text
        movzx eax, word [ebx + 16]
        call add_word
        mov al, ':'
        stosb
        mov eax, [ebx + 12]
        call add_long
        mov edx, [ebx + 12]
        test dword [ebx + 8], 1 << 17
        jz .same
        movzx edx, word [ebx + 16]
        shl edx, 4
        movzx eax, word [ebx + 12]
        add edx, eax
        mov esi, text_v86
        call add_text
        mov ecx, 4
        lea esi, [ebx + 20]
.v86_segment:
        lodsd
        movzx eax, ax
        call add_word
        loop .v86_segment
.same:
        mov esi, text_registers
        call add_text
        mov ecx, 8
        lea esi, [ebp + 16]
.register:
        lodsd
        cmp ecx, 5                      ; ESP of PUSHAD says nothing new
        je .skip
        call add_long
        mov al, ' '
        stosb
.skip:
        loop .register
        mov esi, text_segments
        call add_text
        mov ecx, 4
        mov esi, ebp
.segment:
        lodsd
        movzx eax, ax
        call add_word
        mov al, ' '
        stosb
        loop .segment
        movzx eax, word [seen_tr]
        call add_word
        mov al, ' '
        stosb
        movzx eax, word [seen_ldt]
        call add_word
        mov esi, text_control
        call add_text
        mov eax, [seen_cr0]
        call add_long
        mov al, ' '
        stosb
        mov eax, [seen_cr2]
        call add_long
        mov al, ' '
        stosb
        mov eax, [seen_cr3]
        call add_long
        mov al, ' '
        stosb
        mov eax, [seen_dr6]
        call add_long
        mov al, ' '
        stosb
        mov eax, [seen_dr7]
        call add_long
        mov esi, text_above
        call add_text
        ; Eight doublewords of the stack, when they lie in one of ours.
        cmp edx, 0x20000
        jb .hashes
        cmp edx, GATE_STACK + 0x20000
        jae .hashes
        mov esi, edx
        mov ecx, 8
.above:
        lodsd
        call add_long
        mov al, ' '
        stosb
        loop .above
.hashes:
        mov esi, text_hashes
        call add_text
        mov esi, GDT
        mov ecx, GDT_ENTRIES * 2
        call add_hash
        mov esi, TSS_A
        mov ecx, 26
        call add_hash
        mov esi, TSS_B
        mov ecx, 26
        call add_hash
        mov esi, TSS_C
        mov ecx, 11
        call add_hash
        mov esi, DATA
        mov ecx, 2048
        call add_hash
        mov esi, PAGES
        mov ecx, 0x8000 / 4
        mov eax, [group]                ; only where paging is looked at
        cmp dword [eax + 12], 0
        je .no_pages
        and dword [PDPT], ~0x20         ; QEMU sets A in page-directory-pointer entries, where it is reserved
        and dword [PDPT + 8], ~0x20
        call add_hash
.no_pages:
        mov byte [edi - 1], 10
        cmp dword [verbose], 0
        jne .send
        mov esi, [detail]
        mov ecx, edi
        sub ecx, esi
        xor ebx, ebx
.fold:
        lodsb
        rol ebx, 7
        xor bl, al
        add ebx, 0x9e3779b9
        loop .fold
        mov edi, [detail]
        mov al, ' '
        stosb
        mov eax, ebx
        call add_long
        mov al, 10
        stosb
.send:
        call send_report
        mov eax, [stride]
        add [index], eax
        jmp next_case

; --- Text ------------------------------------------------------------------------------------------------------------------
; EDI is the end of the report in all of these.
add_text:
        push eax
.next:
        lodsb
        test al, al
        jz .done
        stosb
        jmp .next
.done:
        pop eax
        ret

add_long:
        push eax
        shr eax, 16
        call add_word
        pop eax
add_word:
        push eax
        shr eax, 8
        call add_byte
        pop eax
add_byte:
        push eax
        shr eax, 4
        call add_nibble
        pop eax
add_nibble:
        push eax
        and eax, 15
        mov al, [digits + eax]
        stosb
        pop eax
        ret

; add_hash: a checksum of ECX doublewords at ESI.
add_hash:
        push edx
        xor edx, edx
.next:
        lodsd
        rol edx, 5
        xor edx, eax
        add edx, 0x9e3779b9
        loop .next
        mov eax, edx
        call add_long
        mov al, ' '
        stosb
        pop edx
        ret

serial_start:
        mov edx, COM1 + 3
        mov al, 0x80
        out dx, al
        mov edx, COM1
        mov al, 1
        out dx, al
        inc edx
        xor eax, eax
        out dx, al
        mov edx, COM1 + 3
        mov al, 3
        out dx, al
        mov edx, COM1 + 2
        mov al, 7
        out dx, al
        ret

; send_report: the bytes from `report` to EDI, sixteen (the FIFO) at a time.
send_report:
        mov esi, report
        mov ebx, edi
        sub ebx, esi
.chunk:
        mov edx, COM1 + 5
.wait:
        in al, dx
        test al, 0x20
        jz .wait
        mov ecx, 16
        cmp ebx, ecx
        jae .send
        mov ecx, ebx
.send:
        sub ebx, ecx
        mov edx, COM1
        rep outsb
        test ebx, ebx
        jnz .chunk
        ret

; send_text: zero-terminated text at ESI.
send_text:
        mov edi, report
        call add_text
        jmp send_report

; Where cases land: the end, at whatever privilege.
land:
        int END

digits          db '0123456789abcdef'
text_vector     db ' v=', 0
text_error      db ' e=', 0
text_at         db ' at ', 0
text_flags      db ' fl=', 0
text_stack      db ' sp=', 0
text_v86        db ' v86=', 0
text_registers  db ' r=', 0
text_segments   db 's=', 0
text_control    db ' c=', 0
text_above      db ' m=', 0
text_hashes     db 'h=', 0
text_finished   db 'finished', 10, 0

; --- Tables ------------------------------------------------------------------------------------------------------------------
        align 8
pristine_gdt:
        dq 0
        dq 0x00cf9b000000ffff           ; 08 CODE0
        dq 0x00cf93000000ffff           ; 10 DATA0
        dq 0x00cffb000000ffff           ; 18 CODE3
        dq 0x00cff3000000ffff           ; 20 DATA3
        dq 0x0000892020002068           ; 28 TSS_A: base 202000, limit 2068 (the I/O bitmap and its end)
        dq 0x00008220100000ff           ; 30 LDT: base 201000
        dq 0                            ; 38 TESTED
        dq 0x0000892050000067           ; 40 TSS_B
        dq 0x000081206000002b           ; 48 TSS_C
        dq 0x00cf9f000000ffff           ; 50 conforming code
        dq 0x00409b100000ffff           ; 58 HIGH_CODE0
        dq 0x00009b100000ffff           ; 60 CODE0_16
        dq 0                            ; 68 GATE
        dq 0x0000e50000400000           ; 70 TASK_GATE to TSS_B, DPL 3
        dq 0x0000f3300000ffff           ; 78 DATA3_16: base 300000
        dq 0x00cf1b000000ffff           ; 80 ABSENT_CODE
        dq 0x00cfbb000000ffff           ; 88 CODE1
        dq 0x00cfb3000000ffff           ; 90 DATA1
        dq 0x00cff7000000000f           ; 98 EXPAND_DOWN: valid above FFFFh pages 0-15
        dq 0x0000fb100000ffff           ; a0 CODE3_16
        dq 0x000093340000ffff           ; a8 TASK_DATA16: base 340000
        dq 0x0040fb100000ffff           ; b0 HIGH_CODE3
        dq 0x00409f100000ffff           ; b8 HIGH_CONFORMING
        dq 0x0040bb100000ffff           ; c0 HIGH_CODE1
        dq 0x00cf13000000ffff           ; c8 ABSENT_DATA
        dq 0x00cf33000000ffff           ; d0 ABSENT_DATA1
        dq 0x0000b3340000ffff           ; d8 DATA1_16: base 340000
        times GDT_ENTRIES - 28 dq 0
pristine_ldt:
        dq 0
        dq 0x00cffb000000ffff           ; 0f code, DPL 3
        dq 0x00cff3000000ffff           ; 17 data, DPL 3
        dq 0x00cf93000000ffff           ; 1c data, DPL 0
        dq 0x00cfb3000000ffff           ; 25 data, DPL 1

gdt_pointer:
        dw GDT_ENTRIES * 8 - 1
        dd GDT
own_gdt_pointer:
        dw GDT_ENTRIES * 8 - 1
        dd pristine_gdt
idt_pointer:
        dw 256 * 8 - 1
        dd IDT

        align 4
tss_a_image:
        dd 0, GATE_STACK, DATA0, GATE_STACK - 0x800, DATA1, 0, 0
        times 18 dd 0
        dw 0, 104                       ; I/O bitmap right behind
tss_b_image:
        dd 0, GATE_STACK, DATA0, GATE_STACK - 0x800, DATA1, 0, 0
        dd 0, land, 2                   ; CR3, EIP, EFLAGS
        dd 0xb0000001, 0xb0000002, 0xb0000003, 0xb0000004, TASK_STACK, 0xb0000005, 0xb0000006, 0xb0000007
        dd DATA0, CODE0, DATA0, DATA0, DATA0, DATA0, SEL_LDT
        dw 0, 104
tss_c_image:
        dw 0, 0x800, TASK_DATA16, 0x700, DATA1, 0, 0
        dw land16 - image_start, 2      ; IP, FLAGS
        dw 0xc001, 0xc002, 0xc003, 0xc004, 0xf00, 0xc005, 0xc006, 0xc007
        dw DATA0, HIGH_CODE0, TASK_DATA16, DATA0, SEL_LDT

; The upper halves of registers are undefined after a switch to a 16-bit task, so they are cut off.
land16:
        movzx eax, ax
        movzx ebx, bx
        movzx ecx, cx
        movzx edx, dx
        movzx esi, si
        movzx edi, di
        movzx ebp, bp
        push word DATA0
        pop ss
        mov esp, TASK_STACK
        int END

; Name, number of cases, routine, whether the page tables are part of the report.
groups:
%include "groups.asm"
        dd 0

%include "descriptors.asm"
%include "gates.asm"
%include "returns.asm"
%include "paging.asm"
%include "instructions.asm"

        align 4096                      ; a page without code, so that stores are not taken for modified code
group           dd 0
index           dd 0
detail          dd 0                    ; where in the report the details begin
seen_cr0        dd 0
seen_cr2        dd 0
seen_cr3        dd 0
seen_dr6        dd 0
seen_dr7        dd 0
seen_tr         dw 0
seen_ldt        dw 0
report          times 1024 db 0
image_end:
