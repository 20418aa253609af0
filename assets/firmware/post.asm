; The power-on self test: from RAM at segment F000 and nothing else to a machine that can boot.

%macro VECTOR 2
        db      %1
        dw      %2
%endmacro

; Interrupt vectors that lead somewhere; the others lead to an IRET or acknowledge their interrupt.
vectors:
        VECTOR  0x05, ignore_interrupt
        VECTOR  0x08, irq0_timer
        VECTOR  0x09, irq1_keyboard
        VECTOR  0x0e, irq6_floppy
        VECTOR  0x11, int11_equipment
        VECTOR  0x12, int12_memory
        VECTOR  0x13, int13_disk
        VECTOR  0x14, int14_serial
        VECTOR  0x15, int15_system
        VECTOR  0x16, int16_keyboard
        VECTOR  0x17, int17_printer
        VECTOR  0x18, int18_nothing_to_boot
        VECTOR  0x19, int19_boot
        VECTOR  0x1a, int1a_clock
        VECTOR  0x1e, diskette_parameters
        VECTOR  0x40, int13_disk
        VECTOR  0x70, irq8_rtc
        VECTOR  0x74, irq12_mouse
        VECTOR  0x75, irq13_coprocessor
        VECTOR  0x76, irq14_disk
        db      0

ignore_interrupt:
        iret
; Interrupts of the first and the second controller that nobody asked for.
ignore_irq:
        push    ax
        mov     al, END_OF_INTERRUPT
        out     PORT_PIC1, al
        pop     ax
        iret
ignore_irq_slave:
        push    ax
        mov     al, END_OF_INTERRUPT
        out     PORT_PIC2, al
        out     PORT_PIC1, al
        pop     ax
        iret

; Entered from reset.asm with interrupts off.
post:
        xor     ax, ax
        mov     ss, ax
        mov     sp, BOOT_ADDRESS
        mov     ds, ax
        mov     es, ax
        in      al, PORT_SYSTEM_A
        or      al, 2                   ; A20 open
        and     al, 0xfe
        out     PORT_SYSTEM_A, al
        call    fill_low_memory
        call    set_up_pic
        call    set_up_local_apic
        call    set_up_timer
        call    set_up_rtc
        call    set_up_dma
        call    size_memory
        call    pci_set_up
        call    video_set_up
        sti
        mov     si, banner
        call    print
        mov     eax, [cs:memory_below_4g]
        shr     eax, 10
        add     eax, [cs:memory_above_4g_mib]
        call    print_decimal
        mov     si, memory_text
        call    print
        call    keyboard_set_up
        call    ports_set_up
        call    set_up_disks
        call    start_processors
        call    set_up_smm
        call    acpi_set_up
        jmp     start_boot

banner:         db "Vitrine BIOS", 10, 10, 0
memory_text:    db " MiB of memory", 10, 0

; Vectors, BIOS data area and the start of the extended one.
fill_low_memory:
        xor     di, di
        xor     eax, eax
        mov     cx, 0x500 / 4
        mov     edx, [BDA_RESET_FLAG]
        rep stosd
        mov     [BDA_RESET_FLAG], dx
        xor     di, di
        mov     eax, (BIOS_SEGMENT << 16) + ignore_interrupt
        mov     cx, 0x78
        rep stosd
        mov     di, 8 * 4
        mov     ax, ignore_irq
        mov     cx, 8
        rep stosd
        mov     di, 0x70 * 4
        mov     ax, ignore_irq_slave
        mov     cx, 8
        rep stosd
        mov     si, vectors
.vector:
        movzx   di, byte [cs:si]
        test    di, di
        jz      .data
        mov     ax, [cs:si + 1]
        shl     di, 2
        mov     [di], eax
        add     si, 3
        jmp     .vector
.data:  mov     word [BDA_EBDA_SEGMENT], EBDA_SEGMENT
        mov     word [BDA_MEMORY_KIB], LOW_MEMORY_KIB
        mov     word [BDA_KEY_HEAD], BDA_KEY_BUFFER - 0x400
        mov     word [BDA_KEY_TAIL], BDA_KEY_BUFFER - 0x400
        mov     word [BDA_KEY_START], BDA_KEY_BUFFER - 0x400
        mov     word [BDA_KEY_END], BDA_KEY_BUFFER - 0x400 + 32
        mov     dword [BDA_SERIAL_TIMEOUT], 0x01010101
        mov     dword [BDA_PARALLEL_TIMEOUT], 0x14141414
        mov     byte [BDA_KEY_MODE], 0x10
        ; A mouse port, 80 columns in colour; POST adds serial ports, floppy drives and the coprocessor.
        mov     word [BDA_EQUIPMENT], 0x24
        mov     eax, 1
        cpuid
        test    dl, 1
        jz      .no_fpu
        or      byte [BDA_EQUIPMENT], 2
.no_fpu:
        mov     [cs:cpu_features], edx
        mov     [cs:cpu_signature], eax
        shr     ebx, 24
        mov     [cs:boot_apic_id], bl
        mov     ax, EBDA_SEGMENT
        mov     es, ax
        xor     di, di
        xor     eax, eax
        mov     cx, EBDA_KIB * 1024 / 4
        rep stosd
        mov     byte [es:0], EBDA_KIB
        push    ds
        pop     es
        ret

; Vectors 8-F and 70-77; timer, keyboard, cascade, floppy, mouse and disks on.
set_up_pic:
        mov     al, 0x11
        out     PORT_PIC1, al
        out     PORT_PIC2, al
        mov     al, 0x08
        out     PORT_PIC1_DATA, al
        mov     al, 0x70
        out     PORT_PIC2_DATA, al
        mov     al, 4
        out     PORT_PIC1_DATA, al
        mov     al, 2
        out     PORT_PIC2_DATA, al
        mov     al, 1
        out     PORT_PIC1_DATA, al
        out     PORT_PIC2_DATA, al
        mov     al, 0xb8
        out     PORT_PIC1_DATA, al
        mov     al, 0x8f
        out     PORT_PIC2_DATA, al
        ret

; The local APIC in virtual wire mode, so that the PIC reaches the processor through it (MultiProcessor Specification 1.4, 3.6.2.2).
set_up_local_apic:
        test    byte [cs:cpu_features + 1], 1 << 1
        jz      .end
        call    enter_flat
        mov     dword [dword LOCAL_APIC_BASE + 0xf0], 0x1ff     ; spurious vector register: on
        mov     dword [dword LOCAL_APIC_BASE + 0x350], 0x700    ; LINT0: ExtINT
        mov     dword [dword LOCAL_APIC_BASE + 0x360], 0x400    ; LINT1: NMI
        call    leave_flat
.end:   ret

; Channel 0 in mode 3 with 65,536: 18.2 Hz. Channel 1 as the refresh of old boards.
set_up_timer:
        mov     al, 0x36
        out     PORT_PIT_MODE, al
        xor     al, al
        out     PORT_PIT0, al
        out     PORT_PIT0, al
        mov     al, 0x54
        out     PORT_PIT_MODE, al
        mov     al, 18
        out     PORT_PIT0 + 1, al
        ret

; All channels masked and cleared, channel 4 the cascade.
set_up_dma:
        xor     al, al
        out     0x0d, al
        out     0xda, al
        mov     al, 0xc0
        out     0xd6, al
        xor     al, al
        out     0xd4, al
        ret
