; SMRAM: opened while it is filled, then closed and locked.

; pci_address: port CF8h to the dword that has register EAX (device and function included). EDX: the port of the byte.
pci_address:
        push eax
        mov edx, eax
        and eax, 0x7ffffffc
        or eax, 0x80000000
        push edx
        mov edx, PCI_ADDRESS
        out dx, eax
        pop edx
        and edx, 3
        add edx, PCI_DATA
        pop eax
        ret

; pm_start: finds the power management ports, or places them where nobody did, and has port B2h raise SMIs.
pm_start:
        pushad
        mov eax, LPC_BRIDGE | PM_BASE
        call pci_address
        in eax, dx
        and eax, 0xff80
        jnz .placed
        mov eax, PM_BASE_HERE | 1
        out dx, eax
        mov eax, LPC_BRIDGE | ACPI_CONTROL
        call pci_address
        in al, dx
        or al, ACPI_ENABLE
        out dx, al
        mov eax, PM_BASE_HERE
.placed:
        mov [pm_base], eax
        lea edx, [eax + SMI_ENABLE]
        in eax, dx
        or eax, GLOBAL_SMI | END_OF_SMI | APM_SMI
        out dx, eax
        popad
        ret

; smram_open: opens SMRAM to everybody and fills it. CF: it is locked. The text on the screen lies beneath meanwhile.
smram_open:
        pushad
        mov al, SMRAM_OPEN | SMRAM_ENABLE | SMRAM_BASE
        call smram_set
        cmp al, SMRAM_OPEN | SMRAM_ENABLE | SMRAM_BASE
        jne .locked
        ; Firmware may have moved SMBASE of the first processor to SMRAM already.
        mov edi, SMBASE_AT_RESET + SMM_ENTRY
        call .mover
        mov edi, SMRAM + SMM_ENTRY
        call .mover
        mov edi, SECRETS
        mov ecx, SECRET_COUNT
        mov eax, SECRET
        rep stosd
        mov edi, BAIT
        mov esi, bait
        mov ecx, bait_end - bait
        rep movsb
        popad
        clc
        ret
.locked:
        popad
        stc
        ret
.mover:
        mov esi, mover
        mov ecx, mover_end - mover
        rep movsb
        ret

; smram_set: AL to the control register, then AL from it.
smram_set:
        push edx
        push ebx
        mov ebx, eax
        mov eax, HOST_BRIDGE | SMRAM_CONTROL
        call pci_address
        mov eax, ebx
        out dx, al
        in al, dx
        pop ebx
        pop edx
        ret

; smbase_move: has this processor take an SMI whose handler, `mover`, gives it an SMBASE of its own.
smbase_move:
        pushad
        mov ebx, [moved]
        mov eax, [APIC_ID]
        and eax, 0xff000000
        mov [APIC_TARGET], eax
        mov dword [APIC_COMMAND], IPI_SMI
.wait:
        pause
        cmp ebx, [moved]
        je .wait
        popad
        ret

; handlers_move: an entry for each processor, at its own SMBASE.
handlers_move:
        pushad
        mov ebx, SMRAM + SMM_ENTRY
        mov edx, MAXIMUM
.next:
        mov edi, ebx
        mov esi, handler
        mov ecx, handler_end - handler
        rep movsb
        add ebx, SLOT
        dec edx
        jnz .next
        popad
        ret

; smram_close: closes and locks it, and makes sure that it cannot be opened again.
smram_close:
        pushad
        mov al, SMRAM_LOCK | SMRAM_ENABLE | SMRAM_BASE
        call smram_set
        mov al, SMRAM_OPEN | SMRAM_ENABLE | SMRAM_BASE
        call smram_set
        and al, SMRAM_LOCK | SMRAM_OPEN
        cmp al, SMRAM_LOCK
        sete [is_locked]
        popad
        ret
