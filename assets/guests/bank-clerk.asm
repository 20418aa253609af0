; bank-clerk - keeps a ledger on its disk and answers numbered requests on its serial port.
;
; A Multiboot 1 loader puts it at 1 MiB and enters `entry` in 32-bit protected mode, paging off. On COM1 (115,200 baud, 8N1) it says
; "clerk NUMBER", the number of the last request in its ledger, and then takes lines
;
;     NUMBER ACCOUNT AMOUNT       decimal; numbers follow each other from 1 on, accounts are 0 to 99, amounts less than 2^32
;
; and answers each with one line:
;
;     NUMBER ACCOUNT BALANCE TOTAL
;
; the balance of the account with the amount added, and the sum over all accounts, both modulo 2^32. So a request that is lost, comes twice, or is
; changed on the way shows in the answers, and so does an answer. A number that is not the next one changes nothing; the answer is "? NUMBER", the last
; number there was. The ledger is the first sector of the first disk (ledger.asm); without a disk it lasts as long as the machine is on.
;
; Inside, the clerk writes down when each request came by the time-stamp counter. Two clerks never agree about that, and nobody hears of it.
;
; Registers: routines keep all they do not name as a result.

        bits 32
        org 0x100000

COM1            equ 0x3f8
CODE            equ 0x08
DATA            equ 0x10
STACK_TOP       equ 0x208000
STAMPS          equ 0x300000            ; time stamps of the last requests, 8 bytes each
STAMPS_COUNT     equ 65536

; --- Multiboot header (specification 0.6.96, 3.1): a flat image, so with the address fields ---------------------------

MULTIBOOT_MAGIC equ 0x1badb002
HAVE_ADDRESSES  equ 1 << 16

clerk_start:
        jmp entry
        align 4
multiboot_header:
        dd MULTIBOOT_MAGIC, HAVE_ADDRESSES, -(MULTIBOOT_MAGIC + HAVE_ADDRESSES)
        dd multiboot_header, clerk_start, clerk_end, clerk_end, entry

entry:
        cli
        cld
        mov esp, STACK_TOP
        call tables_start
        call screen_start
        call ledger_start
        call serial_start
        call draw
        call greet
        sti
.next:
        call read_line                  ; ESI: the line, zero-terminated
        call serve
        call draw
        jmp .next

; greet: what was sent before this was to nobody.
greet:
        push esi
        push eax
        mov esi, greeting
.next:
        lodsb
        test al, al
        jz .number
        call send
        jmp .next
.number:
        mov eax, [ledger + Ledger.last]
        call send_number
        mov al, 10
        call send
        pop eax
        pop esi
        ret

greeting:       db 'clerk ', 0

; serve: the request at ESI.
serve:
        pushad
        call parse_number
        jc .wrong
        mov ebx, eax                    ; number
        call parse_number
        jc .wrong
        cmp eax, ACCOUNTS
        jae .wrong
        mov edi, eax                    ; account
        call parse_number
        jc .wrong
        mov edx, eax                    ; amount
        cmp byte [esi], 0
        jne .wrong
        mov eax, [ledger + Ledger.last]
        inc eax
        cmp ebx, eax
        jne .wrong

        mov [ledger + Ledger.last], ebx
        add [ledger + Ledger.accounts + edi * 4], edx
        add [ledger + Ledger.total], edx
        call ledger_write               ; what was answered is on the disk
        call note_time

        mov eax, ebx
        call send_number
        mov al, ' '
        call send
        mov eax, edi
        call send_number
        mov al, ' '
        call send
        mov eax, [ledger + Ledger.accounts + edi * 4]
        call send_number
        mov al, ' '
        call send
        mov eax, [ledger + Ledger.total]
        call send_number
        jmp .end
.wrong:
        inc dword [refused]
        mov al, '?'
        call send
        mov al, ' '
        call send
        mov eax, [ledger + Ledger.last]
        call send_number
.end:
        mov al, 10
        call send
        popad
        ret

; note_time: when request EBX came, as nobody else would say.
note_time:
        pushad
        rdtsc
        and ebx, STAMPS_COUNT - 1
        mov [STAMPS + ebx * 8], eax
        mov [STAMPS + ebx * 8 + 4], edx
        popad
        ret

; parse_number: EAX is the decimal number at ESI, which moves behind it and a blank. Carry: there is none, or it is 2^32 or more.
parse_number:
        push ebx
        push ecx
        push edx
        xor eax, eax
        xor ecx, ecx                    ; digits
.digit:
        movzx ebx, byte [esi]
        sub ebx, '0'
        cmp ebx, 9
        ja .end
        mov edx, 10
        mul edx
        jc .bad
        add eax, ebx
        jc .bad
        inc esi
        inc ecx
        jmp .digit
.end:
        test ecx, ecx
        jz .bad
        cmp byte [esi], ' '
        jne .good
        inc esi
.good:
        clc
        jmp .out
.bad:
        stc
.out:
        pop edx
        pop ecx
        pop ebx
        ret

%include "bank-clerk/serial.asm"
%include "bank-clerk/ledger.asm"
%include "bank-clerk/screen.asm"
%include "bank-clerk/tables.asm"

        align 4096
clerk_end:
