; System Management Mode: a small handler in locked SMRAM, with an SMBASE of its own for each processor (ICH9 datasheet, sections 5.14.6 and
; 13.8.3; Q35 datasheet, SMRAM). It serves port 0xB2: E1h switches ACPI on (SCI_EN), E0h off; port 0xB3 becomes 0 when it is done.
;
; A guest that brings its own says so in CMOS register 60h, bit 0: then SMRAM stays unlocked and SMIs off.

CMOS_SMM        equ 0x60
CMOS_SMM_GUEST  equ 1
PORT_APM        equ 0xb2
PORT_APM_STATUS equ 0xb3
APM_ACPI_ON     equ 0xe1
APM_ACPI_OFF    equ 0xe0
SMI_ENABLE      equ PM_BASE + 0x30
SMI_ENABLE_APM  equ 1 << 5              ; APMC_EN
SMI_ENABLE_ALL  equ 1 << 0              ; GBL_SMI_EN
SMI_STATUS      equ PM_BASE + 0x34
SMI_STATUS_APM  equ 1 << 5
SMRAM_SELECT    equ 0x8000009c          ; 00:00.0; SMRAM is byte 1 of it
SMRAM_OPEN      equ 0x4a                ; D_OPEN, G_SMRAME
SMRAM_LOCKED    equ 0x1a                ; D_LCK, G_SMRAME
RESET_SMBASE    equ 0x30000
SMM_SMBASE      equ 0xa0000             ; of APIC identifier 0; each next is SMM_STEP higher, so that no save state meets another's
SMM_STEP        equ 0x400
SMM_ENTRY       equ 0x8000
SAVED_REVISION  equ 0xfefc
SAVED_SMBASE    equ 0xfef8              ; in the 32-bit map
SAVED_SMBASE64  equ 0xff00              ; in AMD64's, whose revision ends in 64h
APIC_DESTINATION equ LOCAL_APIC_BASE + 0x310
IPI_SMI         equ 0x4200

; After start_processors: DS = 0. Changes all but SP.
set_up_smm:
        cmp     byte [cs:acpi_present], 0
        je      .end
        mov     dx, SMI_ENABLE
        in      eax, dx
        test    al, SMI_ENABLE_APM
        jnz     .end                    ; somebody has set it up, or there is no SMM
        mov     al, CMOS_SMM
        call    cmos_read
        test    al, CMOS_SMM_GUEST
        jnz     .end
        pushf
        cli
        call    enter_flat
        mov     esi, (BIOS_SEGMENT << 4) + smm_relocation
        mov     edi, RESET_SMBASE + SMM_ENTRY
        mov     ecx, smm_relocation_end - smm_relocation
        a32 rep movsb
        mov     al, SMRAM_OPEN
        call    .write_smram
        mov     ebx, SMM_SMBASE + SMM_ENTRY
        mov     bp, MAXIMUM_PROCESSORS
.copy:  mov     esi, (BIOS_SEGMENT << 4) + smm_handler
        mov     edi, ebx
        mov     ecx, smm_handler_end - smm_handler
        a32 rep movsb
        add     ebx, SMM_STEP
        dec     bp
        jnz     .copy
        call    leave_flat
        popf
        mov     dx, SMI_ENABLE
        mov     eax, SMI_ENABLE_APM | SMI_ENABLE_ALL
        out     dx, eax
        mov     al, 0
        out     PORT_APM, al            ; this processor's
        xor     bx, bx
.next:  cmp     bl, [cs:boot_apic_id]
        je      .known
        bt      [cs:processors], bx
        jnc     .known
        call    .send
.wait:  bt      [cs:smm_relocated], bx
        jc      .known
        mov     ecx, 66                 ; a millisecond
        call    wait_refreshes
        dec     bp
        jnz     .wait
.known: inc     bx
        cmp     bx, MAXIMUM_PROCESSORS
        jb      .next
        mov     al, SMRAM_LOCKED
        call    .write_smram
.end:   ret

; An SMI to the processor BX. BP becomes the milliseconds that it may take. Changes EAX.
.send:  pushf
        cli
        call    enter_flat
        movzx   eax, bx
        shl     eax, 24
        mov     [dword APIC_DESTINATION], eax
        mov     dword [dword APIC_COMMAND], IPI_SMI
        call    leave_flat
        popf
        mov     bp, 1000
        ret

; The host bridge's SMRAM register = AL. Changes AX, DX.
.write_smram:
        push    ax
        mov     eax, SMRAM_SELECT
        mov     dx, PORT_PCI
        out     dx, eax
        pop     ax
        mov     dx, PORT_PCI_DATA + 1
        out     dx, al
        ret

; In SMM, at the SMBASE that processors have after reset; DS has base 0 and 4 GiB. Copied, so it names no place in itself.
smm_relocation:
        mov     eax, 1
        cpuid
        shr     ebx, 24
        mov     eax, ebx
        imul    eax, eax, SMM_STEP
        add     eax, SMM_SMBASE
        cmp     byte [dword RESET_SMBASE + SAVED_REVISION], 0x64
        je      .amd64
        mov     [dword RESET_SMBASE + SAVED_SMBASE], eax
        jmp     .done
.amd64: mov     [dword RESET_SMBASE + SAVED_SMBASE64], eax
.done:  lock bts [dword (BIOS_SEGMENT << 4) + smm_relocated], bx
        rsm
smm_relocation_end:

smm_handler:
        in      al, PORT_APM
        mov     dx, PM1_CONTROL
        cmp     al, APM_ACPI_ON
        je      .on
        cmp     al, APM_ACPI_OFF
        jne     .done
        in      ax, dx
        and     al, 0xfe                ; SCI_EN
        out     dx, ax
        jmp     .done
.on:    in      ax, dx
        or      al, 1
        out     dx, ax
.done:  mov     eax, SMI_STATUS_APM
        mov     dx, SMI_STATUS
        out     dx, eax
        xor     al, al
        out     PORT_APM_STATUS, al
        rsm
smm_handler_end:
