; SMI round trips through port 0xB2 on the first processor, in batches between `<` and `>` on port 0xE9, while the others are parked (HLT) or, with
; BUSY 1, count. The handler is RSM and nothing else. On QEMU SeaBIOS has moved the first processor's SMBASE to 0xA0000; without
; firmware it is 0x30000.

%include "../../boot/smp/bring-up.asm"

ready           equ shared
counter         equ shared + 0x100
SMRAM_REGISTER  equ 0x8000009c
RSM_CODE        equ 0xaa0f

main:
        lock inc dword [ready]
        test ebx, ebx
        jz measure
%if BUSY
        imul ebx, ebx, 64
.count: inc dword [counter + ebx]
        jmp .count
%else
.park:  hlt
        jmp .park
%endif

measure:
        pause
        cmp dword [ready], PROCESSORS
        jb measure
        mov word [0x38000], RSM_CODE
        mov dx, 0xcf8
        mov eax, SMRAM_REGISTER
        out dx, eax
        mov dx, 0xcfd
        mov al, 0x4a
        out dx, al
        mov word [0xa8000], RSM_CODE
        mov al, 0x0a
        out dx, al
        mov dx, 0x630
        mov eax, 0x21
        out dx, eax
        mov ecx, WARM_UP
        call smis
        mov ebp, BATCHES
.batch: mov al, '<'
        out DEBUG_PORT, al
        mov ecx, AMOUNT
        call smis
        mov al, '>'
        out DEBUG_PORT, al
        mov ecx, 1000
        call pause_a_while
        dec ebp
        jnz .batch
        mov al, 0
        out EXIT_PORT, al
.stop:  hlt
        jmp .stop

smis:   mov al, 0
.next:  out 0xb2, al
        dec ecx
        jnz .next
        ret

finish:
        ret

kernel_end:
bss_end         equ kernel_end
