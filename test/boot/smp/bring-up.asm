; Brings up every processor of a PC: a Multiboot kernel at 1 MiB, flat protected mode without paging. The includer provides `main`, which all
; processors enter with their number in EBX (the bootstrap processor is 0, the others count up as they come) and a stack of their own; and
; `finish`, which the bootstrap processor enters when all have come back from `main`.

        bits 32
        org 0x100000

MULTIBOOT_MAGIC equ 0x1badb002
HEADER_FLAGS    equ 1 << 16
APIC            equ 0xfee00000
APIC_EOI        equ APIC + 0xb0
APIC_SPURIOUS   equ APIC + 0xf0
APIC_COMMAND    equ APIC + 0x300
TRAMPOLINE      equ 0x8000
STACKS          equ 0x400000            ; 4 KiB each
DATA            equ 0x300000            ; what programs share: no code in these pages
IPI_ALL_BUT_SELF equ 3 << 18
IPI_ALL         equ 2 << 18
CODE            equ 8
FLAT            equ 16
DEBUG_PORT      equ 0xe9
EXIT_PORT       equ 0xf4

; Words the processors share.
started         equ DATA + 0x00         ; processors that have come
go              equ DATA + 0x40         ; set when `main` may begin
done            equ DATA + 0x80         ; processors that came back from `main`
shared          equ DATA + 0x1000       ; the program's own

kernel_start:
        jmp entry
        align 4
multiboot_header:
        dd MULTIBOOT_MAGIC, HEADER_FLAGS, -(MULTIBOOT_MAGIC + HEADER_FLAGS)
        dd multiboot_header, kernel_start, kernel_end, bss_end, entry

entry:
        cli
        lgdt [gdt_pointer]
        jmp CODE:.flat
.flat:
        mov ax, FLAT
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, STACKS + 0x1000
        cld
        xor eax, eax                    ; after a reset it is not
        mov edi, DATA
        mov ecx, 0x2000 / 4
        rep stosd
        call fill_idt
        lidt [idt_pointer]
        mov al, 0xff                    ; the 8259s are not used
        out 0x21, al
        out 0xa1, al
        mov dword [APIC_SPURIOUS], 0x1ff
        mov dword [started], 1
        mov esi, trampoline
        mov edi, TRAMPOLINE
        mov ecx, trampoline_end - trampoline
        rep movsb
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | 0x4500     ; INIT
        mov ecx, 1000
        call pause_a_while
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | 0x4600 | (TRAMPOLINE >> 12)
        mov ecx, 1000
        call pause_a_while
        mov dword [APIC_COMMAND], IPI_ALL_BUT_SELF | 0x4600 | (TRAMPOLINE >> 12)
        ; How many there are is for the loader of the test to say: PROCESSORS.
.wait:
        pause
        cmp dword [started], PROCESSORS
        jb .wait
        mov dword [go], 1
        xor ebx, ebx
        call main
        lock inc dword [done]
.join:
        pause
        cmp dword [done], PROCESSORS
        jb .join
        call finish
        mov al, 0
        out EXIT_PORT, al
.stop:
        cli
        hlt
        jmp .stop

; Waits about ECX microseconds by the time-stamp counter (1 GHz). Keeps nothing but EBX.
pause_a_while:
        imul ecx, ecx, 1000
        rdtsc
        mov esi, eax
.again:
        pause
        rdtsc
        sub eax, esi
        cmp eax, ecx
        jb .again
        ret

trampoline:
        bits 16
        cli
        xor ax, ax
        mov ds, ax
        o32 lgdt [TRAMPOLINE + .pointer - trampoline]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword CODE:other_entry
.pointer:
        dw gdt_end - gdt - 1
        dd gdt
trampoline_end:
        bits 32

other_entry:
        mov ax, FLAT
        mov ds, ax
        mov es, ax
        mov ss, ax
        lidt [idt_pointer]
        mov dword [APIC_SPURIOUS], 0x1ff
        mov ebx, 1
        lock xadd [started], ebx        ; from here on others send us interrupts
        mov esp, ebx
        shl esp, 12
        add esp, STACKS + 0x1000
.wait:
        pause
        cmp dword [go], 1
        jne .wait
        call main
        lock inc dword [done]
        sti
.park:
        hlt
        jmp .park

; Every vector goes to `unexpected`; programs set their own with `set_gate`.
fill_idt:
        xor ecx, ecx
.next:
        mov eax, unexpected
        call set_gate
        inc ecx
        cmp ecx, 256
        jb .next
        ret

; Vector ECX to the handler at EAX, as an interrupt gate. Keeps all but EAX.
set_gate:
        push edx
        mov edx, eax
        and eax, 0xffff
        or eax, CODE << 16
        mov [idt + 8 * ecx], eax
        mov eax, edx
        and eax, 0xffff0000
        or eax, 0x8e00
        mov [idt + 8 * ecx + 4], eax
        pop edx
        ret

unexpected:
        mov esi, unexpected_text
        call print
        mov al, 1
        out EXIT_PORT, al
        hlt

; Zero-terminated text at ESI, to the debug console. Keeps all but ESI and AL.
print:
        lodsb
        test al, al
        jz .end
        out DEBUG_PORT, al
        jmp print
.end:
        ret

; EAX in decimal. Keeps all registers.
print_number:
        pusha
        mov edi, 10
        xor ecx, ecx
.digit:
        xor edx, edx
        div edi
        push edx
        inc ecx
        test eax, eax
        jnz .digit
.out:
        pop eax
        add al, '0'
        out DEBUG_PORT, al
        loop .out
        popa
        ret

; " NAME VALUE" for a dword in memory.
%macro report 2
        mov esi, %%text
        call print
        mov eax, [%2]
        call print_number
        jmp %%end
%%text: db %1, 0
%%end:
%endmacro

unexpected_text: db "unexpected interrupt", 10, 0
        align 8
gdt:
        dq 0
        dq 0x00cf9a000000ffff
        dq 0x00cf92000000ffff
gdt_end:
gdt_pointer:
        dw gdt_end - gdt - 1
        dd gdt
idt_pointer:
        dw 256 * 8 - 1
        dd idt
idt             equ 0x200000            ; a page without code
