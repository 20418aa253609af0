; Every processor has its own SMBASE in locked SMRAM, takes SMIs (by port 0xB2, and by messages to all others), and between them tries to read,
; write and execute SMRAM. SOURCE 0: port 0xB2 only. THIEF 0: it only takes SMIs.

%include "bring-up.asm"

PCI_ADDRESS     equ 0xcf8
PCI_DATA        equ 0xcfc
SMRAM_REGISTER  equ 0x8000009c          ; of 00:00.0; SMRAM is its byte 1
SMI_ENABLE      equ 0x630
APM             equ 0xb2
IPI_OTHERS_SMI  equ IPI_ALL_BUT_SELF | 0x4200
FIRST_SMBASE    equ 0x30000
SMBASE          equ 0xa0000             ; of the first; each next is STEP higher
STEP            equ 0x400
SECRET_AT       equ 0xa4000
TARGET_AT       equ 0xa4004
CODE_AT         equ 0xa4100
SECRET          equ 0x5ec2e70f
%ifdef AMD64
SAVED_SMBASE    equ 0xff00
%else
SAVED_SMBASE    equ 0xfef8
%endif

entries         equ shared + 0x000      ; SMIs served
read            equ shared + 0x040      ; leaks, by kind
written         equ shared + 0x080
executed        equ shared + 0x0c0
refused         equ shared + 0x100      ; fetches that found no code
ticket          equ shared + 0x140      ; who relocates next
ready           equ shared + 0x180      ; SMRAM is set up
tries           equ shared + 0x1c0
relocated       equ shared + 0x200

main:
        test ebx, ebx
        jnz .not_first
        call set_up_smram
        mov ecx, 6                      ; #UD
        mov eax, no_code
        call set_gate
        mov dword [ready], 1
.not_first:
        pause
        cmp dword [ticket], ebx
        jne .not_first
        cmp dword [ready], 1
        jne .not_first
        ; The handler at the first SMBASE gives us our own.
        mov eax, ebx
        imul eax, eax, STEP
        add eax, SMBASE
        mov [relocation_target], eax
        out APM, al
        lock inc dword [ticket]
        test ebx, ebx
        jnz .wait
.all:
        pause
        cmp dword [ticket], PROCESSORS
        jb .all
        mov eax, [relocations]
        mov [relocated], eax
        call lock_smram
        mov dword [ready], 2
.wait:
        pause
        cmp dword [ready], 2
        jb .wait

        mov edi, ROUNDS
.round:
%if THIEF
        mov ecx, 20
.steal:
        cmp dword [SECRET_AT], SECRET
        jne .unread
        lock inc dword [read]
.unread:
        mov dword [TARGET_AT], 0x55555555
        mov dword [SECRET_AT], 0x66666666
        call CODE_AT
        lock inc dword [tries]
        dec ecx
        jnz .steal
%endif
%if SOURCE
        mov eax, edi
        and eax, 3
        jnz .port
        mov dword [APIC_COMMAND], IPI_OTHERS_SMI
.port:
%endif
        out APM, al
        dec edi
        jnz .round
        ret

; What a fetch from SMRAM gets: FF FF is no instruction.
no_code:
        lock inc dword [refused]
        add esp, 12
        ret

select_smram:
        mov dx, PCI_ADDRESS
        mov eax, SMRAM_REGISTER
        out dx, eax
        mov dx, PCI_DATA + 1
        ret

; Opens SMRAM, puts handlers, secret and code there, and enables SMIs from port 0xB2.
set_up_smram:
        mov esi, relocation
        mov edi, FIRST_SMBASE + 0x8000
        mov ecx, relocation_end - relocation
        rep movsb
        call select_smram
        mov al, 0x4a                    ; D_OPEN, G_SMRAME
        out dx, al
        mov edx, SMBASE + 0x8000
        mov eax, PROCESSORS
.copy:
        mov esi, smi_handler
        mov edi, edx
        mov ecx, smi_handler_end - smi_handler
        rep movsb
        add edx, STEP
        dec eax
        jnz .copy
        mov dword [SECRET_AT], SECRET
        mov dword [TARGET_AT], SECRET
        mov esi, stolen_code
        mov edi, CODE_AT
        mov ecx, stolen_code_end - stolen_code
        rep movsb
        mov dx, SMI_ENABLE
        mov eax, 0x21                   ; GBL_SMI_EN, APMC_EN
        out dx, eax
        ret

lock_smram:
        call select_smram
        mov al, 0x1a                    ; D_LCK, G_SMRAME
        out dx, al
        mov al, 0x4a                    ; locked: in vain
        out dx, al
        ret

; In SMM, 16 bits, at any SMBASE; DS has base 0 and 4 GiB.
        bits 16
relocation:
        mov eax, [dword relocation_target]
        mov [dword FIRST_SMBASE + SAVED_SMBASE], eax
        inc dword [dword relocations]
        rsm
relocation_end:

smi_handler:
        a32 lock inc dword [dword entries]
        cmp dword [dword SECRET_AT], SECRET
        jne .tampered
        cmp dword [dword TARGET_AT], SECRET
        je .whole
.tampered:
        lock inc dword [dword written]
.whole:
        rsm
smi_handler_end:

        bits 32
stolen_code:
        lock inc dword [executed]
        ret
stolen_code_end:

        align 4
relocation_target: dd 0
relocations:    dd 0

finish:
        ; The last SMI of another came before the word that it is done, but is taken at a poll: behind some of them it was.
        mov ecx, 100000
        call pause_a_while
        report "processors ", started
        report " relocated ", relocated
        report " entries ", entries
        report " read ", read
        report " written ", written
        report " executed ", executed
%if THIEF
        report " tries ", tries
        report " refused ", refused
%endif
        ret

kernel_end:
bss_end         equ kernel_end
