; A Linux kernel that the machine's loader has put into memory, zero page included (engine/firmware/linux.ts): adds what only firmware knows,
; and enters it by the 32-bit boot protocol (Documentation/arch/x86/boot.rst of the kernel).

CMOS_KERNEL     equ 0x61                ; bit 0: there is one
KERNEL_SEGMENT  equ 0x1000              ; the zero page; behind it:
KERNEL_GDT_POINTER equ 0x1080           ; of a table with flat code at 10h and flat data at 18h
KERNEL_ENTRY    equ 0x1088
KERNEL_STACK    equ 0x9fc00
KERNEL_CODE     equ 0x10
KERNEL_DATA     equ 0x18
; Fields of the zero page
SCREEN_COLUMN   equ 0x00
SCREEN_ROW      equ 0x01
E820_ENTRIES    equ 0x1e8
E820_TABLE      equ 0x2d0
E820_ENTRY_BYTES equ 20
SIGNATURE_SMAP  equ 0x534d4150

; Comes back if there is none. DS = 0.
start_kernel:
        mov     al, CMOS_KERNEL
        call    cmos_read
        test    al, 1
        jz      .none
        mov     ax, KERNEL_SEGMENT
        mov     es, ax
        mov     ax, [BDA_CURSOR]
        mov     [es:SCREEN_COLUMN], al
        mov     [es:SCREEN_ROW], ah
        mov     byte [es:E820_ENTRIES], 0
        mov     di, E820_TABLE
        xor     ebx, ebx
.range: mov     eax, 0xe820
        mov     edx, SIGNATURE_SMAP
        mov     ecx, E820_ENTRY_BYTES
        int     0x15
        jc      .mapped
        inc     byte [es:E820_ENTRIES]
        add     di, E820_ENTRY_BYTES
        test    ebx, ebx
        jnz     .range
.mapped:
        cli
        mov     al, 0xff                ; no interrupt is to come before the kernel has vectors
        out     PORT_PIC1_DATA, al
        out     PORT_PIC2_DATA, al
        mov     edi, [es:KERNEL_ENTRY]
        o32 lgdt [es:KERNEL_GDT_POINTER]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword KERNEL_CODE:(BIOS_SEGMENT << 4) + .flat
.none:  ret

        bits 32
.flat:  mov     eax, KERNEL_DATA
        mov     ds, eax
        mov     es, eax
        mov     fs, eax
        mov     gs, eax
        mov     ss, eax
        mov     esp, KERNEL_STACK
        mov     esi, KERNEL_SEGMENT << 4
        mov     eax, edi
        xor     ebx, ebx
        xor     edi, edi
        xor     ebp, ebp
        jmp     eax
        bits 16
