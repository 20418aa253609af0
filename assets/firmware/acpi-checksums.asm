; Completes the ACPI tables of acpi.asm with what POST found.

; Offsets in TABLES_SEGMENT.
RSDP_AT         equ acpi_rsdp - 0xe0000
RSDT_AT         equ acpi_rsdt - 0xe0000
XSDT_AT         equ acpi_xsdt - 0xe0000
FADT_AT         equ acpi_fadt - 0xe0000
MCFG_AT         equ acpi_mcfg - 0xe0000
MADT_AT         equ acpi_madt - 0xe0000
DSDT_AT         equ acpi_dsdt - 0xe0000
MADT_PROCESSORS_AT equ acpi_madt_processors - 0xe0000

; Without the ICH9's power management the tables describe another machine: their signature goes away.
acpi_set_up:
        mov     ax, TABLES_SEGMENT
        mov     es, ax
        cmp     byte [cs:acpi_present], 0
        jne     .present
        mov     di, RSDP_AT
        xor     ax, ax
        mov     cx, 36 / 2
        rep stosw
        jmp     .end
.present:
        ; RSDT and XSDT end with the MADT and before it with the MCFG. What is not there is cut off or replaced.
        call    list_processors
        jnc     .apic
        sub     dword [es:RSDT_AT + 4], 4
        sub     dword [es:XSDT_AT + 4], 8
.apic:  cmp     byte [cs:mmconfig_present], 0
        jne     .mmconfig
        mov     eax, [es:RSDT_AT + 44]
        mov     [es:RSDT_AT + 40], eax
        mov     [es:XSDT_AT + 44], eax
        sub     dword [es:RSDT_AT + 4], 4
        sub     dword [es:XSDT_AT + 4], 8
.mmconfig:
        mov     si, .tables
.table: mov     di, [cs:si]
        test    di, di
        jz      .root
        mov     cx, [es:di + 4]
        mov     bx, 9
        call    set_checksum
        add     si, 2
        jmp     .table
.root:  mov     di, RSDP_AT
        mov     cx, 20
        mov     bx, 8
        call    set_checksum
        mov     cx, 36
        mov     bx, 32
        call    set_checksum
        mov     dx, PM1_CONTROL         ; SCI_EN: there is no SMM that would switch it on later
        in      ax, dx
        or      al, 1
        out     dx, ax
.end:   xor     ax, ax
        mov     es, ax
        ret
.tables:
        dw      RSDT_AT, XSDT_AT, FADT_AT
        dw      MCFG_AT, MADT_AT, DSDT_AT, 0

; Sets the byte BX of the CX bytes at ES:DI so that all of them add up to 0. Changes AX, CX.
set_checksum:
        mov     byte [es:di + bx], 0
        push    di
        xor     al, al
.next:  sub     al, [es:di]
        inc     di
        loop    .next
        pop     di
        mov     [es:di + bx], al
        ret

; Carry: the processor has no local APIC, or no I/O APIC answers. Changes EAX.
io_apic_answers:
        test    byte [cs:cpu_features + 1], 1 << 1
        jz      .none
        push    ds
        push    es
        cli
        call    enter_flat
        mov     dword [dword IO_APIC_BASE], 1   ; the version register
        mov     eax, [dword IO_APIC_BASE + 0x10]
        push    eax
        call    leave_flat
        pop     eax
        sti
        pop     es
        pop     ds
        inc     eax
        jz      .none
        dec     eax
        jz      .none
        clc
        ret
.none:  stc
        ret
