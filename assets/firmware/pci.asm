; PCI bus 0: configuration access, and the places and interrupts of its functions.
;
; BX is a function's bus (BH) and device and function (BL), DI a register of it.

CONFIG_COMMAND  equ 0x04
CONFIG_CLASS    equ 0x08
CONFIG_HEADER   equ 0x0e
CONFIG_BAR0     equ 0x10
CONFIG_ROM      equ 0x30
CONFIG_LINE     equ 0x3c
CONFIG_PIN      equ 0x3d
COMMAND_IO      equ 1
COMMAND_MEMORY  equ 2
COMMAND_MASTER  equ 4
ID_LPC          equ 0x29188086
ID_PIIX3        equ 0x70008086
ID_PIIX4_PM     equ 0x71138086
CLASS_IDE       equ 0x0101
CLASS_VGA       equ 0x0300

; DX = the data port of register DI of function BX. Changes DX.
pci_address:
        push    eax
        movzx   eax, bx
        shl     eax, 8
        or      eax, 0x80000000
        push    di
        and     di, 0xfc
        or      ax, di
        pop     di
        mov     dx, PORT_PCI
        out     dx, eax
        mov     dx, di
        and     dx, 3
        add     dx, PORT_PCI_DATA
        pop     eax
        ret

; AL, AX or EAX = register DI of function BX, and the same the other way. They change DX.
pci_read8:
        call    pci_address
        in      al, dx
        ret
pci_read16:
        call    pci_address
        in      ax, dx
        ret
pci_read32:
        call    pci_address
        in      eax, dx
        ret
pci_write8:
        call    pci_address
        out     dx, al
        ret
pci_write16:
        call    pci_address
        out     dx, ax
        ret
pci_write32:
        call    pci_address
        out     dx, eax
        ret

; Calls the routine at SI for each function of bus 0, in BX; it may change all registers but BX, SI and BP, and ends the walk with carry.
; Carry: it was ended.
pci_each:
        xor     bx, bx
.function:
        xor     di, di
        call    pci_read32
        inc     ax
        jz      .absent
        dec     ax
        call    si
        jc      .end
        test    bl, 7
        jnz     .next
        mov     di, CONFIG_HEADER
        call    pci_read8
        test    al, 0x80
        jnz     .next
        jmp     .device
.absent:
        test    bl, 7
        jnz     .next
.device:
        or      bl, 7                   ; a function 0 alone, or none
.next:  inc     bl
        jnz     .function
        clc
.end:   ret

pci_set_up:
        mov     dword [cs:pci_memory_next], PCI_MEMORY_START
        mov     dword [cs:pci_io_next], PCI_IO_START
        mov     si, pci_find_board
        call    pci_each
        mov     si, pci_place_function
        jmp     pci_each

; EAX = vendor and device of BX. Sets up the bridge that has the interrupt routing and the power management.
pci_find_board:
        cmp     eax, HOST_Q35
        je      .q35
        cmp     eax, ID_LPC
        je      .lpc
        cmp     eax, ID_PIIX3
        je      .piix3
        cmp     eax, ID_PIIX4_PM
        je      .piix4_pm
        clc
        ret
.q35:   cmp     dword [cs:memory_below_4g], MMCONFIG_BASE >> 10
        ja      .no_mmconfig
        mov     di, 0x64
        xor     eax, eax
        call    pci_write32
        mov     di, 0x60                ; PCIEXBAR: 256 MiB, enabled
        mov     eax, MMCONFIG_BASE + 1
        call    pci_write32
        mov     byte [cs:mmconfig_present], 1
.no_mmconfig:
        clc
        ret
.lpc:   mov     byte [cs:pci_slot_shift], 0
        mov     di, 0x60                ; PIRQA-D and PIRQE-H
        mov     eax, [cs:pci_irqs]
        call    pci_write32
        mov     di, 0x68
        call    pci_write32
        mov     di, 0x40                ; PMBASE
        mov     eax, PM_BASE + 1
        call    pci_write32
        mov     di, 0x44                ; ACPI_CNTL: enabled, SCI at IRQ 9
        mov     al, 0x80
        call    pci_write8
        mov     byte [cs:pm_present], 1
        mov     byte [cs:acpi_present], 1
        jmp     .levels
.piix3: mov     byte [cs:pci_slot_shift], 1
        mov     di, 0x60
        mov     eax, [cs:pci_irqs]
        call    pci_write32
.levels:
        mov     dx, PORT_ELCR2          ; IRQ 9 to 11 are level-triggered
        mov     al, 0x0e
        out     dx, al
        clc
        ret
.piix4_pm:
        mov     di, 0x40                ; PMBA
        mov     eax, PM_BASE + 1
        call    pci_write32
        mov     di, 0x80                ; PMREGMISC: PMIOSE
        mov     al, 1
        call    pci_write8
        mov     byte [cs:pm_present], 1
        clc
        ret

pci_irqs:       db 10, 10, 11, 11       ; of INTA# to INTD# of slot 0; the next slots go round

; Places the base address registers of BX, sets its interrupt line, switches its decoders on. Keeps BX and SI, carry off.
pci_place_function:
        push    si
        mov     di, CONFIG_COMMAND
        call    pci_read16
        and     al, ~(COMMAND_IO | COMMAND_MEMORY) & 0xff
        call    pci_write16
        mov     di, CONFIG_CLASS + 2
        call    pci_read16
        cmp     ax, CLASS_VGA
        jne     .not_vga
        mov     [cs:vga_function], bx
.not_vga:
        mov     cx, CONFIG_BAR0         ; the first BAR to place
        cmp     ax, CLASS_IDE
        jne     .not_ide
        mov     di, CONFIG_CLASS + 1
        call    pci_read8
        test    al, 5                   ; native mode on either channel
        jnz     .not_ide
        mov     cx, CONFIG_BAR0 + 16    ; the channels are at their legacy ports
.not_ide:
        mov     di, CONFIG_HEADER
        call    pci_read8
        and     al, 0x7f
        mov     si, CONFIG_BAR0 + 6 * 4
        jz      .bars
        mov     si, CONFIG_BAR0 + 2 * 4
        cmp     al, 1
        jne     .interrupt
.bars:  mov     di, cx
.bar:   cmp     di, si
        jae     .rom
        call    pci_place_bar
        add     di, 4
        jmp     .bar
.rom:   cmp     si, CONFIG_BAR0 + 6 * 4
        jne     .interrupt
        mov     di, CONFIG_ROM
        call    pci_place_rom
.interrupt:
        mov     di, CONFIG_PIN
        call    pci_read8
        test    al, al
        jz      .enable
        dec     al
        mov     ah, bl
        shr     ah, 3
        cmp     ah, 25                  ; the ICH9's own devices do not go round
        jae     .line
        sub     ah, [cs:pci_slot_shift]
        add     al, ah
.line:  and     ax, 3
        mov     di, ax
        mov     al, [cs:di + pci_irqs]
        mov     di, CONFIG_LINE
        call    pci_write8
.enable:
        mov     di, CONFIG_COMMAND
        call    pci_read16
        or      al, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER
        call    pci_write16
        pop     si
        clc
        ret

; Sizes and places the BAR DI of BX; DI goes to the upper half of a 64-bit one.
pci_place_bar:
        mov     eax, 0xffffffff
        call    pci_write32
        call    pci_read32
        test    eax, eax
        jz      .done
        test    al, 1
        jnz     .io
        mov     cl, al
        and     al, 0xf0
        call    pci_place_memory
        and     cl, 6
        cmp     cl, 4
        jne     .done
        add     di, 4
        xor     eax, eax
        call    pci_write32
.done:  ret
.io:    and     al, 0xfc
        neg     eax
        movzx   eax, ax                 ; the size
        mov     ecx, [cs:pci_io_next]
        call    .align
        mov     edx, ecx
        add     edx, eax
        cmp     edx, 0x10000
        ja      .full
        mov     [cs:pci_io_next], edx
.set:   mov     eax, ecx
        jmp     pci_write32
.full:  xor     ecx, ecx
        jmp     .set
; ECX up to the next multiple of EAX, a power of two.
.align: lea     ecx, [ecx + eax - 1]
        mov     edx, eax
        neg     edx
        and     ecx, edx
        ret

; As above for the expansion ROM, which stays off.
pci_place_rom:
        mov     eax, 0xfffff800
        call    pci_write32
        call    pci_read32
        and     eax, 0xfffff800
        jz      pci_place_bar.done

; EAX = the mask that BAR DI of BX gave. Places it; a BAR for which there is no place stays 0. Keeps CL.
pci_place_memory:
        push    cx
        neg     eax
        jz      .end
        mov     ecx, [cs:pci_memory_next]
        call    pci_place_bar.align
        jc      .full
        mov     edx, ecx
        add     edx, eax
        jc      .full
        cmp     ecx, PCI_MEMORY_START
        jb      .full
        cmp     edx, PCI_MEMORY_END
        ja      .full
        mov     [cs:pci_memory_next], edx
.set:   mov     eax, ecx
        call    pci_write32
.end:   pop     cx
        ret
.full:  xor     ecx, ecx
        jmp     .set
