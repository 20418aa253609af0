; The ledger: one sector, the first of the first disk (ATA, PIO, LBA28).

ACCOUNTS        equ 100
LEDGER_MAGIC    equ 'CLRK'

struc Ledger
.magic:         resd 1
.last:          resd 1                  ; number of the last request
.total:         resd 1                  ; of all accounts
.accounts:      resd ACCOUNTS
endstruc

ATA             equ 0x1f0
ATA_COUNT       equ 0x1f2
ATA_LBA0        equ 0x1f3
ATA_DRIVE       equ 0x1f6
ATA_COMMAND     equ 0x1f7
ATA_STATUS      equ 0x1f7
ATA_CONTROL     equ 0x3f6
READ_SECTORS    equ 0x20
WRITE_SECTORS   equ 0x30

; ledger_start: reads the ledger, or begins a new one.
ledger_start:
        pushad
        mov edx, ATA_CONTROL
        mov al, 2                       ; nIEN: no interrupts
        out dx, al
        mov edx, ATA_DRIVE
        mov al, 0xe0
        out dx, al
        mov edx, ATA_STATUS
        in al, dx
        cmp al, 0xff
        je .new
        test al, 0x40                   ; DRDY: there is a drive
        jz .new
        mov byte [has_disk], 1
        mov al, READ_SECTORS
        call ata_begin
        jc .failed
        mov edi, ledger
        mov ecx, 256
        mov edx, ATA
        rep insw
        cmp dword [ledger + Ledger.magic], LEDGER_MAGIC
        je .done
.new:
        mov edi, ledger
        mov ecx, 128
        xor eax, eax
        rep stosd
        mov dword [ledger + Ledger.magic], LEDGER_MAGIC
.done:
        popad
        ret
.failed:
        mov byte [has_disk], 0
        jmp .new

ledger_write:
        pushad
        cmp byte [has_disk], 0
        je .done
        mov al, WRITE_SECTORS
        call ata_begin
        jc .failed
        mov esi, ledger
        mov ecx, 256
        mov edx, ATA
        rep outsw
        call ata_wait
        jnc .done
.failed:
        inc dword [disk_errors]
.done:
        popad
        ret

; ata_begin: command AL for the first sector; returns when the drive wants or has its data. Carry: it failed. Changes EAX, EDX.
ata_begin:
        push eax
        mov edx, ATA_DRIVE
        mov al, 0xe0
        out dx, al
        mov edx, ATA_COUNT
        mov al, 1
        out dx, al
        xor al, al
        inc edx
        out dx, al
        inc edx
        out dx, al
        inc edx
        out dx, al
        pop eax
        mov edx, ATA_COMMAND
        out dx, al
; ata_wait: until the drive is not busy. Carry: it failed. Changes EAX, EDX.
ata_wait:
        mov edx, ATA_STATUS
        in al, dx
        test al, 0x80                   ; BSY
        jz .ready
        pause
        jmp ata_wait
.ready:
        test al, 0x21                   ; DF, ERR
        jnz .failed
        clc
        ret
.failed:
        stc
        ret

has_disk:       db 0
        align 4
disk_errors:    dd 0
ledger:         times 512 db 0
